#!/usr/bin/python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Every form in which rsp-certcheck writes, read by a real reader of it; --fix, read by openssl verify; completion, by bash.
The modules are those of Debian, so it is Debian's Python that runs this."""

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import jsonschema
import junitparser
from prometheus_client.parser import text_string_to_metric_families

from notary import Notary
from harness import ROOT, program, require

AT = ("--at", "2026-11-01")
# OASIS' schema of SARIF, as a package of npm carries it.
SARIF_MODULES = os.path.join(ROOT, "build", "sarif")
SARIF_PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
SARIF_SCHEMA = os.path.join(SARIF_MODULES, "node_modules", "@microsoft", "jest-sarif", "lib", "schemas", "sarif-2.1.0-rtm.5.json")


def certcheck(*arguments, **options):
    return subprocess.run([program("rsp-certcheck"), *arguments], capture_output=True, text=True, timeout=60, check=False, **options)


def sarif_schema(test):
    if not os.path.exists(SARIF_SCHEMA):
        require(test, shutil.which("npm"), "npm")
        os.makedirs(SARIF_MODULES, exist_ok=True)
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefix", SARIF_MODULES, SARIF_PACKAGE],
                              capture_output=True, text=True, timeout=180, check=False)
        require(test, done.returncode == 0, f"{SARIF_PACKAGE} of npm: {done.stderr[-300:]}")
    with open(SARIF_SCHEMA, encoding="utf-8") as f:
        return json.load(f)


def openssl_verify(anchors, chain):
    """As an operator would: the first certificate of the file over the others."""
    said = subprocess.run(["openssl", "verify", "-x509_strict", "-auth_level", "2", "-attime", "1793491200", "-CAfile", anchors, "-untrusted", chain, chain],
                          capture_output=True, text=True, timeout=30, check=False)
    return said.returncode == 0, said.stdout + said.stderr


