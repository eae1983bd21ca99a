#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""A worker that dies takes its own connections with it and nothing else; another one serves at once (release build: times count)."""

import os
import signal
import subprocess
import time

import procfs
from backends import echo, respond
from harness import SystemTest, main, wait_until
from load import read_wrk
from wire import Client, get, request


class Workers(SystemTest):
    def start(self, workers):
        return self.rsp(self.site(self.backend(respond(echo))), workers=workers, build="release")

    def test_a_killed_worker_is_replaced_within_200_ms(self):
        rsp = self.start(1)
        get(rsp.http)
        os.kill(rsp.worker(), signal.SIGKILL)
        killed = time.monotonic()
        self.assertEqual(get(rsp.http).status, 200)
        took = time.monotonic() - killed
        self.note(f"answered by a new worker {took * 1000:.0f} ms after the kill")
        self.assertLess(took, 0.2)

    def test_the_others_go_on_when_one_is_killed(self):
        rsp = self.start(2)
        clients = [Client(rsp.http) for _ in range(32)]
        for client in clients:
            client.ask(request())
        before = set(rsp.workers())
        victim = rsp.workers()[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(set(rsp.workers()) - {victim}) == 2, 2, "a new worker")
        self.assertEqual(len(set(rsp.workers()) & before), 1)
        alive = 0
        for client in clients:
            try:
                alive += client.ask(request()).status == 200
            except Exception:
                pass
            client.close()
        self.assertGreater(alive, 0)
        self.assertEqual([get(rsp.http).status for _ in range(20)], [200] * 20)

    def test_under_load_only_the_connections_of_the_killed_worker_fail(self):
        rsp = self.start(2)
        load = subprocess.Popen(["wrk", "-t1", "-c64", "-d4s", "--latency", f"http://127.0.0.1:{rsp.http}/"],
                                stdout=subprocess.PIPE, text=True)
        time.sleep(2)
        os.kill(rsp.workers()[0], signal.SIGKILL)
        requests, failed, _ = read_wrk(load.communicate(timeout=30)[0])
        self.note(f"{failed} of {requests} requests failed with a worker killed under 64 connections")
        self.assertGreater(requests, 1000)
        self.assertLessEqual(failed, 64)

    def test_connections_spread_evenly_on_two_workers(self):
        rsp = self.start(2)
        clients = []
        for _ in range(400):
            client = Client(rsp.http)
            self.addCleanup(client.close)
            clients.append(client)
            client.send(request())
        for client in clients:
            self.assertEqual(client.read_answer().status, 200)
        counts = [procfs.connections_of(pid, rsp.http) for pid in rsp.workers()]
        self.assertGreaterEqual(sum(counts), 400)
        self.assertLessEqual(max(counts), 1.1 * sum(counts) / 2, f"connections by worker: {counts}")

    def test_nothing_is_left_running_after_the_end(self):
        rsp = self.start(2)
        pids = rsp.workers() + rsp.children("control") + [rsp.process.pid]
        self.assertGreaterEqual(len(pids), 4)
        self.assertEqual(rsp.stop(), 0)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 5, "all processes gone")

    def test_workers_die_with_their_supervisor(self):
        rsp = self.start(2)
        pids = rsp.workers()
        os.kill(rsp.process.pid, signal.SIGKILL)
        rsp.process.wait()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 5, "all workers gone")
        rsp.start()

    def test_a_drain_lets_an_answer_end_and_a_second_signal_cuts(self):
        def slow(conn):
            conn.read_request()
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
            time.sleep(1.5)
            conn.send(b"def")

        rsp = self.rsp(self.site(self.backend(slow)))
        with Client(rsp.http) as client:
            client.send(request())
            head = client.read_head()
            rsp.signal(signal.SIGTERM)
            self.assertEqual(b"".join(client.body_pieces(head)), b"abcdef")
        wait_until(rsp.has_ended, 5, "the end")


if __name__ == "__main__":
    main()
