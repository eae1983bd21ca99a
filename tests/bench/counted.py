# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What a request costs in instructions and in system calls: counted, so the same on a busy machine. For this a proxy runs under a tool, in runs of
its own. `fresh` starts one: a context manager that may be told under which tool. `work` does requests for some seconds and says how many."""

import os
import re
import signal
import subprocess
import tempfile

WAITING = {"epoll_wait", "epoll_pwait"}  # how many events one of them finds is the machine's business
SHORT, LONG = 2, 6  # seconds


def system_calls(fresh, _seconds, work):
    with fresh() as proxy, tempfile.NamedTemporaryFile("r", encoding="utf-8") as out:
        command = ["strace", "-f", "-c", "-U", "name,calls", "-o", out.name]
        tracer = subprocess.Popen(command + [f"--attach={pid}" for pid in proxy.pids()], stderr=subprocess.PIPE, text=True)
        if "attached" not in tracer.stderr.readline():
            raise SystemExit(f"strace does not watch {proxy.name}")
        requests = work(proxy, SHORT)
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
        rows = [line.split() for line in out if re.match(r"\w+ +\d+$", line.strip())]
    return {"calls": sum(int(calls) for name, calls in rows if name not in WAITING | {"total"}) / requests}


def instructions(fresh, _seconds, work):
    """Of a longer run less those of a shorter one, so that starting and ending count for nothing."""
    (few, before), (many, after) = run_under_callgrind(fresh, work, SHORT), run_under_callgrind(fresh, work, LONG)
    return {"instructions": (after - before) / (many - few)}


def run_under_callgrind(fresh, work, seconds):
    """(requests, instructions of all processes in user mode)"""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # workers that are another user write there
        with fresh(under=("valgrind", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={folder}/%p")) as proxy:
            requests = work(proxy, seconds)
        return requests, sum(total_of(os.path.join(folder, name)) for name in os.listdir(folder))


def total_of(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("totals:"))
