#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""500 connections that send a byte a second are closed at the deadline of the head, and nobody else notices (release build)."""

import selectors
import socket
import threading
import time

from harness import SystemTest, main
from load import wrk

ATTACKERS, DEADLINE_S = 500, 10
SLOTS = 20  # of a second: who has which sends in it, so that the attack does not come as a burst that costs the machine a moment


class Attack:
    """Sends a byte a second on each connection; closed_after: how long each lived."""

    def __init__(self, port):
        self.port, self.closed_after, self.is_over = port, [], False

    def __enter__(self):
        self.socks = {}
        for _ in range(ATTACKERS):
            sock = socket.create_connection(("127.0.0.1", self.port))
            sock.setblocking(False)
            self.socks[sock] = time.monotonic()
        self.thread = threading.Thread(target=self.go)
        self.thread.start()
        return self

    def go(self):
        text, i = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1000, 0
        selector = selectors.DefaultSelector()
        for sock in self.socks:
            selector.register(sock, selectors.EVENT_READ)
        slots = [list(self.socks)[slot::SLOTS] for slot in range(SLOTS)]
        while self.socks and not self.is_over:
            for sock in slots[i % SLOTS]:
                try:
                    sock.send(text[i // SLOTS:i // SLOTS + 1])
                except OSError:
                    pass
            i += 1
            end = time.monotonic() + 1 / SLOTS
            while (left := end - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    self.look(selector, key.fileobj)

    def look(self, selector, sock):
        try:
            is_closed = sock.recv(4096) == b""
        except OSError:
            is_closed = True
        if is_closed:
            self.closed_after.append(time.monotonic() - self.socks.pop(sock))
            selector.unregister(sock)
            sock.close()

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()
        for sock in self.socks:
            sock.close()


class Slowloris(SystemTest):
    def test_slow_heads_are_closed_at_the_deadline_and_others_do_not_notice(self):
        rsp = self.rsp('site "*" { respond = { 200, "page" } }', build="release")
        url = f"http://127.0.0.1:{rsp.http}/"
        wrk(url, 1, 16)
        alone = min(wrk(url, 3, 16)[2] for _ in range(2))
        with Attack(rsp.http) as attack:
            crowded = min(wrk(url, 3, 16)[2] for _ in range(2))
            end = time.monotonic() + DEADLINE_S + 5
            while len(attack.closed_after) < ATTACKERS and time.monotonic() < end:
                time.sleep(0.1)
        self.note(f"p99 {alone:.2f} ms alone, {crowded:.2f} ms with the attack; closed after "
                  f"{min(attack.closed_after):.1f} to {max(attack.closed_after):.1f} s")
        self.assertEqual(len(attack.closed_after), ATTACKERS)
        self.assertLess(max(attack.closed_after), DEADLINE_S + 2)
        self.assertGreater(min(attack.closed_after), DEADLINE_S - 2)
        self.assertLess(crowded, 2 * alone + 1, f"p99 in ms: {alone} alone, {crowded} with the attack")
        self.assertEqual(sum("HEAD_TIMEOUT" in line for line in rsp.wait_for_lines(1)), ATTACKERS)


if __name__ == "__main__":
    main()
