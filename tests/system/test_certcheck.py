#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""rsp-certcheck as it is called: what it prints, where, and with which exit status."""

import os
import subprocess
import tempfile
import unittest

import certificates
from harness import program


def certcheck(*arguments):
    return subprocess.run([program("rsp-certcheck"), *arguments], capture_output=True, text=True, timeout=30)


class Certcheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def test_a_good_file_is_described_with_status_0(self):
        path = certificates.make(self.folder, "a.example", extra_names=["www.a.example"])
        said = certcheck(path)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertEqual(said.stderr, "")
        for part in (path, 'names       "a.example", "www.a.example", "127.0.0.1"', "key         EC P-256",
                     "private key   matches certificate 1"):
            self.assertIn(part, said.stdout)

    def test_a_key_that_does_not_match_is_a_finding_with_status_2(self):
        good = certificates.make(self.folder, "a.example")
        wrong = certificates.with_wrong_key(self.folder, "b.example")
        said = certcheck(good, wrong)
        self.assertEqual(said.returncode, 2)
        self.assertIn(f"{wrong}: finding: KEY-MISMATCH: the private key matches no certificate of the file", said.stdout)

    def test_what_is_wrong_comes_first_the_worst_before_the_rest_and_with_how_to_mend_it(self):
        good, soon = certificates.make(self.folder, "a.example"), certificates.with_wrong_key(self.folder, "b.example")
        lines = certcheck("-w", "100000", soon).stdout.splitlines()
        self.assertEqual(lines[0], soon + ": 1 finding, 2 warnings")
        self.assertEqual([line.removeprefix(soon + ": ").split(":")[0].strip() for line in lines[1:7]],
                         ["finding", "to mend it", "warning", "to mend it", "warning", "to mend it"])
        self.assertIn('(certificate 1: "b.example" ', "\n".join(lines[1:7]))
        self.assertTrue(lines[7].startswith("  certificate 1: "), lines[7])
        self.assertEqual(certcheck(good).stdout.splitlines()[-1], "  status        1 warning")  # it is self-signed

    def test_what_cannot_be_read_gives_status_3_and_the_other_files_are_still_shown(self):
        good = certificates.make(self.folder, "a.example")
        said = certcheck(os.path.join(self.folder, "none.pem"), self.write("text.pem", "hello\n"), good)
        self.assertEqual(said.returncode, 3)
        self.assertIn("none.pem: No such file or directory", said.stderr)
        self.assertIn("text.pem: holds no certificate", said.stderr)
        self.assertIn("matches certificate 1", said.stdout)

    def test_a_damaged_block_is_named_with_its_line(self):
        path = self.write("cut.pem", "\n\n-----BEGIN CERTIFICATE-----\nMIIB\n")
        said = certcheck(path)
        self.assertEqual(said.returncode, 3)
        self.assertIn(path + ":3: ", said.stderr)

    def test_usage(self):
        self.assertEqual(certcheck().returncode, 64)
        for wrong in (["--yaml", "x.pem"], ["--json", "--sarif", "x.pem"], ["--simulate", "netscape", "x.pem"], ["--at", "soon", "x.pem"],
                      ["--with-key", "x.pem"], ["-w", "3", "-c", "7", "x.pem"], ["-w", "x", "x.pem"], ["--json"]):
            said = certcheck(*wrong)
            self.assertEqual(said.returncode, 64, wrong)
            self.assertIn("usage: rsp-certcheck", said.stderr)
        self.assertIn("Exit status", certcheck("--help").stdout)
        self.assertRegex(certcheck("-V").stdout, r"^rsp-certcheck \d+\.\d+\.\d+ \(OpenSSL ")

    def test_a_path_is_verified_at_a_time_and_for_a_host(self):
        path, empty = certificates.make(self.folder, "a.example"), self.write("empty.pem", "")
        judge = ["--verify", "--anchors", path, "--chain", empty, "--crl", empty]
        said = certcheck(*judge, "--host", "", path)
        self.assertEqual((said.returncode, said.stderr), (0, ""), said.stdout)
        self.assertIn("valid: trusted itself", said.stdout)
        late = certcheck(*judge, "--at", "2999-01-01T00:00:00Z", path)
        self.assertEqual(late.returncode, 2)
        self.assertIn("it has expired", late.stdout)
        self.assertEqual(certcheck(*judge, "--at", "32472144000", path).stdout, late.stdout)
        self.assertIn('is not for "b.example" but for "a.example"', certcheck(*judge, "--host", "b.example", path).stdout)
        self.assertIn("it is self-signed and not among the trusted ones", certcheck("--verify", "--anchors", empty, path).stdout)

    def test_lists_that_cannot_be_read_are_not_taken_for_none(self):
        path, empty, text = certificates.make(self.folder, "a.example"), self.write("empty.pem", ""), self.write("text.crl", "no list\n")
        judge = ["--verify", "--anchors", path]
        self.assertEqual(certcheck(*judge, "--crl", empty, path).returncode, 0)
        for wrong in (text, path):
            said = certcheck(*judge, "--crl", wrong, path)
            self.assertEqual(said.returncode, 2, said.stdout)
            self.assertIn("holds no revocation list", said.stdout)
        for twice in ("--crl", "--chain", "--anchors"):
            said = certcheck(*judge, twice, empty, twice, empty, path)
            self.assertEqual((said.returncode, "only one can count" in said.stderr), (64, True), said.stderr)
        self.assertEqual(certcheck(*judge, "--at", "2027-02-29", path).returncode, 64)
        self.assertEqual(certcheck(*judge, "--at", "2027-02-28", path).returncode, 2)  # expired by then

    def test_certificate_policies_are_asked_for_with_the_names_of_the_rfc(self):
        root = certificates.Authority(self.folder)
        leaf = os.path.join(self.folder, "leaf.pem")
        certificates.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", leaf + ".key", "-out", leaf,
                             "-CA", root.cert_file, "-CAkey", root.key_file, "-subj", "/CN=leaf", "-addext", "certificatePolicies=2.23.140.1.2.1")
        explicit = ["--initial-explicit-policy"]
        for status, options in ((0, []), (0, explicit), (0, [*explicit, "--initial-policy-set", "1.2.3,2.23.140.1.2.1"]),
                                (0, ["--initial-policy-set", "1.2.3"]), (2, [*explicit, "--initial-policy-set", "1.2.3"]),
                                (0, [*explicit, "--initial-policy-set", "1.2.3", "--initial-policy-set", "2.23.140.1.2.1"]),
                                (0, [*explicit, "--initial-policy-mapping-inhibit", "--initial-any-policy-inhibit"]),
                                (64, ["--initial-policy-set", "1.2.3,,1.2.4"]), (64, ["--initial-policy-set", "anyPolicy"])):
            said = certcheck("--verify", "--anchors", root.cert_file, *options, leaf)
            self.assertEqual(said.returncode, status, f"{options}: {said.stdout}{said.stderr}")
        bare = certcheck("--verify", "--anchors", root.cert_file, *explicit, root.issue("bare", names="DNS:bare").cert_file)
        self.assertEqual(bare.returncode, 2)
        self.assertIn("a policy is required, and there is none in common on its path", bare.stdout)

    def test_a_path_that_cannot_be_checked_is_told_from_one_that_is_refused(self):
        path = certificates.make(self.folder, "a.example")
        missing = certcheck("--verify", "--anchors", os.path.join(self.folder, "none.pem"), path)
        self.assertEqual(missing.returncode, 3)
        self.assertIn("none.pem: No such file or directory", missing.stderr)
        for wrong in ([path], ["--anchors", path], ["--anchors", path, "--at", "soon", path], ["--anchors", path, "--purpose", "x", path],
                      ["--anchors", path, "--json", path]):
            self.assertEqual(certcheck("--verify", *wrong).returncode, 64, wrong)

    def test_a_file_whose_name_begins_with_a_dash_follows_two_dashes(self):
        self.assertEqual(certcheck("--", "-none.pem").returncode, 3)


if __name__ == "__main__":
    unittest.main()
