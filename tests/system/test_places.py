#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""max_connections over two workers: never one more, nobody is forgotten, and what a killed worker held is free again."""

import os
import signal
import threading
import time

from backends import answer, respond
from harness import SystemTest, main, wait_until
from load import ask_all
from wire import Client, get, request


class Counting:
    """A handler that counts how many requests it has at the same time, and holds each for a while."""

    def __init__(self, seconds=0.01):
        self.seconds, self.now, self.most, self.lock = seconds, 0, 0, threading.Lock()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, _):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.gate.wait(30)
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
        return answer(200, b"done")


class Places(SystemTest):
    def pool(self, backend, most=3, queue='timeout = "30s"'):
        return (f'site "*" {{ to = pool "p" {{ {{ "{backend.address}", max_connections = {most} }}, '
                f'queue = {{ {queue} }} }} }}')

    def test_two_workers_never_pass_the_limit_and_serve_everybody(self):
        count = Counting()
        rsp = self.rsp(self.pool(self.backend(respond(count))), workers=2)
        threads, statuses = ask_all(rsp.http, clients=40, each=10)
        for thread in threads:
            thread.join(60)
        self.assertEqual(statuses, [200] * 400)
        self.assertEqual(count.most, 3)
        waited = [line for line in rsp.wait_for_lines(400) if " queue=0.0000" not in line]
        self.assertGreater(len(waited), 100)

    def test_what_a_killed_worker_held_is_free_again(self):
        count = Counting()
        count.gate.clear()
        backend = self.backend(respond(count))
        rsp = self.rsp(self.pool(backend, most=4), workers=2)
        clients = [Client(rsp.http) for _ in range(12)]
        for client in clients:
            client.send(request())
        wait_until(lambda: count.now == 4, 10, "all places taken")
        victim = rsp.worker()
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in rsp.workers() and len(rsp.workers()) == 2, 10, "a new worker")
        count.gate.set()
        self.assertEqual([get(rsp.http).status for _ in range(20)], [200] * 20)
        for client in clients:
            client.close()

    def test_who_waits_is_served_after_a_reload(self):
        count = Counting()
        count.gate.clear()
        rsp = self.rsp(self.pool(self.backend(respond(count)), most=1), workers=2)
        threads, statuses = ask_all(rsp.http, clients=8, each=1)
        wait_until(lambda: count.now == 1, 10, "the place taken")
        self.assertEqual(rsp.reload()[0], 0)
        count.gate.set()
        for thread in threads:
            thread.join(30)
        self.assertEqual(statuses, [200] * 8)
        self.assertEqual(count.most, 1)


if __name__ == "__main__":
    main()
