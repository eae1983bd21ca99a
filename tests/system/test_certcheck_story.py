#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""August 2015: a CA's key certified with SHA-1 and with SHA-256, and clients that take the one or the other."""

import subprocess
import tempfile
import unittest

from notary import Notary
from harness import program

POLICY = ("--policy", "seed-2015", "--at", "2015-08-06")


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tmp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.tmp.cleanup)
        a = cls.notary = Notary(cls.tmp.name)
        root = a.issue("Root CA", digest="sha1", begins="2006-01-01")
        root_256 = a.issue("Root CA", begins="2014-06-01")
        old = a.issue("Legacy CA", digest="sha1", begins="2000-01-01", ends="2020-01-01")
        cross = a.issue("Root CA", ("Legacy CA", old), digest="sha1", begins="2006-01-01", ends="2020-01-01")
        weak = a.issue("Middle CA", ("Root CA", root), digest="sha1", begins="2010-01-01", ends="2020-01-01")
        strong = a.issue("Middle CA", ("Root CA", root_256), begins="2014-06-01", ends="2024-01-01")
        same_end = a.issue("Middle CA", ("Root CA", root_256), begins="2014-06-01", ends="2020-01-01")
        until_2016 = a.leaf("a.example", ("Middle CA", strong), begins="2015-01-01", ends="2016-06-01")
        until_2015 = a.leaf("a.example", ("Middle CA", strong), begins="2015-01-01", ends="2015-12-31")
        cls.anchors = a.write("anchors.pem", root, root_256, old)
        cls.both = a.write("both.pem", until_2016, weak, strong)
        cls.turned = a.write("turned.pem", until_2016, same_end, weak, cross)
        cls.whole = a.write("whole.pem", until_2016, weak, strong, root, root_256)
        cls.only_weak = a.write("only_weak.pem", until_2016, weak)
        cls.short = a.write("short.pem", until_2015, weak, strong)

    def check(self, file, client, status, anchors=True):
        trusted = ("--anchors", self.anchors) if anchors else ()
        said = subprocess.run([program("rsp-certcheck"), *POLICY, *trusted, "--simulate", client, file], capture_output=True, text=True, timeout=30)
        self.assertEqual(said.returncode, status, said.stdout + said.stderr)
        return said.stdout

    def test_an_old_client_takes_the_weak_version_and_is_told_which_certificate_breaks_it(self):
        for file in (self.both, self.turned):
            out = self.check(file, "nss-3.17.3", 2)
            self.assertRegex(out, r'nss-3\.17\.3 +broken: "(Middle|Root) CA" \(serial [0-9A-F]+\): .*SHA-1')
            self.assertIn("finding: CLIENT-BROKEN: ", out)

    def test_clients_that_prefer_the_newest_or_the_strongest_are_content_with_the_same_files(self):
        for client in ("nss-3.17.4", "chromium", "strongest", "go"):
            for file in (self.both, self.turned):
                self.assertRegex(self.check(file, client, 0), client.replace(".", r"\.") + " +good, over ")

    def test_it_comes_out_the_same_when_the_root_is_only_in_the_file(self):
        self.check(self.whole, "nss-3.17.3", 2, anchors=False)
        for client in ("nss-3.17.4", "chromium", "strongest"):
            self.check(self.whole, client, 0, anchors=False)

    def test_a_chain_with_only_a_sha1_intermediate_is_broken_for_every_client(self):
        out = self.check(self.only_weak, "all", 2)
        self.assertEqual(out.count(" broken: "), 7, out)
        self.assertNotRegex(out, r" good(, over|\n)")
        self.assertIn("finding: SEED-SHA1: ", out)

    def test_the_same_certificate_is_accepted_when_it_ends_in_2015(self):
        for client in ("nss-3.17.3", "nss-3.17.4", "chromium", "strongest"):
            self.check(self.short, client, 0)

    def test_openssl_takes_the_first_that_fits(self):
        turned = self.notary.write("reversed.pem", *reversed_middle(self.both))
        self.assertIn(" broken: ", self.check(self.both, "openssl-untrusted-first", 2))
        self.assertIn("good, over ", self.check(turned, "openssl-untrusted-first", 0))

    def test_verify_obeys_the_policy_as_well(self):
        blocks = split(self.both)
        leaf, weak = self.notary.write("leaf.pem", blocks[0]), self.notary.write("weak.pem", blocks[1])
        command = [program("rsp-certcheck"), "--verify", "--anchors", self.anchors, "--at", "2015-08-06", "--chain"]
        for chain, policy, status in ((weak, "seed-2015", 2), (self.both, "seed-2015", 0), (weak, "chrome-2015", 0), (self.both, None, 0)):
            said = subprocess.run([*command, chain, *(("--policy", policy) if policy else ()), leaf], capture_output=True, text=True, timeout=30)
            self.assertEqual(said.returncode, status, said.stdout + said.stderr)


def split(path):
    with open(path, encoding="ascii") as f:
        return ["-----BEGIN" + block for block in f.read().split("-----BEGIN")[1:]]


def reversed_middle(path):
    first, *rest = split(path)
    return [first, *reversed(rest)]


if __name__ == "__main__":
    unittest.main()
