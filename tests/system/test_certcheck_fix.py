#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What rsp-certcheck --fix makes of a bad file, served to Chromium, which trusts the root and nothing else."""

import datetime
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import can_connect, free_port, program, require, wait_until
from notary import Notary

CONF = """daemon off; master_process off; pid {folder}/{port}.pid; error_log stderr;
events {{ }}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} ssl; ssl_certificate {chain}; ssl_certificate_key {chain};
        location / {{ return 200 "all is well"; }}
    }}
}}
"""


def days_from_now(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


class Fixed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tmp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.tmp.cleanup)
        a = cls.notary = Notary(cls.tmp.name)
        times = {"begins": days_from_now(-10), "ends": days_from_now(300)}
        root = a.issue("Root CA", **times)
        weak = a.issue("Middle CA", ("Root CA", root), digest="sha1", **times)
        strong = a.issue("Middle CA", ("Root CA", root), **times)
        leaf = a.leaf("localhost", ("Middle CA", strong), begins=days_from_now(-2), ends=days_from_now(60))
        with open(a.key("localhost"), encoding="ascii") as f:
            key = f.read()
        cls.root = a.write("root.pem", root)
        cls.bad = a.write("bad.pem", root, weak, leaf, key, strong, leaf)
        cls.alone = a.write("alone.pem", leaf, key)
        cls.fixed = os.path.join(cls.tmp.name, "fixed.pem")
        cls.said = subprocess.run([program("rsp-certcheck"), "--anchors", cls.root, "--fix", cls.fixed, "--with-key", cls.bad],
                                  capture_output=True, text=True, timeout=30, check=False)

    def serve(self, chain):
        """nginx, which sends a file's certificates as they stand there; its port."""
        require(self, os.path.exists("/usr/sbin/nginx"), "nginx")
        port = free_port()
        conf = self.notary.write(f"nginx-{port}.conf", CONF.format(folder=self.tmp.name, port=port, chain=chain))
        server = subprocess.Popen(["/usr/sbin/nginx", "-e", "stderr", "-p", self.tmp.name, "-c", conf], stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (server.terminate(), server.wait(10)))
        wait_until(lambda: can_connect(port), what="nginx")
        return port

    def ask_chromium(self, port):
        """What it shows of the server's page, and its log."""
        browser, certutil = shutil.which("chromium"), shutil.which("certutil")
        require(self, browser and certutil, "chromium and certutil")
        with tempfile.TemporaryDirectory() as home:
            store = os.path.join(home, ".pki", "nssdb")
            os.makedirs(store)
            for command in (["-N", "--empty-password"], ["-A", "-n", "root", "-t", "C,,", "-i", self.root]):
                subprocess.run([certutil, "-d", "sql:" + store, *command], check=True, capture_output=True, timeout=30)
            done = subprocess.run(
                [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
                 "--no-default-browser-check", f"--user-data-dir={home}/profile", "--enable-logging=stderr", "--log-level=0",
                 "--timeout=20000", "--dump-dom", f"https://localhost:{port}/"],
                capture_output=True, text=True, timeout=100, check=False, env=dict(os.environ, HOME=home))
            return done.stdout, done.stderr

    def test_openssl_verify_is_content(self):
        self.assertEqual(self.said.returncode, 2, self.said.stderr)
        done = subprocess.run(["openssl", "verify", "-x509_strict", "-auth_level", "2", "-purpose", "sslserver", "-verify_hostname", "localhost",
                               "-CAfile", self.root, "-untrusted", self.fixed, self.fixed], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_chromium_is_content_and_was_not_without_the_intermediate(self):
        page, log = self.ask_chromium(self.serve(self.fixed))
        self.assertIn("all is well", page, log[-3000:])
        page, log = self.ask_chromium(self.serve(self.alone))
        self.assertNotIn("all is well", page)
        self.assertTrue(re.search(r"ERR_CERT_AUTHORITY_INVALID|-202\b|net_error", page + log), (page + log)[-3000:])


if __name__ == "__main__":
    unittest.main()
