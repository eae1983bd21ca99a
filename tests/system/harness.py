# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Starts rsp with a route file, waits until it serves, stops it, and insists that it ended well.

    class Bodies(SystemTest):
        def test_a_page_arrives(self):
            backend = self.backend(always(answer(200, b"hello")))
            rsp = self.rsp('site "*" { to = "127.0.0.1:%d" }' % backend.port)
            self.assertEqual(get(rsp.http).body, b"hello")
"""

import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from backends import Backend
import certificates
import procfs

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPLETE = os.environ.get("RSP_TEST_COMPLETE") == "1"  # tools/test: all that a test may ask for was installed and built
FULL = os.environ.get("RSP_TEST_FULL") == "1"
SANITIZER = re.compile(r"ERROR: \w*Sanitizer|runtime error:|SUMMARY: \w*Sanitizer|check failed", re.IGNORECASE)


def program(name, build=None):
    """The program as RSP_BUILD (a build folder) has it; build "release" for what is measured."""
    folder = os.environ.get("RSP_BUILD", os.path.join(ROOT, "build", "dev"))
    if build:
        folder = os.path.join(ROOT, "build", build)
    return os.path.join(folder, name)


def require(test, is_there, what):
    """Skips a test for want of a program, but where tools/test has seen to it that there is one: what is missing there fails."""
    if not is_there and COMPLETE:
        test.fail("missing, although tools/test provides it: " + what)
    if not is_there:
        test.skipTest("missing: " + what)


def require_build(test, name, build=None):
    """The build that is tested must be there; another one, such as "release", may be missing."""
    path = program(name, build)
    if not build:
        test.assertTrue(os.path.exists(path), "not built: " + path)
    require(test, os.path.exists(path), path)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, seconds=10, what="the condition"):
    """Asks again and again; fails when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {seconds} s")


def can_connect(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Rsp:
    """A running rsp. Its folder holds rsp.lua, certs/, access.log and errors.log; it goes with stop()."""

    def __init__(self, routes, workers=1, tls=False, certs=("localhost",), listen=None, build=None, log="", files=None, descriptors=None, admin=None, access=True):
        self.folder = tempfile.mkdtemp(prefix="rsp-test-")
        os.chmod(self.folder, 0o755)
        self.http = free_port()
        self.https = free_port() if tls else None
        self.workers_wanted, self.build = workers, build
        self.access = self.path("access.log") if access else "off"
        self.log_options, self.listen, self.descriptors, self.admin_options = log, listen, descriptors, admin
        self.certs = os.path.join(self.folder, "certs")
        os.mkdir(self.certs)
        for name in certs if tls else ():
            certificates.make(self.certs, name)
        for name, text in (files or {}).items():
            with open(self.path(name), "w", encoding="utf-8") as f:
                f.write(text)
        self.write_routes(routes)
        self.start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def preamble(self):
        ports = f'http = "127.0.0.1:{self.http}"' + (f', https = "127.0.0.1:{self.https}"' if self.https else "")
        lines = [f"listen {{ {ports}{', ' + self.listen if self.listen else ''} }}",
                 f'log {{ access = "{self.access}", errors = "stderr"{self.log_options} }}',
                 f'admin {{ socket = "{self.path("admin.sock")}"{", " + self.admin_options if self.admin_options else ""} }}']
        if self.https:
            lines.append(f'tls {{ certificates = "{self.certs}/" }}')
        return "\n".join(lines) + "\n"

    def write_routes(self, routes):
        """What the tests say about sites and pools; listen, log, admin and tls stand before it, on the first lines."""
        new = self.path("rsp.lua.new")
        with open(new, "w", encoding="utf-8") as f:
            f.write(self.preamble() + routes + "\n")
        os.rename(new, self.path("rsp.lua"))

    def start(self):
        """Again after stop(), or after its end."""
        environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:exitcode=99", UBSAN_OPTIONS="print_stacktrace=1")
        with open(self.path("errors.log"), "ab") as out:
            self.process = subprocess.Popen(
                [program("rsp", self.build), "-c", self.path("rsp.lua"), "--foreground", "--workers", str(self.workers_wanted)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, cwd=self.folder,
                preexec_fn=self.limit_descriptors if self.descriptors else None)
        try:
            wait_until(lambda: self.has_ended() or can_connect(self.http), 20, "listening")
            wait_until(lambda: self.has_ended() or len(self.workers()) == self.workers_wanted, 20, "all workers")
        except AssertionError:
            self.process.kill()
            raise AssertionError("rsp does not start:\n" + self.errors()) from None
        if self.has_ended():
            raise AssertionError("rsp ended at its start:\n" + self.errors())

    def limit_descriptors(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))

    def has_ended(self):
        return self.process.poll() is not None

    def errors(self):
        with open(self.path("errors.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def access_lines(self):
        if not os.path.exists(self.path("access.log")):
            return []
        with open(self.path("access.log"), encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()

    def wait_for_lines(self, count, seconds=10):
        """The access log's lines as soon as there are that many; then it must stay at that number."""
        wait_until(lambda: len(self.access_lines()) >= count, seconds, f"{count} lines in the access log")
        return self.access_lines()

    def children(self, role):
        """By the title that a process gives itself: before, it has the supervisor's command line, with --workers in it."""
        return [pid for pid in procfs.descendants(self.process.pid) if procfs.title(pid).startswith("rsp: " + role)]

    def workers(self):
        return self.children("worker")

    def worker(self):
        return self.workers()[0]

    def reload(self, timeout=60):
        """rspctl reload: (exit status, what it printed)."""
        done = subprocess.run([program("rspctl", self.build), "-s", self.path("admin.sock"), "reload"],
                              capture_output=True, text=True, timeout=timeout)
        return done.returncode, done.stdout + done.stderr

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=45):
        """SIGTERM; the exit status. What is left after that time is killed, and that is a failure."""
        if not self.has_ended():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                for pid in procfs.descendants(self.process.pid) + [self.process.pid]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self.process.wait()
        return self.process.returncode

    def clean_up(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class SystemTest(unittest.TestCase):
    """Every rsp that a test started must end with status 0 and without a word from a sanitizer."""

    maxDiff = 2000

    def rsp(self, routes, **options):
        require_build(self, "rsp", options.get("build"))
        rsp = Rsp(routes, **options)
        self.addCleanup(self.end, rsp)
        return rsp

    def end(self, rsp):
        status = rsp.stop()
        errors = rsp.errors()
        rsp.clean_up()
        self.assertIsNone(SANITIZER.search(errors), errors[-8000:])
        self.assertEqual(status, 0, errors[-4000:])

    def backend(self, handler, **options):
        backend = Backend(handler, **options)
        self.addCleanup(backend.stop)
        return backend

    def note(self, text):
        """A figure that this test has measured, for who reads its output (ctest -V)."""
        print(f"    {self.id().partition('.')[2]}: {text}", file=sys.stderr, flush=True)

    def site(self, backend, **options):
        """The route file that sends everything to this backend. Options become settings of the site."""
        settings = "".join(f", {k} = {v}" for k, v in options.items())
        return f'site "*" {{ to = "{backend.address}"{settings} }}'

    def assert_descriptors_return_to(self, pid, before, seconds=10):
        wait_until(lambda: procfs.descriptors(pid) <= before, seconds,
                   f"at most {before} descriptors (now {procfs.descriptors(pid)})")


def main():
    unittest.main(verbosity=2)
