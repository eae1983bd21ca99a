#!/usr/bin/python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Names made to break what is written: of files, and in certificates. Every form of rsp-certcheck stays what it is, and a terminal obeys nothing in it."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import jsonschema
import junitparser
from prometheus_client.parser import text_string_to_metric_families

from certificates import openssl
from harness import ROOT, program, require

ODD = {
    "newline": b"a\nb: OK", "return": b"a\rb", "quotes": b"\"'`\\", "markup": b"<b>&amp;]]>", "bar": b"a|b=1;2", "terminal": b"\x1b]0;x\x07\x1b[31m", "eight_bits": b"\x9b31m",
    "malformed": b"\xff\xfe\xc0\x80", "from_right": "\u202egnp.exe\u2066".encode(), "marks": "a\u200e\u200f\u061c\u2028\u2029\ufeffb".encode(),
    "beyond_16_bits": "\U0001f600\U0010ffff".encode(), "percent": b"%s%n%00", "lua": b"{} [[ ]]", "spaces": b"  a  b  ",
}
UNSEEN = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u061c\ufeff\ufffe\uffff]")


def certificate(folder, name, long_bytes=0):
    """Self-signed, in DER, with the name in its subject and in subjectAltName, byte by byte as it is."""
    config, out = os.path.join(folder, "conf"), os.path.join(folder, "made.der")
    with open(config, "w", encoding="ascii") as f:
        f.write("[req]\ndistinguished_name = n\nprompt = no\n[n]\nO = x\n[e]\nsubjectAltName = DNS:a.example,otherName:1.2.3.4;UTF8:NAME,dirName:d\n[d]\nCN = NAME\n")
    key = os.path.join(folder, "key")
    if not os.path.exists(key):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    der = openssl("req", "-x509", "-config", config, "-extensions", "e", "-key", key, "-subj", "/CN=NAME", "-outform", "der", "-days", "30")
    with open(out, "wb") as f:
        f.write(renamed(der, b"x" * long_bytes + name))
    return out


def renamed(der, name):
    """The same certificate with the name for NAME, wherever it stands; the lengths around it follow. Its signature does not fit any more."""
    def length(n):
        return bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")

    def walk(content):
        out, at = b"", 0
        while at < len(content):
            tag, size, head = content[at], content[at + 1], 2
            if size & 0x80:
                head += size & 0x7f
                size = int.from_bytes(content[at + 2:at + head], "big")
            inner = content[at + head:at + head + size]
            is_whole = tag & 0x20 or (tag == 4 and b"NAME" in inner)  # extensions stand in an OCTET STRING
            inner = walk(inner) if is_whole else name if inner == b"NAME" else inner
            out, at = out + bytes([tag]) + length(len(inner)) + inner, at + head + size
        return out
    return walk(der)


