#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Every word that rsp-certcheck can be given, given wrongly: empty, twice, of another kind, against another; and what is no target."""

import os
import re
import subprocess
import tempfile
import unittest

import certificates
from harness import program

MISUSED = 64
WITH_FILES = ("--config", "--password-file", "--anchors", "--prometheus", "--fix")
VERIFY_FILES = ("--anchors", "--chain", "--crl")
# What each option that has an argument takes, and words that it does not.
VALUES = {
    "--host": ("a.example", ["a..example", "two words", "1:2"]), "--sni": ("a.example", ["-a_b!"]), "--starttls": ("smtp", ["gopher", "SMTP "]),
    "--timeout": ("5", ["0", "3601", "1.5", "99999999999999999999"]), "--at": ("2026-11-23", ["soon", "2026-02-30", "2026-11-23T25:00:00Z"]),
    "--policy": ("cabf-2026", []), "--simulate": ("go", ["netscape", "go,,chromium"]), "-w": ("30", ["x", "100001"]),
    "-c": ("3", ["-1"]),
} | {option: ("/nonexistent", []) for option in WITH_FILES}
VERIFY_VALUES = {
    "--host": ("a.example", []), "--at": ("1764000000", ["12x"]), "--policy": ("cabf-2026", []), "--purpose": ("server", ["Server"]),
    "--max-depth": ("3", ["1001"]),
    "--initial-policy-set": ("1.2.3", ["1.2..3", "1.2.", ".1.2", "3.1.2", "1.40.1", "1", "1.2.03", "1.2.3,", "1.2.3 ", "." * 300]),
} | {option: ("/nonexistent", []) for option in VERIFY_FILES}
MAY_BE_EMPTY = {"--sni"}
ADDS_UP = {"--simulate", "--initial-policy-set"}


def certcheck(*arguments, **options):
    return subprocess.run([program("rsp-certcheck"), *arguments], capture_output=True, text=True, timeout=30, check=False, **options)


