#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""tools/quickstart: what it prints can be tried as it stands, and Ctrl-C ends all of it."""

import os
import shlex
import signal
import subprocess
import tempfile
import unittest

import procfs
from harness import ROOT, main, require_build, wait_until


class Quickstart(unittest.TestCase):
    def setUp(self):
        require_build(self, "rsp", "release")  # which it would make

    def start(self):
        out = tempfile.NamedTemporaryFile(mode="w+", prefix="rsp-test-quickstart-")
        self.addCleanup(out.close)
        process = subprocess.Popen([os.path.join(ROOT, "tools", "quickstart")], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.addCleanup(self.stop, process)

        def read():
            with open(out.name, encoding="utf-8") as f:
                return f.read()

        wait_until(lambda: "Ctrl-C ends" in read() or process.poll() is not None, 240, "the demonstration")
        self.assertIsNone(process.poll(), read())
        return process, read()

    @staticmethod
    def stop(process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def test_the_three_lines_work_and_nothing_is_left_after_the_end(self):
        process, text = self.start()
        lines = [line.strip() for line in text.splitlines() if line.startswith("  curl ")]
        self.assertEqual(len(lines), 3, text)
        answers = [subprocess.run(shlex.split(line) + ["-sS"], capture_output=True, text=True, timeout=20).stdout for line in lines]
        self.assertIn("GET /hello for host localhost", answers[0])
        self.assertIn("for host alice.example.org", answers[1])
        self.assertIn("/reload for host www.pythonanywhere.example", answers[2])
        self.assertEqual(answers[1].split(":")[0], answers[2].split(":")[0], "the reload went to another backend")
        started = procfs.descendants(process.pid)
        self.assertGreaterEqual(len(started), 5)
        process.send_signal(signal.SIGTERM)  # a shell without a terminal ignores SIGINT for its children
        process.wait(60)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in started), 20, "the end of all of it")


if __name__ == "__main__":
    main()