class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = os.fsencode(folder.name)
        cls.certs = os.path.join(cls.folder, b"certs")
        os.mkdir(cls.certs)
        for number, name in enumerate(ODD.values()):
            made = certificate(folder.name, name)
            shutil.copy(made, os.path.join(cls.certs, name.replace(b"/", b"_") + b".pem"))
            with open(os.path.join(cls.certs, b"bad " + name.replace(b"/", b"_")), "wb") as f:
                f.write(b"-----BEGIN CERTIFICATE-----\nMIIB\n" if number % 2 else b"nothing")
        shutil.copy(certificate(folder.name, b"\x1b[31m\n|'\"<", 65536), os.path.join(cls.certs, b"long.pem"))
        cls.bad = len(ODD) + 2  # names of certificates that are not UTF-8 are refused when they are decoded
        cls.good = len(ODD) + 1 - 2
        cls.count = cls.bad + cls.good

    def certcheck(self, *words):
        """Its standard output; both outputs are clean."""
        done = subprocess.run([os.fsencode(program("rsp-certcheck")), "--simulate", "all", *words, self.certs], capture_output=True, timeout=60, check=False)
        self.assertIn(done.returncode, (2, 3), done.stderr)
        for text in (done.stdout.decode(), done.stderr.decode()):
            self.assertIsNone(UNSEEN.search(text), UNSEEN.search(text))
        return done.stdout.decode(), done.stderr.decode()

    def test_what_is_read_by_people_has_lines_that_begin_with_a_target(self):
        out, problems = self.certcheck()
        shown = os.fsdecode(self.certs) + "/"
        for line in problems.splitlines():
            self.assertTrue(line.startswith(shown), line)
        self.assertEqual(len(problems.splitlines()), self.bad)
        for line in out.splitlines():
            self.assertTrue(line.startswith((shown, "  ")), line)
        self.assertLess(max(map(len, out.splitlines())), 5000)
        self.assertGreaterEqual(sum(": warning: CHAIN-SELF-SIGNED: " in line for line in out.splitlines()), self.good)

    def test_json(self):
        said = json.loads(self.certcheck("--json")[0])
        with open(os.path.join(ROOT, "conf", "rsp-certcheck.schema.json"), encoding="utf-8") as f:
            jsonschema.validate(said, json.load(f), jsonschema.Draft202012Validator)
        self.assertEqual(len(said["targets"]), self.count)
        self.assertIn("\U0001f600\U0010ffff", json.dumps(said, ensure_ascii=False))

    def test_sarif(self):
        run = json.loads(self.certcheck("--sarif")[0])["runs"][0]
        self.assertEqual(len(run["invocations"][0]["toolExecutionNotifications"]), self.bad)
        for result in run["results"]:
            self.assertRegex(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], r"^(?:[A-Za-z0-9\-._~/]|%[0-9A-F]{2})+$")

    def test_junit(self):
        text = self.certcheck("--junit")[0]
        self.assertEqual(len(list(junitparser.JUnitXml.fromstring(text.encode()))), self.count)
        self.assertEqual(len(ElementTree.fromstring(text).findall("testsuite")), self.count)

    def test_nagios(self):
        out = self.certcheck("--nagios")[0].splitlines()
        self.assertRegex(out[0], rf"^CERTIFICATES UNKNOWN - [^|]*; {self.bad} UNKNOWN, {self.good} OK \|(?: '(?:[^'=|]|'')+'=-?\d+;21:;7:){{{self.good}}}$")
        self.assertFalse([line for line in out[1:] if "|" in line])
        self.assertEqual(sum(": unknown: " in line for line in out), self.bad)

    def test_prometheus(self):
        path = os.path.join(os.fsdecode(self.folder), "x.prom")
        self.certcheck("--prometheus", path)
        with open(path, encoding="utf-8", newline="") as f:
            text = f.read()
        self.assertIsNone(UNSEEN.search(text))
        labels = {s.labels["target"] for family in text_string_to_metric_families(text) for s in family.samples if s.name == "rsp_certcheck_status"}
        self.assertEqual(len(labels), self.count)
        require(self, shutil.which("promtool"), "promtool")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_graphviz(self):
        drawn = subprocess.run(["dot", "-Tplain"], input=self.certcheck("--dot")[0], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((drawn.returncode, drawn.stderr), (0, ""))
        self.assertGreaterEqual(sum(line.startswith("node ") for line in drawn.stdout.splitlines()), self.good)

    def test_verify(self):
        for file in sorted(os.listdir(self.certs)):
            path = os.path.join(self.certs, file)
            done = subprocess.run([os.fsencode(program("rsp-certcheck")), "--verify", "--anchors", path, "--", path], capture_output=True, timeout=30, check=False)
            self.assertIn(done.returncode, (0, 2, 3), done.stderr)
            self.assertIsNone(UNSEEN.search(done.stdout.decode() + done.stderr.decode()), (file, done.stdout, done.stderr))


if __name__ == "__main__":
    unittest.main(verbosity=2)
