# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Runs rsp (one worker) under a tool while a client does one scenario after the other, and says what each has cost the worker.

Where one ends and the next begins is seen in the worker itself: it calls accept4() for the first connection of each. So there is no clock
in this, and nothing has to be told to the tools while they run."""

import collections
import contextlib
import glob
import os
import re
import signal
import statistics
import subprocess
import tempfile
import time

import certificates
import procfs
from backends import Backend, answer
from harness import free_port, program, wait_until
from wire import Client, request

PAGE = b"x" * 100
LARGE = bytes(1 << 20)

# name, what is asked for (path), over TLS, how often on one connection, connections
Scenario = collections.namedtuple("Scenario", "name path tls requests connections text")
SCENARIOS = [
    Scenario("small-plain", "/small", False, 300, 1, "GET of 100 bytes, plain, connections kept"),
    Scenario("small-tls", "/small", True, 300, 1, "the same over TLS"),
    Scenario("body-plain", "/large", False, 12, 1, "GET of 1 MiB, plain"),
    Scenario("new-connections", "/small", False, 1, 40, "GET of 100 bytes, plain, a connection for each"),
]
WARM = [Scenario("warm", s.path, s.tls, 3, 1, "") for s in SCENARIOS]
ALLOCATING = ("malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign")
END = Scenario("end", "/small", False, 1, 1, "")

ROUTES = """
listen {{ http = "127.0.0.1:{http}", https = "127.0.0.1:{https}", redirect = false }}
tls {{ certificates = "{folder}/certs/" }}
log {{ access = "{folder}/access.log", errors = "{folder}/errors.log" }}
admin {{ socket = "{folder}/admin.sock" }}
site "*" {{ to = "{backend}" }}
"""


class Broken(Exception):
    """A measurement that cannot be used; says why."""


class Run:
    """rsp under a tool, in a folder of its own, while the scenarios are done. Afterwards sections() has what happened in each."""

    def __init__(self, tool):
        self.tool, self.connections = tool, 0

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="rsp-guard-")
        os.chmod(self.folder.name, 0o777)  # the worker, which may be another user, writes there
        os.mkdir(self.path("certs"))
        certificates.make(self.path("certs"), "localhost")
        self.backend = Backend(serve)
        self.http, self.https = free_port(), free_port()
        with open(self.path("rsp.lua"), "w", encoding="utf-8") as f:
            f.write(ROUTES.format(http=self.http, https=self.https, folder=self.folder.name, backend=self.backend.address))
        command = [program("rsp", "release"), "-c", self.path("rsp.lua"), "--foreground", "--workers", "1"]
        with open(self.path("out"), "wb") as out:
            self.process = subprocess.Popen(self.tool.prefix(self) + command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            cwd=self.folder.name, env=dict(os.environ, LC_ALL="C"))
        try:
            wait_until(self.is_ready, 60, f"rsp under {self.tool.name} to listen")
        except AssertionError as e:
            self.__exit__()
            raise Broken(str(e)) from None
        return self

    def __exit__(self, *_):
        pids = [self.process.pid] + procfs.descendants(self.process.pid)
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(pids[self.tool.generations_before_rsp], signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
        self.backend.stop()
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def is_ready(self):
        if self.process.poll() is not None:
            with open(self.path("out"), encoding="utf-8", errors="replace") as f:
                raise Broken(f"rsp under {self.tool.name} ended:\n{f.read()[-3000:]}")
        return self.is_answered()

    def is_answered(self):
        try:
            self.do(END)
        except (OSError, AssertionError):
            return False
        return True

    def do(self, scenario):
        """Returns as soon as the first answer of each connection is there, and goes on: for marks between them."""
        for _ in range(scenario.connections):
            client = Client(self.https if scenario.tls else self.http, tls="localhost" if scenario.tls else None, timeout=60)
            for i in range(scenario.requests):
                got = client.ask(request("GET", scenario.path))
                assert got.status == 200 and len(got.body) == (len(LARGE) if scenario.path == "/large" else len(PAGE))
                if i == 0:
                    self.tool.on_first_answer(self)
                    self.connections += 1
            client.close()

    def measure(self):
        """{scenario: {what: cost of one request}}"""
        begins = {}
        for scenario in WARM + SCENARIOS + [END]:
            begins[scenario.name] = self.connections
            self.do(scenario)
        sections = self.tool.sections(self)
        return {s.name: cost_of_one(sections[begins[s.name]:][:s.connections], s.requests) for s in SCENARIOS}


def cost_of_one(sections, requests):
    """The median of the connections: a timer that came between counts for none of them."""
    return {what: statistics.median(s[what] for s in sections) / requests for what in set().union(*sections)}


def serve(conn):
    """The backend: whole answers at once, on a connection that stays."""
    pages = {"/small": answer(200, PAGE), "/large": answer(200, LARGE)}
    while True:
        conn.send(pages[conn.read_request().path])


class Callgrind:
    """Instructions, by the object (program or library) that they belong to. A dump is written before each accept4()."""

    name = "callgrind"
    generations_before_rsp = 0  # valgrind becomes rsp

    def __init__(self):
        self.dumps = []  # number of the worker's last dump when each connection had its first answer

    def prefix(self, run):
        return ["valgrind", "--tool=callgrind", "--dump-before=accept4", "--compress-strings=no", "--compress-pos=no",
                "--callgrind-out-file=" + run.path("cost.%p")]

    def on_first_answer(self, run):
        self.dumps.append(max((int(name.rpartition(".")[2]) for name in glob.glob(self.pattern(run))), default=0))

    def pattern(self, run):
        return run.path("cost.*.[0-9]*")

    def sections(self, run):
        """What came between the last dump at a connection's accept and the first at the next one's: one dump each."""
        return [self.read(run, number + 1) for number in self.dumps[:-1]]

    def read(self, run, number):
        names = glob.glob(run.path(f"cost.*.{number}"))
        if len(names) != 1:
            raise Broken(f"callgrind's dump {number} is there {len(names)} times")
        return self_cost(names[0])


def self_cost(path):
    """{object: instructions} of a callgrind file, and the calls that ask for memory as "allocations". The line after "calls=" is the cost
    of the called function, which stands in its own place as well."""
    sums, current, called, is_call = collections.Counter(allocations=0), None, None, False
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            if line.startswith("ob="):
                current = os.path.basename(line[3:].strip())
            elif line.startswith("cfn="):
                called = line[4:].strip()
            elif line.startswith("calls="):
                is_call = True
                if called in ALLOCATING:
                    sums["allocations"] += int(line[6:].split()[0])
            elif line[0].isdigit():
                if not is_call:
                    sums[current] += int(line.split()[1])
                is_call = False
    return sums


class Strace:
    """System calls of the worker, by name."""

    name = "strace"
    generations_before_rsp = 1  # strace is the parent

    def __init__(self):
        self.accepted = 0

    def prefix(self, run):
        return ["strace", "-ff", "-qq", "-o", run.path("calls")]

    def on_first_answer(self, run):
        self.accepted += 1

    def sections(self, run):
        """The worker's calls, cut before each connection that it accepted."""
        accepted = re.compile(r"accept4\(.*= \d+$")
        for path in glob.glob(run.path("calls.*")):
            with open(path, encoding="utf-8", errors="replace") as f:
                lines = f.read().splitlines()
            if sum(1 for line in lines if accepted.match(line)) == 0:
                continue
            sections = [collections.Counter()]
            for line in lines:
                if accepted.match(line):
                    sections.append(collections.Counter())
                name = re.match(r"(\w+)\(", line)
                if name:
                    sections[-1][name.group(1)] += 1
            if len(sections) != self.accepted + 1:
                raise Broken(f"strace shows {len(sections) - 1} connections of {self.accepted}")
            return sections[1:]
        raise Broken("strace shows nobody who accepts")


def measure(tool):
    with Run(tool) as run:
        return run.measure()