class Outputs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tmp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.tmp.cleanup)
        a = cls.notary = Notary(cls.tmp.name)
        root = a.issue("Root CA")
        weak = a.issue("Middle CA", ("Root CA", root), digest="sha1", ends="2029-01-01")
        strong = a.issue("Middle CA", ("Root CA", root), begins="2020-01-01", ends="2029-01-01")
        leaf = a.leaf("a.example", ("Middle CA", strong), begins="2026-10-01", ends="2026-12-30")
        soon = a.leaf("soon.example", ("Middle CA", strong), begins="2026-10-01", ends="2026-11-11")
        old = a.leaf("old.example", ("Middle CA", strong), begins="2026-01-01", ends="2026-02-01")
        with open(a.key("a.example"), encoding="ascii") as f:
            cls.key = f.read()
        cls.anchors = a.write("anchors.pem", root)
        cls.good = a.write("good.pem", leaf, strong)
        cls.mess = a.write("mess & \"more\" <b>.pem", cls.key, root, weak, leaf, strong, leaf)
        cls.soon, cls.old = a.write("soon.pem", soon, strong), a.write("old.pem", old, strong)
        cls.alone = a.write("alone.pem", leaf)
        cls.text = a.write("text.pem", "hello\n")
        cls.weak_first = a.write("weak_first.pem", leaf, weak, strong)
        cls.all = (cls.good, cls.mess, cls.soon, cls.old, cls.alone, cls.text)

    def run_all(self, *options, status=3):
        said = certcheck("--anchors", self.anchors, *AT, "--simulate", "all", *options, *self.all)
        self.assertEqual(said.returncode, status, said.stderr)
        self.assertIn("text.pem: holds no certificate", said.stderr)
        return said.stdout

    def test_exit_statuses(self):
        for files, options, status in (((self.good,), (), 0), ((self.soon,), (), 0), ((self.soon,), ("-W",), 1), ((self.soon,), ("-W", "-w", "5", "-c", "1"), 0),
                                       ((self.soon, self.old), ("-W",), 2), ((self.old, self.text), (), 3)):
            said = certcheck("--anchors", self.anchors, *AT, *options, *files)
            self.assertEqual(said.returncode, status, said.stdout + said.stderr)

    def test_json_is_as_its_schema_says(self):
        with open(os.path.join(ROOT, "conf", "rsp-certcheck.schema.json"), encoding="utf-8") as f:
            schema = json.load(f)
        jsonschema.Draft202012Validator.check_schema(schema)
        said = json.loads(self.run_all("--json"))
        jsonschema.validate(said, schema, jsonschema.Draft202012Validator)
        self.assertEqual([t["status"] for t in said["targets"]], ["good", "findings", "warnings", "findings", "findings", "unreadable"])
        mess = said["targets"][1]
        self.assertEqual([p["is_valid"] for p in mess["paths"]], [False, True])
        self.assertEqual([p["bits"] for p in mess["paths"]], [61, 128])
        taken = [p for p in mess["paths"] if p["is_taken"]]
        self.assertEqual(len(taken), 1)
        known = {c["sha256"] for c in mess["certificates"]}
        self.assertTrue(known.issuperset(taken[0]["certificates"]))
        self.assertLessEqual({"KEY-NOT-FIRST", "CHAIN-ROOT-SENT", "CHAIN-DUPLICATE", "CHAIN-WEAK-VERSION"}, {f["id"] for f in mess["findings"]})
        broken = {c["name"] for c in mess["clients"] if not c["is_content"]}
        self.assertEqual(broken, {"openssl", "openssl-untrusted-first", "nss-3.17.3"})

    def test_sarif_has_what_version_2_1_0_asks_for(self):
        log = json.loads(self.run_all("--sarif"))
        self.assertEqual(log["version"], "2.1.0")
        self.assertEqual(len(log["runs"]), 1)
        run = log["runs"][0]
        driver = run["tool"]["driver"]
        self.assertEqual(driver["name"], "rsp-certcheck")
        ids = [rule["id"] for rule in driver["rules"]]
        self.assertEqual(len(ids), len(set(ids)))
        for rule in driver["rules"]:
            self.assertTrue(rule["shortDescription"]["text"] and rule["help"]["text"])
            self.assertIn(rule["defaultConfiguration"]["level"], ("none", "note", "warning", "error"))
        self.assertTrue(run["results"])
        for result in run["results"]:
            self.assertEqual(ids[result["ruleIndex"]], result["ruleId"])
            self.assertIn(result["level"], ("none", "note", "warning", "error"))
            self.assertTrue(result["message"]["text"].endswith("."))
            uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            self.assertRegex(uri, r"^(?:[A-Za-z0-9\-._~/]|%[0-9A-F]{2})+$")
        invocation = run["invocations"][0]
        self.assertIs(invocation["executionSuccessful"], False)
        self.assertIn("text.pem", invocation["toolExecutionNotifications"][0]["message"]["text"])
        self.assertEqual(set(run) - {"tool", "results", "invocations", "columnKind"}, set())

    def test_sarif_is_as_its_schema_says(self):
        schema = sarif_schema(self)
        self.assertIn("(SARIF) Version 2.1.0", schema["title"])
        jsonschema.Draft4Validator.check_schema(schema)
        validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.draft4_format_checker)
        for log in (self.run_all("--sarif"), certcheck("--sarif", "--anchors", self.anchors, *AT, self.good).stdout,
                    certcheck("--sarif", *AT, "--policy", "cabf-2026", self.mess).stdout):
            self.assertEqual([e.message for e in validator.iter_errors(json.loads(log))], [])
        broken = json.loads(log)
        broken["runs"][0]["results"][0]["level"] = "fatal"  # so that it is seen to look
        self.assertFalse(validator.is_valid(broken))

    def test_junit_is_read_by_a_parser_of_it_and_its_sums_are_right(self):
        text = self.run_all("--junit", "-W")
        read = junitparser.JUnitXml.fromstring(text.encode())
        self.assertEqual([suite.name for suite in read], list(self.all))
        failed = [case.name for case in list(read)[1] if any(isinstance(r, junitparser.Failure) for r in case.result)]
        self.assertIn("CHAIN-WEAK-VERSION", failed)
        self.assertTrue(any(isinstance(r, junitparser.Error) for case in list(read)[5] for r in case.result))
        root = ElementTree.fromstring(text)
        self.assertEqual(root.tag, "testsuites")
        suites = root.findall("testsuite")
        self.assertEqual([s.get("name") for s in suites], list(self.all))
        for node in (root, *suites):
            self.assertEqual(int(node.get("tests")), len(node.findall(".//testcase")))
            self.assertEqual(int(node.get("failures")), len(node.findall(".//testcase/failure")))
            self.assertEqual(int(node.get("errors")), len(node.findall(".//testcase/error")))
        self.assertEqual(int(root.get("errors")), 1)
        self.assertEqual([c.get("name") for c in suites[3].findall("testcase") if c.find("failure") is not None][0], "CHAIN-INVALID")

    def test_prometheus_metrics_are_read_by_its_parser_and_replaced_in_one_step(self):
        path = self.notary.write("metrics.prom", "old")
        before = os.stat(path).st_ino
        self.run_all("--prometheus", path, self.good)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        self.assertNotEqual(os.stat(path).st_ino, before)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o644)
        self.assertEqual([n for n in os.listdir(self.tmp.name) if n.startswith("metrics.prom.")], [])
        samples = {}
        for family in text_string_to_metric_families(text):
            self.assertTrue(family.documentation and family.type == "gauge", family.name)
            for sample in family.samples:
                key = (sample.name, *sorted(sample.labels.items()))
                self.assertNotIn(key, samples)
                samples[key] = sample.value
        self.assertEqual(samples[("rsp_certcheck_status", ("target", self.mess))], 2)
        self.assertEqual(samples[("rsp_certcheck_not_after_timestamp_seconds", ("target", self.good))], 1798588800)
        self.assertEqual(samples[("rsp_certcheck_client_content", ("client", "nss-3.17.3"), ("target", self.mess))], 0)
        self.assertEqual(samples[("rsp_certcheck_path_strength", ("target", self.alone))], 0)
        require(self, shutil.which("promtool"), "promtool")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_a_file_that_cannot_be_written_is_said_with_status_3(self):
        said = certcheck("--anchors", self.anchors, *AT, "--prometheus", "/nonexistent/x.prom", self.good)
        self.assertEqual(said.returncode, 3)
        self.assertIn("/nonexistent/x.prom: No such file or directory", said.stderr)

    def test_graphviz_draws_the_graph(self):
        dot = self.run_all("--dot")
        drawn = subprocess.run(["dot", "-Tplain"], input=dot, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((drawn.returncode, drawn.stderr), (0, ""))
        edges = [line for line in drawn.stdout.splitlines() if line.startswith("edge t1_")]
        self.assertEqual(len(edges), 4)  # the leaf to both versions, each of them to the root
        self.assertEqual(sum("darkgreen" in e for e in edges), 2)

    def test_nagios_gets_its_status_one_line_and_performance_data(self):
        for files, status, word in (((self.good,), 0, "OK"), ((self.soon,), 1, "WARNING"), ((self.soon, self.old), 2, "CRITICAL"), ((self.text, self.good), 3, "UNKNOWN"),
                                    ((self.text, self.old), 2, "CRITICAL")):
            said = certcheck("--anchors", self.anchors, *AT, "--nagios", "-w", "21", "-c", "7", *files)
            self.assertEqual(said.returncode, status, said.stdout)
            first = said.stdout.splitlines()[0]
            self.assertTrue(first.startswith(f"CERTIFICATES {word} - "), first)
            measured = dict(re.findall(r"'([^']+)'=(-?\d+);21:;7:", first.split("|")[1]))
            for file, days in ((self.good, "59"), (self.soon, "10"), (self.old, "-273")):
                self.assertEqual(measured.get(file), days if file in files else None)
        self.assertEqual(certcheck("--anchors", self.anchors, *AT, "--nagios", "-c", "11", self.soon).returncode, 2)

    def test_nagios_hears_of_what_could_not_be_read_beside_what_is_wrong(self):
        said = certcheck("--anchors", self.anchors, *AT, "--nagios", self.old, self.text, self.good, self.soon, self.good, "/nonexistent.pem")
        lines = said.stdout.splitlines()
        self.assertEqual(said.returncode, 2)
        self.assertTrue(lines[0].startswith(f"CERTIFICATES CRITICAL - {self.old}: "), lines[0])
        self.assertIn("; 1 CRITICAL, 2 UNKNOWN, 1 WARNING, 2 OK |", lines[0])
        self.assertIn(f"{self.text}: unknown: {self.text}: holds no certificate", lines)
        self.assertIn("/nonexistent.pem: unknown: /nonexistent.pem: No such file or directory", lines)
        for options in (("--anchors", self.text), ("--policy", "/nonexistent.json"), ("--password-file", "/nonexistent")):
            said = certcheck("--nagios", *options, self.good)
            self.assertEqual(said.returncode, 3)
            self.assertRegex(said.stdout, rf"^CERTIFICATES UNKNOWN - {options[1]}: [^\n|]+\n$")
        with open(self.old, encoding="ascii") as f:
            both = self.notary.write("both.pem", f.read(), "-----BEGIN CERTIFICATE-----\nMIIB\n")
        said = certcheck("--anchors", self.anchors, *AT, "--nagios", both)
        self.assertEqual(said.returncode, 2)
        self.assertRegex(said.stdout, r"CRITICAL - .*CHAIN-INVALID[^\n]*\n(?s:.*)both\.pem: unknown: ")

    def test_text_is_plain_unless_it_goes_to_a_terminal(self):
        self.assertNotIn("\033", self.run_all())
        command = " ".join([program("rsp-certcheck"), "--anchors", self.anchors, *AT, self.good])
        for environment, has_colour in (({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)):
            said = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, timeout=30, check=False,
                                  env={k: v for k, v in os.environ.items() if k != "NO_COLOR"} | environment)
            self.assertEqual("\033[32mgood\033[0m" in said.stdout, has_colour, said.stdout)
            self.assertIn("good", said.stdout)

    def test_what_fix_writes_satisfies_openssl_and_holds_no_key_unless_it_is_asked_for(self):
        self.assertFalse(openssl_verify(self.anchors, self.weak_first)[0])
        out = os.path.join(self.tmp.name, "fixed.pem")
        said = certcheck("--anchors", self.anchors, *AT, "--fix", out, self.mess)
        self.assertEqual(said.returncode, 2, said.stdout)
        is_good, words = openssl_verify(self.anchors, out)
        self.assertTrue(is_good, words)
        with open(out, encoding="ascii") as f, open(self.good, encoding="ascii") as wanted:
            self.assertEqual(f.read(), wanted.read())
        self.assertEqual(certcheck("--anchors", self.anchors, *AT, out).returncode, 0)
        certcheck("--anchors", self.anchors, *AT, "--fix", out, self.weak_first)
        self.assertTrue(openssl_verify(self.anchors, out)[0])
        certcheck("--anchors", self.anchors, *AT, "--fix", out, "--with-key", self.mess)
        self.assertEqual(stat.S_IMODE(os.stat(out).st_mode), 0o600)
        with open(out, encoding="ascii") as f:
            self.assertEqual(f.read().count("PRIVATE KEY-----"), 2)
        self.assertIn("private key   matches certificate 1", certcheck("--anchors", self.anchors, *AT, out).stdout)

    def test_fix_writes_nothing_where_there_is_no_path_or_no_key(self):
        out = os.path.join(self.tmp.name, "none.pem")
        for options, target, why in (((), self.alone, "no valid path"), (("--with-key",), self.good, "no private key"), ((), self.tmp.name, "exactly one target")):
            said = certcheck("--anchors", self.anchors, *AT, "--fix", out, *options, target)
            self.assertEqual(said.returncode, 3)
            self.assertIn(why, said.stderr)
            self.assertFalse(os.path.exists(out))


class Completion(unittest.TestCase):
    SCRIPT = os.path.join(ROOT, "conf", "completion", "rsp-certcheck")

    def complete(self, *words):
        """What bash would offer for the last of these words."""
        script = f'source "{self.SCRIPT}"; COMP_WORDS=(rsp-certcheck "$@"); COMP_CWORD=$#; _rsp_certcheck; printf "%s\\n" "${{COMPREPLY[@]}}"'
        said = subprocess.run(["bash", "-euc", script, "bash", *words], capture_output=True, text=True, timeout=30, check=True, cwd=ROOT)
        return said.stdout.split()

    def test_it_is_good_bash(self):
        subprocess.run(["bash", "-n", self.SCRIPT], check=True, timeout=30)

    def test_words_are_completed(self):
        self.assertEqual(self.complete("--js"), ["--json"])
        self.assertEqual(self.complete("--policy", "seed"), ["seed-2015"])
        self.assertEqual(self.complete("--simulate", "nss"), ["nss-3.17.3", "nss-3.17.4"])
        self.assertEqual(self.complete("--simulate", "go,chr"), ["go,chromium"])
        names = certcheck("--starttls", "?", "x").stderr.partition("there are ")[2].splitlines()[0].split(", ")
        self.assertEqual(sorted(self.complete("--starttls", "")), sorted(names))
        in_help = re.search(r"--starttls PROTOCOL\s+(.*), instead of by the port", certcheck("--help").stdout)[1]
        self.assertEqual(in_help.replace(" or ", ", ").split(", "), names)
        self.assertEqual(self.complete("--verify", "--purpose", "se"), ["server"])
        self.assertEqual(self.complete("READ"), ["README.md"])
        self.assertIn("--crl", self.complete("--verify", "--"))
        self.assertNotIn("--json", self.complete("--verify", "--"))

    def test_it_knows_every_option_of_the_help_and_no_other(self):
        text = certcheck("--help").stdout
        options, verify = text.partition("\nWith --verify:")[::2]
        in_help = {word for line in re.findall(r"^  (--?[A-Za-z-]+(?:, --[a-z]+)?)", options, re.MULTILINE) for word in line.split(", ")}
        self.assertEqual(set(self.complete("-")), in_help)
        self.assertEqual(set(self.complete("--verify", "-")), set(re.findall(r"^  (--?[A-Za-z-]+)", verify, re.MULTILINE)))

    def test_the_manual_page_names_the_ports_and_protocols_of_starttls(self):
        with open(os.path.join(ROOT, "certcheck", "starttls.def"), encoding="ascii") as f:
            rows = re.findall(r'(?m)^DIALECT\(\w+, "([^"]+)", ([\d, ]+)\)', f.read())
        with open(os.path.join(ROOT, "man", "rsp-certcheck.1"), encoding="utf-8") as f:
            page = f.read()
        ports = re.search(r"(?m)^On ports (.*) its protocol's STARTTLS", page)[1]
        self.assertEqual(sorted(map(int, re.findall(r"\d+", ports))), sorted(int(port) for _, all_of_it in rows for port in all_of_it.split(", ") if port != "0"))
        names = re.search(r"(?ms)^\.It Fl \\-starttls Ar protocol\n(.*?)^or\n\.Cm none$", page)[1]
        self.assertEqual(re.sub(r"\.Cm|or\n|,|\n", " ", names).split(), [name for name, _ in rows])

    def test_the_manual_page_describes_every_option(self):
        with open(os.path.join(ROOT, "man", "rsp-certcheck.1"), encoding="utf-8") as f:
            page = f.read().replace("\\-", "-")
        for option in self.complete("-") + self.complete("--verify", "-"):
            self.assertRegex(page, rf"(?m)^\.It (Fl \w , )?Fl {re.escape(option[1:])}\b|^\.Fl -anchors , -at , -policy$", option)
        described = {"-" + option for option in re.findall(r"(?m)^\.It (?:Fl \w , )?Fl (\S+)", page)}
        self.assertLessEqual(described - {"--"}, set(self.complete("-") + self.complete("--verify", "-")))


if __name__ == "__main__":
    unittest.main()
