#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` leaves: programs, manual pages, and a systemd unit that finds the programs."""

import os
import re
import subprocess
import tempfile
import unittest

from harness import main, program, require_build


class Installing(unittest.TestCase):
    def setUp(self):
        require_build(self, "rsp")
        folder = tempfile.TemporaryDirectory(prefix="rsp-test-install-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        subprocess.run(["cmake", "--install", os.path.dirname(program("rsp")), "--prefix", self.folder], check=True, capture_output=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def test_the_unit_starts_what_was_installed(self):
        with open(self.path("lib/systemd/system/rsp.service"), encoding="utf-8") as f:
            commands = re.findall(r"(?m)^Exec\w+=(\S+)", f.read())
        self.assertEqual(commands, [self.path("sbin/rsp"), self.path("bin/rspctl")])
        for command in commands:
            self.assertTrue(os.access(command, os.X_OK), command)
        self.assertEqual(subprocess.run([commands[0], "-V"], capture_output=True, timeout=30).returncode, 0)

    def test_every_program_has_its_manual_page(self):
        for page in ("man8/rsp.8", "man8/rspctl.8", "man5/rsp.lua.5", "man1/rsp-certcheck.1"):
            self.assertTrue(os.path.exists(self.path("share/man/" + page)), page)


if __name__ == "__main__":
    main()
