#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""tls { chain_dir = ... }: what a certificate's file lacks is sent from there, by every worker, and after each reload as the directory is then."""

import os
import subprocess

import certificates
from harness import SystemTest, main, wait_until


def sent_by(port):
    """The subjects of the certificates that a client is sent."""
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "a.example", "-showcerts"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    return [line.split("CN = ")[1] for line in said.stdout.splitlines() if " s:" in line and "CN = " in line]


class ChainDir(SystemTest):
    def test_what_a_file_lacks_is_sent_and_a_reload_reads_the_directory_anew(self):
        rsp = self.rsp('site "a.example" { respond = { 200, "a\\n" } }', tls=True, workers=2)
        authority = certificates.Authority(rsp.folder)
        middle = authority.issue("Test Middle", is_ca=True)
        leaf = middle.issue("a.example")
        certificates.write(rsp.path("certs/a.example.pem"), leaf, leaf.key_pem())
        os.mkdir(rsp.path("chains"))
        with open(rsp.path("chains/middle.cer"), "wb") as f:
            f.write(middle.der())
        with open(rsp.path("rsp.lua"), encoding="utf-8") as f:
            routes = f.read().replace("tls {", f'tls {{ chain_dir = "{rsp.path("chains")}/",')
        with open(rsp.path("rsp.lua"), "w", encoding="utf-8") as f:
            f.write(routes)
        status, said = rsp.reload()
        self.assertEqual(status, 0, said)
        for _ in range(6):  # either worker
            self.assertEqual(sent_by(rsp.https), ["a.example", "Test Middle"])
        self.assertIn("is sent from " + rsp.path("chains/middle.cer"), rsp.errors())
        os.unlink(rsp.path("chains/middle.cer"))
        status, said = rsp.reload()
        self.assertEqual(status, 3, said)  # reloaded, with problems
        self.assertIn("no file with intermediate certificates in it", said)
        wait_until(lambda: sent_by(rsp.https) == ["a.example"], 10, "the chain without the directory's certificate")


if __name__ == "__main__":
    main()
