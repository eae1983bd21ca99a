# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Backends that fall ill when a test says so, and what rsp says of them."""

import re
import socket
import struct
import subprocess
import time

from backends import answer
from harness import SystemTest, program, wait_until


class Patient:
    """Answers checks and requests each in a way that a test may change; counts the requests (not the checks)."""

    def __init__(self, test, name):
        self.check = self.request = "good"
        self.checks = self.requests = 0
        self.fields = []
        self.backend = test.backend(self.serve)
        self.name, self.address = name, self.backend.address

    def serve(self, conn):
        while True:
            seen = conn.read_request()
            is_check = seen.path == "/healthz"
            if is_check:
                self.checks += 1
                self.fields = seen.fields
            else:
                self.requests += 1
            getattr(self, (self.check if is_check else self.request))(conn)

    def good(self, conn):
        conn.send(answer(200, b"all is well with " + self.name.encode()))

    def answers_500(self, conn):
        conn.send(answer(500, b"ill"))

    def fails_every_second_time(self, conn):
        (self.answers_500 if self.checks % 2 else self.good)(conn)

    def fails_in_spells(self, conn):
        (self.answers_500 if self.checks % 8 < 4 else self.good)(conn)

    def answers_404(self, conn):
        conn.send(answer(404, b"not here"))

    def is_silent(self, conn):
        conn.wait_for_end()

    def is_slow(self, conn):
        for byte in answer(200, b"slow"):
            time.sleep(0.05)
            conn.send(bytes([byte]))

    def resets(self, conn):
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.sock.close()
        raise OSError

    def resets_in_the_head(self, conn):
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        self.resets(conn)

    def closes_in_the_middle(self, conn):
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nall is")
        raise OSError

    def sends_garbage(self, conn):
        conn.send(b"\x16\x03\x01\x00\xa5 this is no HTTP\r\n\r\n")
        conn.wait_for_end()

    def sends_endless_heads(self, conn):
        conn.send(b"HTTP/1.1 200 OK\r\n")
        for i in range(1 << 20):
            conn.send(b"X-%d: and on and on and on\r\n" % i)


class HealthTest(SystemTest):
    def two(self):
        return Patient(self, "one"), Patient(self, "two")

    def pool(self, members, settings, site=""):
        listed = ", ".join(m if isinstance(m, str) else f'"{m.address}"' for m in members)
        return f'site "*" {{ to = pool "web" {{ {listed}, {settings} }}{site} }}'

    def metrics(self, rsp):
        done = subprocess.run([program("rspctl"), "-s", rsp.path("admin.sock"), "metrics"], capture_output=True, text=True, timeout=30)
        return {m.group(1): int(m.group(2)) for m in
                re.finditer(r'^rsp_member_up\{pool="web",member="([^"]*)"\} (\d)$', done.stdout, re.MULTILINE)}

    def wait_for(self, rsp, member, is_up, seconds=20):
        wait_until(lambda: self.metrics(rsp).get(getattr(member, "address", member)) == int(is_up), seconds,
                   f"{'up' if is_up else 'down'}: {rsp.errors()[-1500:]}")

    def pool_shown(self, rsp):
        return subprocess.run([program("rspctl"), "-s", rsp.path("admin.sock"), "pool", "web"], capture_output=True, text=True, timeout=30).stdout

    def lines(self, rsp, text):
        return [line for line in rsp.errors().splitlines() if text in line]

    def down(self, rsp):
        return sum(1 for up in self.metrics(rsp).values() if up == 0)
