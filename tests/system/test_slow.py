#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Who is slow costs little memory and hurts nobody: 200 slow clients, slow backends, chunked pages to slow clients (release build:
a sanitizer's own memory would be measured otherwise)."""

import concurrent.futures
import hashlib
import os
import selectors
import socket
import subprocess
import time

from backends import answer, chunked, respond
from content import MIB, MemoryWatch, blocks, digest
from harness import SystemTest, main
from wire import Client, get

SLOW_CLIENTS = 200
PAGE = os.urandom(10 * MIB)


def endless(conn):
    conn.read_head()
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    for piece in blocks(1024 * MIB):
        conn.send(piece)


def trickle(port, count, seconds, per_turn=2048):
    """That many clients ask for a page and read a little of it every 100 ms. Returns how many still got bytes in the second half."""
    selector, clients = selectors.DefaultSelector(), []
    for _ in range(count):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.connect(("127.0.0.1", port))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: any.example\r\n\r\n")
        clients.append(sock)
        selector.register(sock, selectors.EVENT_READ)
    end, alive = time.monotonic() + seconds, set()
    while time.monotonic() < end:
        served = {key.fileobj for key, _ in selector.select(0) if key.fileobj.recv(per_turn)}
        if time.monotonic() > end - seconds / 2:
            alive |= served
        time.sleep(0.1)
    for sock in clients:
        sock.close()
    return len(alive)


class Slow(SystemTest):
    def test_two_hundred_slow_clients_stay_under_64_MiB(self):
        self.serve_slow_clients(splice='"64k"')

    def test_two_hundred_slow_clients_stay_under_64_MiB_where_all_is_copied(self):
        self.serve_slow_clients(splice='"0b"')

    def serve_slow_clients(self, splice):
        rsp = self.rsp(self.site(self.backend(endless), limits="{ splice = %s }" % splice), build="release")
        with MemoryWatch(rsp.worker()) as watch:
            alive = trickle(rsp.http, SLOW_CLIENTS, 8)
        self.assertGreater(alive, SLOW_CLIENTS * 0.9)
        self.assertLess(watch.grown_bytes, 64 * MIB)

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
        def page(_):
            return chunked(PAGE[i:i + 50000] for i in range(0, len(PAGE), 50000))

        rsp = self.rsp(self.site(self.backend(respond(page))), tls=True, build="release")
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
