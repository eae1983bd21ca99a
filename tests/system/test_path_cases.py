#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Public suites of certificate paths (C2SP x509-limbo, Netflix BetterTLS) through rsp-certcheck --verify. They stand beside the
checkout in ../shared/data/path-cases.json; without it this is skipped."""

import concurrent.futures
import json
import os
import subprocess
import tempfile
import unittest

from harness import ROOT, program

CASES = os.path.join(os.path.dirname(ROOT), "shared", "data", "path-cases.json")

# Where we decide otherwise, and why. Everything else must come out as the suites say.
DECISIONS = {
    "CA certificates as servers: a keyUsage without digitalSignature does not let a key answer handshakes (webpki::ca-as-leaf asks the opposite)": (
        "pathlen::validation-ignores-pathlen-in-leaf", "rfc5280::ca-as-leaf"),
    "an anchor is trusted as it is, whoever else signed it (cve::cve-2024-0567 has the same kind of anchor and asks the opposite)": (
        "rfc5280::aki::cross-signed-root-missing-aki",),
    "nameConstraints need not be critical (CABF; webpki::nc::permitted-dns-match-noncritical asks the opposite)": (
        "rfc5280::nc::permitted-dns-match-noncritical",),
    "the common name is no name of a server, so nothing is asked of it (RFC 9525; BetterTLS' name constraints ask the opposite in thousands of cases)": (
        "webpki::cn::ipv4-hex-mismatch", "webpki::cn::ipv4-leading-zeros-mismatch", "webpki::cn::ipv6-uppercase-mismatch",
        "webpki::cn::ipv6-uncompressed-mismatch", "webpki::cn::ipv6-non-rfc5952-mismatch", "webpki::cn::punycode-not-in-san",
        "webpki::cn::utf8-vs-punycode-mismatch", "webpki::cn::not-in-san", "webpki::cn::case-mismatch"),
    "a leaf may be without extendedKeyUsage (RFC 5280; rfc5280::eku::ee-without-eku asks the opposite)": (
        "webpki::eku::ee-without-eku",),
    "there is no public suffix list here": (
        "webpki::san::public-suffix-multi-label-wildcard-san", "webpki::san::public-suffix-private-namespace-wildcard-san"),
}
OTHERWISE = {case: why for why, cases in DECISIONS.items() for case in cases}


def write_pem(folder, number, name, blocks):
    path = os.path.join(folder, f"{number}-{name}.pem")
    with open(path, "w", encoding="ascii") as f:
        f.write("".join(blocks))
    return path


def can_be_reported(case):
    """The report knows neither CRLs nor --max-depth nor clients' certificates."""
    return case["expected_peer_name"] and not case["crls"] and case["max_chain_depth"] is None and case["validation_kind"] == "SERVER"


def report(folder, number, case):
    """What rsp-certcheck without --verify says of the same: is a path valid, is one taken, the exit status."""
    options = ["--at", case["validation_time"]] if case["validation_time"] else []
    said = subprocess.run([program("rsp-certcheck"), "--json", "--anchors", write_pem(folder, number, "anchors", case["trusted_certs"]),
                           "--host", case["expected_peer_name"]["value"], *options,
                           write_pem(folder, number, "sent", [case["peer_certificate"], *case["untrusted_intermediates"]])],
                          capture_output=True, text=True, timeout=60)
    paths = json.loads(said.stdout)["targets"][0].get("paths", [])
    return any(p["is_valid"] for p in paths), any(p["is_taken"] for p in paths), said.returncode


def verify(folder, number, case):
    """The exit status that rsp-certcheck gives, and what it says."""
    def write(name, blocks):
        return write_pem(folder, number, name, blocks)

    command = [program("rsp-certcheck"), "--verify", "--anchors", write("anchors", case["trusted_certs"]),
               "--chain", write("chain", case["untrusted_intermediates"]), "--crl", write("crls", case["crls"] or []),
               "--host", (case["expected_peer_name"] or {"value": ""})["value"], "--purpose", case["validation_kind"].lower()]
    if case["validation_time"]:
        command += ["--at", case["validation_time"]]
    if case["max_chain_depth"] is not None:
        command += ["--max-depth", str(case["max_chain_depth"])]
    command.append(write("leaf", [case["peer_certificate"]]))
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return said.returncode, said.stdout + said.stderr


@unittest.skipUnless(os.path.exists(CASES), "not there: " + CASES)
class PathCases(unittest.TestCase):
    def test_each_path_is_judged_as_its_suite_says(self):
        with open(CASES, encoding="utf-8") as f:
            cases = json.load(f)["testcases"]
        with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as threads:
            results = list(threads.map(lambda pair: verify(folder, *pair), enumerate(cases)))
        wrong, right = [], {"bettertls": 0, "limbo": 0}
        for case, (status, said) in zip(cases, results):
            is_right = status == (0 if case["expected_result"] == "SUCCESS" else 2)
            self.assertIn(status, (0, 2), case["id"] + ": " + said)
            right["bettertls" if case["id"].startswith("bettertls::") else "limbo"] += is_right
            if is_right == (case["id"] in OTHERWISE):
                wrong.append(f'{case["id"]}: wanted {case["expected_result"]}, status {status}: {said}')
        print(f"path cases: {right['bettertls']} of BetterTLS, {right['limbo']} of x509-limbo")
        self.assertEqual(wrong, [])

    def test_the_report_calls_those_paths_valid_that_verify_does(self):
        with open(CASES, encoding="utf-8") as f:
            cases = [case for case in json.load(f)["testcases"] if can_be_reported(case)][::10]
        self.assertGreater(len(cases), 20)
        with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as threads:
            reports = list(threads.map(lambda pair: report(folder, *pair), enumerate(cases)))
            verdicts = list(threads.map(lambda pair: verify(folder, *pair), enumerate(cases)))
        for case, (is_valid, is_taken, status), (verdict, _) in zip(cases, reports, verdicts):
            self.assertEqual((is_valid, is_taken), (verdict == 0, verdict == 0), case["id"])
            self.assertTrue(is_valid or status != 0, case["id"])


if __name__ == "__main__":
    unittest.main()
