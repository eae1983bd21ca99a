#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol: who may say who the client is, in how many pieces, and what backends are told."""

import shutil
import socket
import struct
import subprocess
import tempfile
import time

from backends import answer, always
from harness import SystemTest, can_connect, free_port, main, require, wait_until
from wire import Client, client_tls

LISTEN = 'proxy_protocol = true, trust = { "127.0.0.1" }'
REQUEST = b"GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n"
V1 = b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H4s4sHH", 12, b"\xc0\0\2\1", b"\xc0\0\2\2", 56324, 443)
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"


class Incoming(SystemTest):
    def setUp(self):
        self.app = self.backend(always(answer(200, b"hello")))

    def ask(self, rsp, pieces):
        with Client(rsp.http) as client:
            for piece in pieces:
                client.send(piece)
                time.sleep(0.003)
            self.assertEqual(client.read_answer().body, b"hello")
        return self.app.requests[-1].field("X-Forwarded-For")

    def test_the_client_is_the_one_that_the_header_names(self):
        rsp = self.rsp(self.site(self.app), listen=LISTEN)
        self.assertEqual(self.ask(rsp, [V1 + REQUEST]), "2001:db8::1")
        self.assertEqual(self.ask(rsp, [V2 + REQUEST]), "192.0.2.1")
        lines = rsp.wait_for_lines(2)
        self.assertTrue(lines[-2].startswith("2001:db8::1 "), lines)
        self.assertTrue(lines[-1].startswith("192.0.2.1 "), lines)

    def test_a_header_may_come_byte_by_byte(self):
        rsp = self.rsp(self.site(self.app), listen=LISTEN)
        for header, client in ((V1, "2001:db8::1"), (V2, "192.0.2.1")):
            pieces = [bytes([b]) for b in header] + [REQUEST]
            self.assertEqual(self.ask(rsp, pieces), client)

    def test_a_front_proxy_that_passes_bytes_on_lends_its_clients_no_trust(self):
        rsp = self.rsp(self.site(self.app), listen='proxy_protocol = true, trust = { "127.0.0.1", "192.0.2.0/24" }')
        self.assertEqual(self.ask(rsp, [V1 + REQUEST]), "2001:db8::1")
        self.assertEqual(self.ask(rsp, [LOCAL + REQUEST]), "6.6.6.6, 127.0.0.1")
        self.assertEqual(self.ask(rsp, [V2 + REQUEST]), "6.6.6.6, 192.0.2.1")

    def test_tls_begins_after_the_header(self):
        rsp = self.rsp(self.site(self.app), listen=LISTEN, tls=True)
        with Client(rsp.https) as client:
            client.send(V2)
            client.sock = client_tls().wrap_socket(client.sock, server_hostname="localhost")
            self.assertEqual(client.ask(REQUEST).body, b"hello")
        self.assertEqual(self.app.requests[-1].field("X-Forwarded-For"), "192.0.2.1")

    def test_what_is_no_header_is_refused_with_its_first_wrong_byte(self):
        rsp = self.rsp(self.site(self.app), listen=LISTEN)
        for bad in (b"G", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", V2[:12] + b"\x11", b"PROXY TCP4 256"):
            with self.subTest(bad), Client(rsp.http) as client:
                client.send(bad)
                self.assertTrue(client.is_closed())
        self.assertEqual(self.app.requests, [])

    def test_a_header_from_an_address_that_is_not_trusted_is_refused(self):
        rsp = self.rsp(self.site(self.app), listen='proxy_protocol = true, trust = { "127.0.0.9" }')
        with Client(rsp.http) as client:
            client.send(V1 + REQUEST)
            self.assertTrue(client.is_closed())
        self.assertEqual(self.app.requests, [])

    def test_a_header_that_does_not_come_is_not_waited_for_beyond_the_handshake_limit(self):
        rsp = self.rsp(self.site(self.app), listen=LISTEN + ', timeout = { handshake = "1s" }')
        with Client(rsp.http) as client:
            client.send(V1[:-1])
            self.assertTrue(client.is_closed(within=4))

    def test_what_haproxy_sends_is_understood(self):
        require(self, shutil.which("haproxy"), "haproxy")
        rsp = self.rsp(self.site(self.app), listen=LISTEN)
        for options in ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"):
            with self.subTest(options):
                port = free_port()
                with tempfile.NamedTemporaryFile("w", suffix=".cfg") as conf:
                    conf.write("defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n"
                               f"frontend f\n  bind 127.0.0.1:{port}\n  unique-id-format %rt\n  default_backend b\n"
                               f"backend b\n  server s 127.0.0.1:{rsp.http} {options}\n")
                    conf.flush()
                    haproxy = subprocess.Popen(["haproxy", "-db", "-f", conf.name])
                    self.addCleanup(haproxy.wait)
                    self.addCleanup(haproxy.terminate)
                    wait_until(lambda: can_connect(port), what="haproxy listens")
                    with socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.77", 0)) as sock:
                        sock.sendall(REQUEST)
                        self.assertIn(b"hello", sock.recv(4096))
                self.assertEqual(self.app.requests[-1].field("X-Forwarded-For"), "127.0.0.77")


class Outgoing(SystemTest):
    def seen_by_a_backend(self, version):
        """The first bytes that a backend gets, up to the request."""
        seen = []

        def handler(conn):
            head = conn.read_until(b"GET ")
            seen.append(head[:-4])
            conn.read_until(b"\r\n\r\n")
            conn.send(answer(200, b"hello"))
        backend = self.backend(handler)
        rsp = self.rsp(f'site "*" {{ to = pool "p" {{ "{backend.address}", proxy_protocol = "{version}" }} }}')
        with Client(rsp.http) as client:
            own = client.sock.getsockname()[1]
            self.assertEqual(client.ask(REQUEST).body, b"hello")
        return seen[0], own, rsp.http

    def test_version_1_is_sent_before_the_request(self):
        head, client, local = self.seen_by_a_backend("v1")
        self.assertEqual(head, f"PROXY TCP4 127.0.0.1 127.0.0.1 {client} {local}\r\n".encode())

    def test_version_2_is_sent_before_the_request(self):
        head, client, local = self.seen_by_a_backend("v2")
        self.assertEqual(head, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1" + struct.pack(">HH", client, local))

    def test_two_rsp_behind_each_other_know_the_client(self):
        for version in ("v1", "v2"):
            app = self.backend(always(answer(200, b"hello")))
            inner = self.rsp(self.site(app), listen=LISTEN)
            outer = self.rsp(f'site "*" {{ to = pool "p" {{ "127.0.0.1:{inner.http}", proxy_protocol = "{version}" }} }}')
            with socket.create_connection(("127.0.0.1", outer.http), 10, ("127.0.0.78", 0)) as sock:
                sock.sendall(REQUEST)
                self.assertIn(b"hello", sock.recv(4096))
            self.assertEqual(inner.wait_for_lines(1)[0].split(" ")[0], "127.0.0.78")


if __name__ == "__main__":
    main()
