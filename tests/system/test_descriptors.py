#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""A worker that has as many descriptors open as it may: what it cannot take over it goes on without."""

import contextlib
import os
import signal
import socket

from backends import always, answer
from harness import SystemTest, main, wait_until
from wire import Client, get, request

HERE = 'site "*" { respond = { 200, "here" } }'
LIMIT = 56


class NoneLeft(SystemTest):
    @contextlib.contextmanager
    def full_worker(self):
        """(rsp, how to empty it): so many clients are connected that its worker can open nothing."""
        rsp = self.rsp(HERE, descriptors=LIMIT, listen="limits = { connections = 1000 }")
        self.assertEqual(rsp.reload()[0], 0)  # all that is sent at the start has arrived
        worker = rsp.worker()
        with contextlib.ExitStack() as clients:
            for _ in range(LIMIT):
                clients.enter_context(socket.create_connection(("127.0.0.1", rsp.http), 10))
            wait_until(lambda: "accepting pauses" in rsp.errors(), what="a worker without descriptors")
            yield rsp, clients.close
        self.assertEqual(rsp.worker(), worker)

    def test_logs_that_cannot_be_taken_over_go_on_in_the_old_files(self):
        with self.full_worker() as (rsp, empty):
            os.rename(rsp.path("access.log"), rsp.path("access.old"))
            rsp.signal(signal.SIGUSR1)
            wait_until(lambda: "the old ones go on" in rsp.errors(), what="the word about the logs")
            empty()
            self.assertEqual(get(rsp.http).body, b"here")
            os.rename(rsp.path("access.old"), rsp.path("access.log"))
            rsp.wait_for_lines(1)

    def test_a_reload_that_cannot_be_taken_over_fails_and_says_why(self):
        with self.full_worker() as (rsp, empty):
            status, words = rsp.reload()
            self.assertEqual(status, 1)
            self.assertIn("no descriptor free", words)
            empty()
            self.assertEqual(get(rsp.http).body, b"here")
            self.assertEqual(rsp.reload()[0], 0)


class Few(SystemTest):
    def test_who_is_let_in_is_served(self):
        rsp = self.rsp(self.site(self.backend(always(answer(200, b"served")))), descriptors=LIMIT)
        with contextlib.ExitStack() as clients:
            waiting = [clients.enter_context(Client(rsp.http)) for _ in range(2 * LIMIT)]
            wait_until(lambda: "more are not accepted until some go" in rsp.errors(), what="the word about full")
            for client in waiting[:10]:
                self.assertEqual(client.ask(request()).status, 200)
        self.assertEqual(get(rsp.http).body, b"served")


if __name__ == "__main__":
    main()
