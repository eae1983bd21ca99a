#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Every way to die: one good exchange, the client cut after each byte, the backend cut after each byte, each limit passed at its
step. Each ending logs exactly one line, answers what its row of fails.def says, and leaves no descriptor."""

import contextlib
import re
import socket
import struct
import time

import procfs
from backends import Gone, answer, respond
from harness import SystemTest, can_connect, main, wait_until
from wire import Client, Cut, get

BODY = b"b" * 20
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n3\r\nfgh\r\n0\r\nX-Sum: 8\r\n\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def good_request(name):
    return b"PUT /%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (name.encode(), len(BODY)) + BODY


def end(sock, abruptly):
    if abruptly:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def reason_of(line):
    return re.search(r"reason=(\S+)", line).group(1)


class Ending(SystemTest):
    """One rsp with one backend, and what each ending must leave."""

    def start(self, handler, listen=None, tls=False, **options):
        self.served = self.backend(handler)
        rsp = self.rsp(self.site(self.served, **options), listen=listen, tls=tls)
        with contextlib.suppress(Cut):
            get(rsp.http, "/warm")
        self.at_rest = procfs.descriptors(rsp.worker())
        self.warm_lines = len(rsp.wait_for_lines(1))
        return rsp

    def expect_lines(self, rsp, count, seconds=20):
        """Exactly that many lines more than after the start, and no descriptor more either."""
        lines = rsp.wait_for_lines(self.warm_lines + count, seconds)[self.warm_lines:]
        time.sleep(0.3)
        self.assertEqual(len(rsp.access_lines()) - self.warm_lines, count)
        self.assert_descriptors_return_to(rsp.worker(), self.at_rest + 1)
        return lines


class Death(Ending):
    def client_cut(self, abruptly):
        rsp = self.start(respond(lambda _: answer(200, b"fine")))
        whole = good_request("cut")
        for i in range(1, len(whole)):
            client = Client(rsp.http)
            client.send(whole[:i])
            end(client.sock, abruptly)
        lines = self.expect_lines(rsp, len(whole) - 1)
        self.assertEqual({reason_of(line) for line in lines}, {"CLIENT_GONE"})
        self.assertEqual(get(rsp.http).status, 200)

    def test_a_client_that_closes_after_any_byte_of_its_request_leaves_one_line(self):
        self.client_cut(False)

    def test_a_client_that_resets_after_any_byte_of_its_request_leaves_one_line(self):
        self.client_cut(True)

    def test_a_client_that_goes_after_any_byte_of_the_answer_leaves_one_line(self):
        rsp = self.start(respond(lambda _: ANSWER))
        length = len(ANSWER)
        for i in range(length):
            client = Client(rsp.http)
            client.send(good_request("cut"))
            with contextlib.suppress(Cut):
                client.read_exactly(i)
            end(client.sock, i % 2)
        lines = self.expect_lines(rsp, length)
        self.assertLessEqual({reason_of(line) for line in lines}, {"CLIENT_GONE", "-"})

    def backend_cut(self, abruptly):
        def handler(conn):
            request = conn.read_request()
            if request.path == "/warm":
                conn.send(answer(200, b"", [("Connection", "close")]))  # or the first request may find it stale
                return
            conn.send(ANSWER[:int(request.path[1:])])
            if abruptly:
                time.sleep(0.01)
                conn.reset()

        rsp = self.start(handler)
        head_length = ANSWER.index(b"\r\n\r\n") + 4
        for i in range(len(ANSWER)):
            with self.subTest(cut_after=i), Client(rsp.http) as client:
                client.send(good_request(str(i)))
                if i < head_length:
                    self.assertEqual(client.read_answer("PUT").status, 502)
                else:
                    with self.assertRaises(Cut):
                        client.read_answer("PUT")
        lines = self.expect_lines(rsp, len(ANSWER))
        for line in lines:
            cut = int(re.search(r'"PUT /(\d+)', line).group(1))
            allowed = {"BACKEND_CLOSED", "BAD_ANSWER"} if cut < head_length else {"ANSWER_CUT"}
            self.assertIn(reason_of(line), allowed, line)
        self.assertEqual(len(self.served.requests), len(ANSWER) + 1, "a request was sent twice")

    def test_a_backend_that_closes_after_any_byte_of_its_answer_leaves_one_line(self):
        self.backend_cut(False)

    def test_a_backend_that_resets_after_any_byte_of_its_answer_leaves_one_line(self):
        self.backend_cut(True)

    def test_a_backend_that_stops_reading_after_any_byte_and_closes_leaves_one_line(self):
        whole = len(good_request("000"))

        def handler(conn):
            if len(self.served.requests) == 0:
                conn.read_request()
                conn.send(answer(200, b""))
                return
            conn.sock.recv(1 + self.served.connections % whole)
            conn.reset()

        rsp = self.start(handler)
        for i in range(whole):
            with Client(rsp.http) as client:
                self.assertEqual(client.ask(good_request("000")).status, 502)
        lines = self.expect_lines(rsp, whole)
        self.assertLessEqual({reason_of(line) for line in lines}, {"BACKEND_CLOSED", "BACKEND_STALE"})


class Limits(Ending):
    """Each limit at its step. The times of the site are short here."""

    TIMES = '{ connect = "400ms", first_byte = "400ms", between_bytes = "400ms", body_idle = "400ms", tunnel_idle = "400ms" }'

    def ends_with(self, rsp, reason, status, client):
        """The client gets that answer (None: its connection just ends), and there is one line with that reason."""
        started = time.monotonic()
        if status:
            self.assertEqual(client.read_answer("PUT").status, status)
        else:
            with contextlib.suppress(OSError):
                client.read_to_end()
        self.assertLess(time.monotonic() - started, 5)
        client.close()
        self.assertEqual([reason_of(line) for line in self.expect_lines(rsp, 1)], [reason])

    def fine_or(self, special):
        def handler(conn):
            while True:
                request = conn.read_head()
                if request.path == "/warm":
                    list(conn.pieces(request))
                    conn.send(answer(200, b""))
                else:
                    special(conn, request)
        return handler

    def test_a_head_that_does_not_arrive(self):
        rsp = self.start(respond(lambda _: answer()), listen='timeout = { head = "400ms" }')
        client = Client(rsp.http)
        client.send(b"GET / HTTP/1.1\r\nHost")
        self.ends_with(rsp, "HEAD_TIMEOUT", 408, client)

    def test_a_body_that_stops(self):
        rsp = self.start(self.fine_or(lambda conn, request: list(conn.pieces(request))), timeout=self.TIMES)
        client = Client(rsp.http)
        client.send(good_request("x")[:-1])
        self.ends_with(rsp, "BODY_TIMEOUT", 408, client)

    def test_a_body_that_is_too_slow(self):
        rsp = self.start(self.fine_or(lambda conn, request: list(conn.pieces(request))),
                         timeout='{ slowest_after = "300ms" }', limits="{ slowest_rate = 1000 }")
        client = Client(rsp.http)
        client.send(good_request("x")[:-len(BODY)])
        with contextlib.suppress(OSError):
            for i in range(len(BODY)):
                client.send(BODY[i:i + 1])
                time.sleep(0.1)
                client.sock.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    client.waiting += client.sock.recv(65536)
                client.sock.settimeout(30)
                if client.waiting:
                    break
        self.ends_with(rsp, "BODY_SLOW", 408, client)

    def test_a_body_that_is_too_large(self):
        rsp = self.start(self.fine_or(lambda conn, request: list(conn.pieces(request))), limits='{ body = "1k" }')
        client = Client(rsp.http)
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n")
        self.ends_with(rsp, "BODY_TOO_LARGE", 413, client)

    def test_chunks_that_become_too_large(self):
        rsp = self.start(self.fine_or(lambda conn, request: list(conn.pieces(request))), limits='{ body = "1k" }')
        client = Client(rsp.http)
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"100\r\n" + b"x" * 256 + b"\r\n") * 5)
        self.ends_with(rsp, "BODY_TOO_LARGE", 413, client)

    def test_a_backend_that_does_not_accept(self):
        rsp = self.start(respond(lambda _: answer()))
        full = self.full_listener()
        rsp.write_routes(f'site "*" {{ to = "127.0.0.1:{full}", retry = 0, timeout = {self.TIMES} }}')
        self.assertEqual(rsp.reload()[0], 0)
        client = Client(rsp.http)
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        self.ends_with(rsp, "CONNECT_TIMEOUT", 502, client)

    def full_listener(self):
        """A port whose backlog is full: connecting to it hangs."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        self.addCleanup(listener.close)
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(listener.getsockname())
            self.addCleanup(s.close)
        port = listener.getsockname()[1]
        wait_until(lambda: not can_connect(port), 5, "a full backlog")
        return port

    def test_a_backend_that_does_not_begin_to_answer(self):
        rsp = self.start(self.fine_or(lambda conn, request: conn.wait_for_end()), timeout=self.TIMES)
        client = Client(rsp.http)
        client.send(good_request("x"))
        self.ends_with(rsp, "BACKEND_TIMEOUT", 504, client)

    def test_a_backend_that_stops_within_its_head(self):
        def special(conn, request):
            conn.send(b"HTTP/1.1 200 OK\r\nConte")
            conn.wait_for_end()
        rsp = self.start(self.fine_or(special), timeout=self.TIMES)
        client = Client(rsp.http)
        client.send(good_request("x"))
        self.ends_with(rsp, "BACKEND_TIMEOUT", 504, client)

    def test_an_answer_that_stops(self):
        def special(conn, request):
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            conn.wait_for_end()
        rsp = self.start(self.fine_or(special), timeout=self.TIMES)
        client = Client(rsp.http)
        client.send(good_request("x"))
        self.ends_with(rsp, "ANSWER_STALLED", None, client)

    def test_a_client_that_stops_reading(self):
        page = answer(200, b"x" * (32 << 20))  # made before: the first byte has a time limit too

        def special(conn, request):
            list(conn.pieces(request))
            with contextlib.suppress(Gone):
                conn.send(page)
            raise Gone
        rsp = self.start(self.fine_or(special), timeout='{ body_idle = "400ms" }')  # making 32 MiB may take longer than that
        client = Client(rsp.http, receive_buffer=8192)
        client.send(good_request("x"))
        lines = self.expect_lines(rsp, 1)
        client.close()
        self.assertEqual([reason_of(line) for line in lines], ["CLIENT_STALLED"])

    def test_a_tunnel_without_a_byte(self):
        def special(conn, request):
            conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            conn.wait_for_end()
        rsp = self.start(self.fine_or(special), timeout=self.TIMES)
        client = Client(rsp.http)
        client.send(b"GET /ws HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n")
        self.assertEqual(client.read_head().status, 101)
        self.ends_with(rsp, "TUNNEL_IDLE", None, client)

    def test_a_kept_connection_without_a_request_is_closed_without_a_line(self):
        rsp = self.start(respond(lambda _: answer()), listen='timeout = { keepalive = "400ms" }')
        with Client(rsp.http) as client:
            client.ask(good_request("x"))
            self.assertTrue(client.is_closed(within=3))
        self.expect_lines(rsp, 1)

    def test_a_handshake_that_does_not_go_on(self):
        rsp = self.start(respond(lambda _: answer()), listen='timeout = { handshake = "400ms" }', tls=True)
        with Client(rsp.https) as client:
            client.send(b"\x16\x03\x01")
            self.assertTrue(client.is_closed(within=3))


if __name__ == "__main__":
    main()