class Words(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.good = certificates.make(folder.name, "a.example")
        cls.judge = ["--verify", "--anchors", cls.good]

    def is_misused(self, *words, says=None):
        said = certcheck(*words)
        self.assertEqual((said.returncode, said.stdout), (MISUSED, ""), f"{words}: {said.stdout}{said.stderr}")
        self.assertIn("usage:", said.stderr)
        self.assertTrue(said.stderr.startswith(("rsp-certcheck: ", program("rsp-certcheck"))), said.stderr)  # the other is getopt's
        if says:
            self.assertIn(says, said.stderr)

    def test_every_option_with_an_argument_is_tried_here(self):
        options, verify = certcheck("--help").stdout.partition("\nWith --verify:")[::2]
        self.assertEqual(set(re.findall(r"(?m)^  (--?[A-Za-z-]+) [A-Z]", options)), set(VALUES))
        self.assertEqual(set(re.findall(r"(?m)^  (--?[A-Za-z-]+) [A-Z]", verify)), set(VERIFY_VALUES))

    def test_an_option_without_its_argument_or_with_a_wrong_or_empty_one_is_wrong_usage(self):
        self.is_misused(self.good, "--host")
        for option, (_, wrong) in VALUES.items():
            for value in wrong + ([] if option in MAY_BE_EMPTY else [""]):
                self.is_misused(option, value, self.good, says=option)
        self.assertEqual(certcheck("--sni", "", self.good).returncode, 0)

    def test_a_host_may_be_an_address(self):
        for address in ("192.0.2.1", "::1", "[2001:db8::1]"):
            said = certcheck("--host", address, self.good)
            self.assertIn(address, said.stdout)
            self.assertNotEqual(said.returncode, MISUSED)

    def test_the_same_of_those_of_verify(self):
        for option, (_, wrong) in VERIFY_VALUES.items():
            before = ["--verify"] if option == "--anchors" else self.judge
            for value in wrong + ([] if option == "--host" else [""]):
                self.is_misused(*before, option, value, self.good, says=option)

    def test_an_option_that_is_given_twice_is_not_taken_once(self):
        for option, (value, _) in VALUES.items():
            if option not in ADDS_UP:
                self.is_misused(option, value, option, value, self.good, says=option + ": is given twice")
        for option, (value, _) in VERIFY_VALUES.items():
            if option not in ADDS_UP | {"--anchors"}:
                self.is_misused(*self.judge, option, value, option, value, self.good, says=option + ": is given twice")
        self.is_misused(*self.judge, "--anchors", self.good, self.good, says="--anchors: is given twice")
        self.assertIn("chromium", certcheck("--simulate", "go", "--simulate", "chromium", self.good).stdout)

    def test_words_that_contradict_each_other_are_wrong_usage(self):
        forms = ("--json", "--sarif", "--junit", "--nagios", "--dot")
        for form, other in zip(forms, forms[1:] + forms[:1]):
            self.is_misused(form, other, self.good)
        for words in (["-w", "3", "-c", "7"], ["--with-key"], ["--fix", "/nonexistent", self.good], ["--fix", "/nonexistent", "--config", "x.lua"]):
            self.is_misused(*words, self.good)
        for words in ([], ["--json"], ["--yaml", self.good], ["-x", self.good], ["--json=1", self.good], [self.good, ""]):
            self.is_misused(*words)
        for words in ([], ["x", "y"], ["--json", "x"], ["-W", "x"], [""]):
            self.is_misused(*self.judge, *words)
        self.is_misused("--verify", self.good, says="--verify needs --anchors")

    def test_an_ipv6_address_is_a_host_with_and_without_brackets(self):
        for host in ("::1", "[::1]", "2001:DB8:0::1"):
            said = certcheck("--host", host, self.good)
            self.assertEqual((said.returncode, said.stderr), (2, ""), host)
            self.assertRegex(said.stdout, r"NAME-MISMATCH: .*\[(2001:db8)?::1\]")
            self.assertIn("Connection refused", certcheck("--sni", host, "127.0.0.1:1").stderr)

    def test_days_that_were_not_said_contradict_nothing(self):
        for words in (["-w", "3"], ["-c", "30"], ["-w", "0"]):
            self.assertEqual(certcheck(*words, self.good).returncode, 0, words)

    def test_help_and_version_are_given_whatever_else_is_said(self):
        for words in (["--help"], ["--help", "--verify"], ["--verify", "--help"], ["--json", "x", "-h"], [*self.judge, "-h", "x"]):
            said = certcheck(*words)
            self.assertEqual((said.returncode, said.stderr), (0, ""), words)
            self.assertIn("With --verify:", said.stdout)
        for words in (["-V"], ["--version", "--verify"], ["--verify", "--version"], ["--vers", "x"]):
            self.assertRegex(certcheck(*words).stdout, r"^rsp-certcheck \d+\.\d+\.\d+ \(OpenSSL .*\)\n$", words)
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([program("rsp-certcheck"), "--help"], stdout=full, stderr=subprocess.PIPE, timeout=30, check=False)
        self.assertEqual(done.returncode, 3)

    def test_verify_that_is_not_written_out_is_the_same(self):
        self.assertEqual(certcheck("--veri", "--anchors", self.good, self.good).stdout, certcheck(*self.judge, self.good).stdout)
        self.is_misused("--ver", self.good)

    def test_a_target_that_is_nothing_is_said_with_what_is_wrong_and_the_others_are_looked_at(self):
        for word, words in (("a.example:99999", "the port is no number from 1 to 65535"), ("[::1", "a '[' without its ']'"), (":443", "there is no host"),
                            ("two words", "no host can have this name"), ("none.pem", "No such file or directory")):
            said = certcheck(word, self.good)
            self.assertEqual(said.returncode, 3, said.stderr)
            self.assertRegex(said.stderr, rf"^{re.escape(word)}: .*{re.escape(words)}\n$")
            self.assertIn(self.good + ": 1 warning", said.stdout)
        self.assertIn("'xn--bcher-kva.invalid'", certcheck("--timeout", "1", "b\u00fccher.invalid").stderr)


if __name__ == "__main__":
    unittest.main()
