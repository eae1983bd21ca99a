#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""conf/examples/platform: the walk-through is tried as it is printed, with ports that are free here."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import ROOT, free_port, main, program, require_build

FOLDER = os.path.join(ROOT, "conf", "examples", "platform")
MARK = "--- "


class Platform(unittest.TestCase):
    def setUp(self):
        require_build(self, "rsp")
        self.folder = tempfile.mkdtemp(prefix="rsp-test-platform-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)
        self.ports = {"8000": free_port(), **{f"900{i}": free_port() for i in (1, 2, 3)}}

    def here(self, text):
        """The same with free ports, and the backends of the checkout."""
        for port, free in self.ports.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free}")
        loop = "for i in 1 2 3; do python3 ../../../tools/dev/demo_backend.py number-$i 900$i & done"
        starts = "".join(f"python3 {ROOT}/tools/dev/demo_backend.py number-{i} {self.ports[f'900{i}']} & " for i in (1, 2, 3))
        return text.replace(loop, starts + f"until {self.all_open()}; do sleep 0.1; done")

    def all_open(self):
        return " && ".join(f"(: <>/dev/tcp/127.0.0.1/{self.ports[f'900{i}']}) 2>/dev/null" for i in (1, 2, 3))

    def steps(self):
        """(command, the lines that follow it) of all console blocks."""
        with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as f:
            text = self.here(f.read())
        steps = []
        for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                if line.startswith("$ "):
                    steps.append((line[2:], []))
                else:
                    steps[-1][1].append(line)
        return steps

    def run_all(self, steps):
        """One shell does all of it, and says where each command begins."""
        with open(os.path.join(FOLDER, "rsp.lua"), encoding="utf-8") as f, \
             open(os.path.join(self.folder, "rsp.lua"), "w", encoding="utf-8") as copy:
            copy.write(self.here(f.read()))
        script = "".join(f"echo '{MARK}{i}'\n{command}\n" for i, (command, _) in enumerate(steps))
        environment = dict(os.environ, PATH=os.path.dirname(program("rsp")) + ":" + os.environ["PATH"])
        with open(os.path.join(self.folder, "out"), "w+", encoding="utf-8") as out:
            subprocess.run(["bash", "-c", "trap 'kill $(jobs -p) $(cat rsp.pid) 2>/dev/null' EXIT\nexec 2>/dev/null\n" + script],
                           stdin=subprocess.DEVNULL, stdout=out, cwd=self.folder, env=environment, timeout=120, check=False)
            out.seek(0)
            parts = re.split(rf"^{MARK}\d+\n", out.read(), flags=re.MULTILINE)[1:]
        self.assertEqual(len(parts), len(steps), parts)
        return [part.splitlines() for part in parts]

    def test_the_walk_through_goes_as_it_is_printed(self):
        steps = self.steps()
        self.assertGreater(len(steps), 15)
        found = self.run_all(steps)
        for (command, wanted), lines in zip(steps, found):
            self.assertEqual(len(lines), len(wanted), (command, lines))
            for line, pattern in zip(lines, wanted):
                self.assertRegex(line.strip(), "^" + self.pattern(pattern) + "$", command)
        explained = [lines for (command, _), lines in zip(steps, found) if " explain " in command]
        first, then, added, drained = self.choices(explained)
        self.assertEqual(drained, first)     # what came with the third goes with it
        self.assertIn(added, (first, f"127.0.0.1:{self.ports['9003']}"))
        self.assertNotEqual(first, then)
        answers = [lines[0] for (command, _), lines in zip(steps, found) if command.startswith("curl")]
        self.assertEqual(len({re.search(r"number-\d", a).group() for a in answers}), 1, answers)  # the app and its reload

    @staticmethod
    def pattern(line):
        """Every number may be another: who is chosen depends on the ports."""
        return r"\s+".join(re.sub(r"\d+", r"\\d+", re.escape(word)) for word in line.split())

    @staticmethod
    def choices(explained):
        """Backend and second of the first, then the backends of the next two."""
        backends = [[re.search(r"127\S+", line).group() for line in lines if re.match(r" +(backend|then) ", line)] for lines in explained]
        return backends[0][0], backends[0][1], backends[1][0], backends[2][0]


if __name__ == "__main__":
    main()
