#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Certificates signed in every way that the openssl command knows: how the report names the digest, what it finds, and whether the path is valid."""

import concurrent.futures
import json
import os
import subprocess
import tempfile
import unittest

from certificates import openssl
from harness import program

KEYS = {"RSA": ["RSA", "rsa_keygen_bits:2048"], "RSA-PSS": ["RSA-PSS", "rsa_keygen_bits:2048"], "Ed25519": ["ED25519"], "Ed448": ["ED448"],
        "P-224": ["EC", "ec_paramgen_curve:P-224"], "P-256": ["EC", "ec_paramgen_curve:P-256"], "P-384": ["EC", "ec_paramgen_curve:P-384"],
        "P-521": ["EC", "ec_paramgen_curve:P-521"], "P-192": ["EC", "ec_paramgen_curve:P-192"], "secp256k1": ["EC", "ec_paramgen_curve:secp256k1"]}
FORGED = {"md5": "SIG-MD5-LEAF", "ripemd160": "SIG-MD5-LEAF", "sha1": "SIG-SHA1-LEAF"}
NAMES = {"ripemd160": "rmd160", None: "own"}
BITS = {"sha224": 112, "sha256": 128, "sha384": 192, "sha512": 256, "sha3-224": 112, "sha3-256": 128, "sha3-384": 192, "sha3-512": 256, None: 256,
        "sha512-224": 112, "sha512-256": 128}
KEY_BITS = {"RSA": 112, "RSA-PSS": 112, "Ed25519": 128, "Ed448": 224, "P-224": 112, "P-256": 128, "P-384": 192, "P-521": 256, "P-192": 96, "secp256k1": 128}
SIZES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}


def rows():
    """Each: key of the issuer, digest, (digest of the mask, salt) or None, the findings that begin with SIG-."""
    for digest in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "ripemd160"):
        yield "RSA", digest, None, {FORGED[digest]} if digest in FORGED else set()
    for key in ("P-192", "P-224", "P-256", "P-384", "P-521", "secp256k1"):
        for digest in ("sha1", "sha256", "sha512"):
            yield key, digest, None, {FORGED[digest]} if digest in FORGED else set()
    for key in ("Ed25519", "Ed448"):
        yield key, None, None, set()
    for key, masks in (("RSA", list(SIZES)), ("RSA-PSS", [])):
        for digest, size in SIZES.items():
            for mask, salt in [(digest, size), (digest, 0), *((mask, size) for mask in masks if mask != digest)]:
                unusual = {"SIG-PSS-PARAMETERS"} if mask != digest or salt == 0 else set()
                yield key, digest, (mask, salt), unusual | ({FORGED[digest]} if digest in FORGED else set())
    yield "RSA", "sha512-256", ("sha512-256", 32), set()


class Signatures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        for name, (algorithm, *option) in KEYS.items():
            openssl("genpkey", "-algorithm", algorithm, *(["-pkeyopt", option[0]] if option else []), "-out", cls.path(name + ".key"))
            openssl("req", "-x509", "-new", "-key", cls.path(name + ".key"), "-subj", f"/CN={name}", "-days", "90", "-out", cls.path(name + ".ca"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", cls.path("leaf.key"), "-subj", "/CN=leaf",
                "-addext", "subjectAltName=DNS:leaf", "-out", cls.path("leaf.csr"))

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def make(self, number, key, digest, pss):
        leaf, options = self.path(f"{number}.pem"), ["-" + digest] if digest else []
        if pss:
            options += ["-sigopt", "rsa_padding_mode:pss", "-sigopt", f"rsa_mgf1_md:{pss[0]}", "-sigopt", f"rsa_pss_saltlen:{pss[1]}"]
        openssl("x509", "-req", "-in", self.path("leaf.csr"), "-copy_extensions", "copyall", "-days", "30", "-CA", self.path(key + ".ca"),
                "-CAkey", self.path(key + ".key"), "-set_serial", str(1000 + number), "-out", leaf, *options)
        return leaf

    def judge(self, number, key, digest, pss):
        leaf, anchors = self.make(number, key, digest, pss), ["--anchors", self.path(key + ".ca")]
        said = subprocess.run([program("rsp-certcheck"), "--json", *anchors, leaf], capture_output=True, text=True, timeout=60)
        verdict = subprocess.run([program("rsp-certcheck"), "--verify", *anchors, leaf], capture_output=True, text=True, timeout=60)
        return json.loads(said.stdout)["targets"][0], verdict

    def test_each_way_of_signing_is_named_and_judged_for_what_it_is(self):
        all_rows = list(rows())
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda row: self.judge(row[0], *row[1][:3]), enumerate(all_rows)))
        for (key, digest, pss, signature_ids), (report, verdict) in zip(all_rows, found):
            with self.subTest(key=key, digest=digest, pss=pss):
                self.assertEqual(report["certificates"][0]["digest"], NAMES.get(digest, digest))
                self.assertEqual({f["id"] for f in report["findings"] if f["id"].startswith("SIG-")}, signature_ids)
                bits = min(BITS.get(digest, 0), KEY_BITS[key])
                self.assertEqual(verdict.returncode, 0 if bits >= 112 else 2, verdict.stdout)
                if bits >= 112:
                    self.assertIn(f"the weakest signature has {bits} bits", verdict.stdout)
                else:
                    self.assertRegex(verdict.stdout, "too weak|weak signature")

    def test_what_cannot_be_checked_is_of_an_unknown_kind_and_not_valid(self):
        for digest in ("sha512-224", "sha512-256"):  # with PKCS#1: OpenSSL can sign so and not check it
            report, verdict = self.judge(900 + len(digest), "RSA", digest, None)
            self.assertEqual(report["certificates"][0]["signature"], digest + "WithRSAEncryption")
            self.assertIn("SIG-UNKNOWN", {f["id"] for f in report["findings"]})
            self.assertEqual(verdict.returncode, 2)
            self.assertIn("of an unknown kind", verdict.stdout)

    def test_a_certificate_that_names_two_algorithms_is_refused(self):
        with open(self.make(999, "RSA", "sha256", None), encoding="ascii") as f:
            der = bytearray(openssl("x509", "-outform", "der", input=f.read().encode()))
        sha256, sha512 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d01010d")
        for place in (der.find(sha256), der.rfind(sha256)):
            mixed = self.path("mixed.der")
            with open(mixed, "wb") as f:
                f.write(der[:place] + sha512 + der[place + len(sha512):])
            verdict = subprocess.run([program("rsp-certcheck"), "--verify", "--anchors", self.path("RSA.ca"), mixed], capture_output=True, text=True, timeout=60)
            self.assertEqual(verdict.returncode, 2)
            self.assertIn("two different signature algorithms", verdict.stdout)


if __name__ == "__main__":
    unittest.main()
