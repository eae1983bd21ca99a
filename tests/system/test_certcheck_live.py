#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""rsp-certcheck against real servers: what each of them does wrong is named with its remedy, and --fix writes what openssl verify is content with."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import certificates
from certificates import Authority, write
from harness import can_connect, free_port, program, require, wait_until


def certcheck(*arguments, status=None):
    done = subprocess.run([program("rsp-certcheck"), *arguments], capture_output=True, text=True, timeout=60)
    if status is not None and done.returncode != status:
        raise AssertionError(f"status {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
    return done


class Live(unittest.TestCase):
    """One set of certificates for all: a root, two intermediates of one key, a leaf of each kind."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="rsp-live-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        os.chmod(cls.folder, 0o755)
        cls.root = Authority(cls.folder, "Live Root")
        cls.middle = cls.root.issue("Live Middle", is_ca=True)
        cls.ec = cls.middle.issue("a.example")
        cls.rsa = cls.middle.issue("a.example", key="rsa:2048")
        cls.old_root = Authority(cls.folder, "Old Root", key="rsa:2048", digest="sha1")
        cls.old_middle = cls.old_root.issue("Old Middle", is_ca=True, key="rsa:2048", digest="sha1")
        cls.old = cls.old_middle.issue("a.example", key="rsa:2048", digest="sha1")

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, command, port, **options):
        require(self, shutil.which(command[0]), command[0])
        process = subprocess.Popen(command, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   cwd=self.folder, **options)
        self.addCleanup(self.end, process)
        wait_until(lambda: process.poll() is not None or can_connect(port), 20, command[0])
        if process.poll() is not None:
            self.fail(f"{command[0]} ended: {process.stderr.read()}")
        return port

    @staticmethod
    def end(process):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stderr):
            if stream:
                stream.close()

    def look(self, port, *options, anchors=None):
        """The targets of the JSON report, by the kind in their names ("": only one)."""
        said = certcheck("--json", "--anchors", (anchors or self.root).cert_file, "--sni", "a.example", *options, f"127.0.0.1:{port}")
        self.assertIn(said.returncode, (0, 2), said.stderr)
        return {t["name"].partition(" (")[2].rstrip(")"): t for t in json.loads(said.stdout)["targets"]}

    @staticmethod
    def ids(target):
        return {f["id"] for f in target["findings"]}

    def text(self, port, *options):
        return certcheck("--anchors", self.root.cert_file, "--sni", "a.example", *options, f"127.0.0.1:{port}").stdout

    def nginx(self, *pairs):
        """Each pair: what stands in the certificate's file, in order; whose key it is."""
        port = free_port()
        lines = []
        for number, (parts, owner) in enumerate(pairs):
            cert, key = write(self.path(f"n{port}-{number}.pem"), *parts), write(self.path(f"n{port}-{number}.key"), owner.key_pem())
            lines.append(f"ssl_certificate {cert}; ssl_certificate_key {key};")
        conf = self.path(f"nginx-{port}.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f"daemon off; master_process off; pid {conf}.pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off;\n"
                    f"client_body_temp_path {self.path('t1')}; proxy_temp_path {self.path('t2')}; fastcgi_temp_path {self.path('t3')};\n"
                    f"uwsgi_temp_path {self.path('t4')}; scgi_temp_path {self.path('t5')};\n"
                    f"server {{ listen 127.0.0.1:{port} ssl; server_name a.example; {' '.join(lines)} return 204; }} }}\n")
        return self.start(["nginx", "-e", "stderr", "-p", self.folder, "-c", conf], port)

    # --- Debian's nginx ---

    def test_nginx_with_two_good_certificates_is_good_twice(self):
        port = self.nginx(([self.rsa, self.middle], self.rsa), ([self.ec, self.middle], self.ec))
        found = self.look(port)
        self.assertEqual(sorted(found), ["ECDSA", "RSA"])
        for target in found.values():
            self.assertEqual([c["sent"] for c in target["certificates"] if c["sent"]], [1, 2])
            self.assertFalse([f for f in target["findings"] if f["severity"] == "error"], target["findings"])
        self.assertEqual(found["RSA"]["live"]["sni"], "a.example")

    def test_a_fault_of_one_of_two_certificates_is_said_of_that_one(self):
        port = self.nginx(([self.rsa], self.rsa), ([self.ec, self.middle], self.ec))
        found = self.look(port)
        self.assertIn("CHAIN-INCOMPLETE", self.ids(found["RSA"]))
        self.assertNotIn("CHAIN-INCOMPLETE", self.ids(found["ECDSA"]))
        self.assertIn("add the intermediate certificates", self.text(port))

    def test_order_and_root_of_nginx_are_said_and_fixed(self):
        extra = self.root.issue("Live Other", is_ca=True)
        port = self.nginx(([self.ec, self.root, extra, self.middle], self.ec))
        found = self.look(port)[""]
        self.assertLessEqual({"CHAIN-ORDER", "CHAIN-ROOT-SENT", "CHAIN-EXTRA"}, self.ids(found))
        fixed = self.path(f"fixed-{port}.pem")
        certcheck("--anchors", self.root.cert_file, "--sni", "a.example", "--fix", fixed, f"127.0.0.1:{port}")
        with open(fixed, encoding="ascii") as f:
            pem = f.read()
        self.assertEqual(pem.count("BEGIN CERTIFICATE"), 2)
        certificates.openssl("verify", "-CAfile", self.root.cert_file, "-untrusted", fixed, "-verify_hostname", "a.example", fixed)
        again = self.nginx(([pem], self.ec))
        self.assertFalse(self.ids(self.look(again)[""]) & {"CHAIN-ORDER", "CHAIN-ROOT-SENT", "CHAIN-EXTRA", "CHAIN-INCOMPLETE"})

    # --- OpenSSL's own ---

    def s_server(self, leaf, chain, *options, stdin=subprocess.PIPE):
        port = free_port()
        cert = write(self.path(f"s{port}.pem"), leaf)
        key = write(self.path(f"s{port}.key"), leaf.key_pem())
        more = ["-cert_chain", write(self.path(f"s{port}.chain"), *chain)] if chain else []
        return self.start(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", cert, "-key", key, *more, "-no_ticket", *options], port,
                          stdin=stdin)

    def test_a_sha_1_chain_at_security_level_0_is_named_in_each_certificate(self):
        port = self.s_server(self.old, [self.old_middle], "-cipher", "DEFAULT@SECLEVEL=0")
        found = self.look(port, anchors=self.old_root)[""]
        self.assertLessEqual({"SIG-SHA1-LEAF", "SIG-SHA1-INTERMEDIATE"}, self.ids(found))
        said = certcheck("--anchors", self.old_root.cert_file, "--sni", "a.example", f"127.0.0.1:{port}", status=2).stdout
        self.assertIn("SHA-1, which can be forged", said)
        self.assertIn("have it issued anew with SHA-256", said)

    def test_a_server_of_tls_1_1_is_seen_and_its_version_said(self):
        port = self.s_server(self.rsa, [self.middle], "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        found = self.look(port)[""]
        self.assertEqual(found["live"]["tls_version"], "TLSv1.1")
        self.assertIn("LIVE-TLS-OLD", self.ids(found))

    def test_a_server_that_wants_a_clients_certificate_is_seen(self):
        port = self.s_server(self.ec, [self.middle], "-Verify", "1")
        self.assertEqual(self.look(port)[""]["live"]["tls_version"], "TLSv1.3")

    # --- GnuTLS ---

    def test_gnutls_serv_shows_its_certificates(self):
        port = free_port()
        cert, key = write(self.path("g.pem"), self.ec, self.middle), write(self.path("g.key"), self.ec.key_pem())
        self.start(["gnutls-serv", "--echo", "--port", str(port), "--x509certfile", cert, "--x509keyfile", key], port)
        found = self.look(port)[""]
        self.assertEqual([c["sent"] for c in found["certificates"] if c["sent"]], [1, 2])
        self.assertIn("default", found["live"]["probes"])
        self.assertNotIn("CHAIN-INCOMPLETE", self.ids(found))

    def test_what_gnutls_serv_sends_wrong_is_said(self):
        port = free_port()
        cert, key = write(self.path("gw.pem"), self.ec, self.middle, self.root), write(self.path("gw.key"), self.ec.key_pem())
        self.start(["gnutls-serv", "--echo", "--port", str(port), "--x509certfile", cert, "--x509keyfile", key], port)
        self.assertIn("CHAIN-ROOT-SENT", self.ids(self.look(port)[""]))
        self.assertIn("leave it out", self.text(port))

    # --- STARTTLS: Debian's dovecot ---

    def dovecot(self, *parts):
        port = free_port()
        home = self.path(f"dovecot-{port}")
        os.mkdir(home)
        cert, key = write(os.path.join(home, "c.pem"), *parts), write(os.path.join(home, "c.key"), self.ec.key_pem())
        conf = os.path.join(home, "dovecot.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f"base_dir = {home}/run\nstate_dir = {home}/state\nlog_path = {home}/log\nprotocols = imap\nlisten = 127.0.0.1\n"
                    f"ssl = yes\nssl_cert = <{cert}\nssl_key = <{key}\nmail_location = maildir:{home}/mail\n"
                    f"service imap-login {{\nchroot =\ninet_listener imap {{\nport = {port}\n}}\ninet_listener imaps {{\nport = 0\n}}\n}}\n"
                    "passdb {\ndriver = static\nargs = password=x\n}\nuserdb {\ndriver = static\nargs = uid=nobody gid=nogroup home=/nonexistent\n}\n")
        return self.start(["dovecot", "-F", "-c", conf], port)

    @unittest.skipUnless(os.geteuid() == 0, "dovecot wants to be started by root")
    def test_dovecot_is_asked_with_starttls_and_its_missing_intermediate_said(self):
        found = self.look(self.dovecot(self.ec, self.middle), "--starttls", "imap")[""]
        self.assertEqual(found["live"]["starttls"], "imap")
        self.assertNotIn("CHAIN-INCOMPLETE", self.ids(found))
        self.assertIn("CHAIN-INCOMPLETE", self.ids(self.look(self.dovecot(self.ec), "--starttls", "imap")[""]))

    # --- STARTTLS: Debian's postfix ---

    def postfix(self, *parts):
        """Its master by itself: the command postfix looks through all of its folders first, for seconds."""
        require(self, shutil.which("postfix"), "postfix")
        port = free_port()
        home = self.path(f"postfix-{port}")
        for folder in ("", "data", "queue", "queue/pid", "queue/private", "queue/public"):
            os.mkdir(os.path.join(home, folder))
        for folder in ("data", "queue/private", "queue/public"):
            shutil.chown(os.path.join(home, folder), "postfix")
        cert, key = write(os.path.join(home, "c.pem"), *parts), write(os.path.join(home, "c.key"), self.ec.key_pem())
        write(os.path.join(home, "main.cf"),
              f"compatibility_level = 3.6\nqueue_directory = {home}/queue\ndata_directory = {home}/data\nmaillog_file = {home}/log\n"
              f"maillog_file_prefixes = {home}\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = a.example\nmydestination =\n"
              f"local_recipient_maps =\nalias_maps =\nalias_database =\nsmtpd_tls_security_level = may\nsmtpd_tls_chain_files = {key}, {cert}\n")
        write(os.path.join(home, "master.cf"), f"127.0.0.1:{port} inet n - n - 1 smtpd\ntlsmgr unix - - n 1000? 1 tlsmgr\nanvil unix - - n - 1 anvil\n"
              "postlog unix-dgram n - n - 1 postlogd\n")
        daemons = subprocess.run(["postconf", "-h", "daemon_directory"], capture_output=True, text=True, check=True).stdout.strip()
        # It ends its process group with itself.
        return self.start([os.path.join(daemons, "master"), "-c", home, "-d"], port, start_new_session=True)

    @unittest.skipUnless(os.geteuid() == 0, "postfix wants to be started by root")
    def test_postfix_is_asked_with_starttls_and_what_it_sends_wrong_is_said(self):
        found = self.look(self.postfix(self.ec, self.middle), "--starttls", "smtp")[""]
        self.assertEqual(found["live"]["starttls"], "smtp")
        self.assertFalse(self.ids(found) & {"CHAIN-ORDER", "CHAIN-ROOT-SENT", "CHAIN-INCOMPLETE", "NAME-MISMATCH"})
        port = self.postfix(self.ec, self.root, self.middle)
        self.assertLessEqual({"CHAIN-ORDER", "CHAIN-ROOT-SENT"}, self.ids(self.look(port, "--starttls", "smtp")[""]))
        self.assertIn("CHAIN-INCOMPLETE", self.ids(self.look(self.postfix(self.ec), "--starttls", "smtp")[""]))

    @unittest.skipUnless(os.path.exists("/proc/net/if_inet6"), "there is no IPv6 here")
    def test_a_server_is_asked_by_its_ipv6_address(self):
        leaf = self.middle.issue("b.example", names="IP:::1")
        cert, key, port = write(self.path("6.pem"), leaf, self.middle), write(self.path("6.key"), leaf.key_pem()), free_port()
        process = subprocess.Popen(["openssl", "s_server", "-accept", f"[::1]:{port}", "-cert", cert, "-key", key, "-cert_chain", cert],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        judge = ["--json", "--anchors", self.root.cert_file, f"[::1]:{port}"]
        wait_until(lambda: process.poll() is not None or certcheck(*judge).returncode != 3, 20, "s_server")
        target = json.loads(certcheck(*judge, status=0).stdout)["targets"][0]
        self.assertEqual(target["live"]["address"], f"[::1]:{port}")
        self.assertNotIn("NAME-MISMATCH", self.ids(target))
        self.assertIn("NAME-MISMATCH", self.ids(json.loads(certcheck("--host", "::2", *judge, status=2).stdout)["targets"][0]))

    def test_tls_from_the_first_byte_on_a_port_of_another_protocol_is_asked_for_with_none(self):
        cert, key = write(self.path("n.pem"), self.ec, self.middle), write(self.path("n.key"), self.ec.key_pem())
        address = "127.83.71.3"  # nobody else's port 2525
        process = subprocess.Popen(["openssl", "s_server", "-accept", f"{address}:2525", "-cert", cert, "-key", key, "-cert_chain", cert],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        judge = ["--json", "--anchors", self.root.cert_file, "--sni", "a.example", "--timeout", "5", f"{address}:2525"]
        wait_until(lambda: process.poll() is not None or certcheck("--starttls", "none", *judge).returncode != 3, 20, "s_server")
        live = json.loads(certcheck("--starttls", "none", *judge).stdout)["targets"][0]["live"]
        self.assertNotIn("starttls", live)
        self.assertIn("STARTTLS (smtp): no answer in time", certcheck("--timeout", "1", f"{address}:2525", status=3).stderr)

    # --- what is no server, and where else certificates come from ---

    def test_where_nobody_answers_the_status_is_3(self):
        said = certcheck(f"127.0.0.1:{free_port()}", status=3)
        self.assertIn("Connection refused", said.stderr)

    def test_a_protocol_that_is_not_known_is_said(self):
        self.assertIn("'gopher' is not known; there are none, smtp, ", certcheck("--starttls", "gopher", "127.0.0.1:1", status=64).stderr)

    def test_a_pkcs12_file_is_opened_with_a_password_file_or_the_environment(self):
        certificates.openssl("pkcs12", "-export", "-in", self.ec.cert_file, "-inkey", self.ec.key_file, "-certfile", self.middle.cert_file,
                             "-passout", "pass:secret", "-out", self.path("a.p12"))
        judge = ["--anchors", self.root.cert_file, self.path("a.p12")]
        self.assertIn("a password, and none was given", certcheck(*judge, status=3).stderr)
        password = write(self.path("password"), "secret\n")
        said = certcheck("--json", "--password-file", password, *judge)
        self.assertFalse([f for f in json.loads(said.stdout)["targets"][0]["findings"] if f["severity"] == "error"], said.stdout)
        said = subprocess.run([program("rsp-certcheck"), *judge], capture_output=True, text=True, timeout=30,
                              env=dict(os.environ, RSP_CERTCHECK_PASSWORD="secret"))
        self.assertNotEqual(said.returncode, 3, said.stderr)

    def test_a_route_files_certificates_are_judged_for_their_sites(self):
        write(self.path("site.pem"), self.ec, self.middle, self.ec.key_pem())
        routes = write(self.path("rsp.lua"), f'listen {{ https = "127.0.0.1:{free_port()}" }}\n',
                       'site "a.example" { respond = { 200, "a" }, tls = { cert = "site.pem" } }\n',
                       'site "b.example" { respond = { 200, "b" }, tls = { cert = "site.pem" } }\n')
        said = certcheck("--json", "--anchors", self.root.cert_file, "--config", routes, status=2)
        ids = [self.ids(t) for t in json.loads(said.stdout)["targets"]]
        self.assertNotIn("NAME-MISMATCH", ids[0])
        self.assertIn("NAME-MISMATCH", ids[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
