#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""The guard fails when a figure rises, says which and by how much, and only then."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = importlib.machinery.SourceFileLoader("guard", os.path.join(HERE, "guard"))
guard = importlib.util.module_from_spec(importlib.util.spec_from_loader("guard", LOADER))
LOADER.exec_module(guard)
import measure  # noqa: E402

KEY, CALLS = ("small-plain", "instructions"), ("small-plain", "system calls")
DUMP = """version: 1
ob=/usr/lib/libc.so.6
fn=memcpy
12 40
ob=/opt/rsp
fn=advance
10 100
+1 20
cob=/usr/lib/libc.so.6
cfn=calloc
calls=3 0
+2 900
"""


class Guard(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        guard.FIGURES = os.path.join(self.folder.name, "figures.txt")
        guard.tools = lambda: "cc 12.2.0"

    def compare(self, found, known, tools="cc 12.2.0"):
        with contextlib.redirect_stdout(io.StringIO()):
            return guard.compare(found, known, tools, {"small-plain": {"recvfrom": 2.0}})

    def test_a_rise_by_six_percent_fails_and_names_the_figure(self):
        failures = self.compare({KEY: 10600.0}, {KEY: (10000.0, "")})
        self.assertEqual(len(failures), 1)
        self.assertIn("small-plain: instructions per request rose from 10000 to 10600.00 (+6.0%", failures[0])

    def test_four_percent_pass_and_so_does_less(self):
        self.assertEqual(self.compare({KEY: 10400.0}, {KEY: (10000.0, "")}), [])
        self.assertEqual(self.compare({KEY: 5000.0}, {KEY: (10000.0, "")}), [])

    def test_a_figure_that_was_never_written_fails(self):
        self.assertEqual(len(self.compare({KEY: 1.0}, {})), 1)

    def test_another_compiler_leaves_the_system_calls_compared(self):
        found, known = {KEY: 99999.0, CALLS: 6.0}, {KEY: (10000.0, ""), CALLS: (5.0, "")}
        failures = self.compare(found, known, "cc 13.1.0")
        self.assertIn("system calls per request rose from 5 to 6.00", failures[0])
        self.assertFalse(any("instructions" in f for f in failures))

    def test_a_figure_that_is_accepted_is_read_again_with_its_reason(self):
        guard.write_figures({KEY: 10000.0, CALLS: 5.02}, {}, "first")
        known, tools = guard.read_figures()
        self.assertEqual((known[KEY], known[CALLS], tools), ((10000.0, "first"), (5.02, "first"), "cc 12.2.0"))
        guard.write_figures({KEY: 12000.0, CALLS: 5.02}, known, "a new field")
        known, _ = guard.read_figures()
        self.assertEqual((known[KEY], known[CALLS]), ((12000.0, "a new field"), (5.02, "first")))

    def test_of_a_dump_only_the_own_cost_of_a_function_counts(self):
        path = os.path.join(self.folder.name, "cost")
        with open(path, "w", encoding="ascii") as f:
            f.write(DUMP.replace("+1", "11").replace("+2", "12"))
        self.assertEqual(measure.self_cost(path), {"libc.so.6": 40, "rsp": 120, "allocations": 3})


unittest.main(verbosity=2)
