#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Who is slow costs little memory and hurts nobody: 200 slow clients, slow backends, chunked pages to slow clients (release build:
a sanitizer's own memory would be measured otherwise)."""

import concurrent.futures
import hashlib
import os
import ssl
import subprocess
import time

from backends import answer, chunked, respond
from content import MIB, MemoryWatch, blocks, digest
from harness import SystemTest, main, wait_until
from wire import Client, get, request

SLOW_CLIENTS = 200
PAGE = os.urandom(10 * MIB)


def endless(conn):
    conn.read_head()
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    for piece in blocks(1024 * MIB):
        conn.send(piece)


def trickle(port, count, seconds, per_turn=2048, tls=None):
    """That many clients ask for a page and read a little of it every 100 ms, so long, and on a busy machine until each has had some in the
    second half. Returns how many have."""
    clients = []
    for _ in range(count):
        clients.append(Client(port, tls=tls, receive_buffer=8192))
        clients[-1].send(request())
        clients[-1].sock.setblocking(False)
    began, alive, elapsed = time.monotonic(), set(), 0
    while elapsed < seconds or (len(alive) < count and elapsed < 60):
        served = {client for client in clients if has_got_some(client.sock, per_turn)}
        elapsed = time.monotonic() - began
        if elapsed > seconds / 2:
            alive |= served
        time.sleep(0.1)
    for client in clients:
        client.close()
    return len(alive)


def has_got_some(sock, most):
    try:
        return len(sock.recv(most)) > 0
    except (BlockingIOError, ssl.SSLWantReadError):
        return False


class Slow(SystemTest):
    def test_two_hundred_slow_clients_stay_under_64_MiB(self):
        self.serve_slow_clients(64 * MIB, splice='"64k"')

    def test_two_hundred_slow_clients_stay_under_64_MiB_where_all_is_copied(self):
        self.serve_slow_clients(64 * MIB, splice='"0b"')

    def test_two_hundred_slow_clients_stay_under_64_MiB_over_tls_and_it_is_given_back_when_they_go(self):
        watch = self.serve_slow_clients(64 * MIB, splice='"64k"', tls="localhost")
        wait_until(lambda: not watch.is_above(20 * MIB), 40, "the memory of clients that are gone to be given back")

    def test_two_hundred_slow_clients_share_what_buffers_may_take(self):
        self.serve_slow_clients(20 * MIB, splice='"0b"', buffers="8m")

    def serve_slow_clients(self, most_bytes, splice, tls=None, buffers="256m"):
        routes = f'buffers = "{buffers}"\n' + self.site(self.backend(endless), limits="{ splice = %s }" % splice)
        rsp = self.rsp(routes, tls=bool(tls), build="release")
        with MemoryWatch(rsp.worker()) as watch:
            alive = trickle(rsp.https if tls else rsp.http, SLOW_CLIENTS, 8, tls=tls)
        self.note(f"memory grew by {watch.grown_bytes / MIB:.1f} MiB; {alive} clients were served to the end")
        self.assertGreater(alive, SLOW_CLIENTS / 2)
        self.assertLess(watch.grown_bytes, most_bytes)
        return watch

    def test_a_backend_that_reads_slowly_holds_the_client_back_and_not_memory(self):
        def slow_reader(conn):
            request = conn.read_head()
            seen = hashlib.sha256()
            for i, piece in enumerate(conn.pieces(request)):
                seen.update(piece)
                if i < 60:
                    time.sleep(0.05)
            conn.send(answer(200, seen.hexdigest().encode()))

        rsp = self.rsp(self.site(self.backend(slow_reader)), build="release")
        with MemoryWatch(rsp.worker()) as watch, Client(rsp.http, timeout=60) as client:
            client.send(b"PUT / HTTP/1.1\r\nHost: any.example\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
            for piece in blocks(64 * MIB):
                client.send(piece)
            reply = client.read_answer("PUT")
        self.note(f"memory grew by {watch.grown_bytes >> 10} KiB")
        self.assertEqual(reply.body.decode(), digest(blocks(64 * MIB)))
        self.assertLess(watch.grown_bytes, MIB)

    def test_a_backend_that_answers_a_few_bytes_at_a_time_is_passed_on_as_it_comes(self):
        def slow_writer(conn):
            conn.read_request()
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
            for i in range(20):
                conn.send(b"%d" % (i % 10))
                time.sleep(0.1)

        rsp = self.rsp(self.site(self.backend(slow_writer)))
        with Client(rsp.http) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: any.example\r\n\r\n")
            started = time.monotonic()
            head = client.read_head()
            first = next(client.body_pieces(head))
            self.assertLess(time.monotonic() - started, 1)
            self.assertEqual(first + client.read_exactly(20 - len(first)), b"01234567890123456789")

    def test_chunked_pages_to_slow_clients_are_never_cut(self):
        self.serve_chunked_pages(buffers="256m")

    def test_nor_where_each_of_them_may_hold_only_the_least(self):
        self.serve_chunked_pages(buffers="1m")

    def serve_chunked_pages(self, buffers):
        def page(_):
            return chunked(PAGE[i:i + 50000] for i in range(0, len(PAGE), 50000))

        rsp = self.rsp(f'buffers = "{buffers}"\n' + self.site(self.backend(respond(page))), tls=True, build="release")
        urls = [f"http://127.0.0.1:{rsp.http}/", f"https://localhost:{rsp.https}/"] * 10
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            results = list(pool.map(self.fetch_slowly, urls))
        self.assertEqual({code for code, _ in results}, {0}, "exit statuses of curl")
        self.assertEqual({digest_ for _, digest_ in results}, {hashlib.sha256(PAGE).hexdigest()})

    @staticmethod
    def fetch_slowly(url):
        done = subprocess.run(["curl", "-sSk", "--limit-rate", "2M", url], capture_output=True, timeout=120)
        return done.returncode, hashlib.sha256(done.stdout).hexdigest()

    def test_others_are_served_while_a_client_does_not_read(self):
        def pages(request):
            return answer(200, b"x" * (16 * MIB)) if request.path == "/large" else answer(200, b"small")

        rsp = self.rsp(self.site(self.backend(respond(pages))))
        with Client(rsp.http, receive_buffer=8192) as stuck:
            stuck.send(b"GET /large HTTP/1.1\r\nHost: any.example\r\n\r\n")
            time.sleep(0.3)
            for _ in range(20):
                self.assertEqual(get(rsp.http, "/small").body, b"small")


if __name__ == "__main__":
    main()
