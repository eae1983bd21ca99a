#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Large bodies arrive byte for byte: up and down, plain and TLS, by length and chunked.

64 MB each against the sanitized build and 1 GB once; with RSP_TEST_FULL=1 all of them have 1 GB and run against the release build."""

import hashlib
import time

from backends import answer
from content import MIB, MemoryWatch, blocks, digest, pause_once
from harness import FULL, SystemTest, main
from wire import Client, read_slowly

SIZE = 1024 * MIB if FULL else 64 * MIB
BUILD = "release" if FULL else None


def storing(sizes):
    """GET /length/N and /chunked/N give a body of N bytes; a PUT is answered with the hash of what came."""
    def handler(conn):
        while True:
            request = conn.read_head()
            if request.method == "PUT":
                received = hashlib.sha256()
                count = 0
                for piece in conn.pieces(request):
                    received.update(piece)
                    count += len(piece)
                sizes.append(count)
                conn.send(answer(200, received.hexdigest().encode()))
            else:
                _, framing, size = request.path.split("/")
                send_body(conn, framing, int(size))
    return handler


def send_body(conn, framing, size):
    if framing == "length":
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    else:
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in blocks(size):
        conn.send(piece if framing == "length" else b"%x\r\n%b\r\n" % (len(piece), piece))
    if framing == "chunked":
        conn.send(b"0\r\n\r\n")


class Bodies(SystemTest):
    def start(self, build=BUILD):
        self.sizes = []
        self.store = self.backend(storing(self.sizes))
        return self.rsp(self.site(self.store), tls=True, build=build)

    def connect(self, rsp, tls, **options):
        return Client(rsp.https if tls else rsp.http, tls="localhost" if tls else None, timeout=120, **options)

    def download(self, rsp, tls, framing, size=SIZE, slowly=lambda pieces: pieces, **options):
        with self.connect(rsp, tls, **options) as client:
            client.send(b"GET /%s/%d HTTP/1.1\r\nHost: any.example\r\n\r\n" % (framing.encode(), size))
            head = client.read_head()
            self.assertEqual(head.status, 200)
            self.assertEqual(digest(slowly(client.body_pieces(head))), digest(blocks(size)))

    def upload(self, rsp, tls, framing, size=SIZE, slowly=lambda pieces: pieces):
        with self.connect(rsp, tls) as client:
            length = b"Content-Length: %d" % size if framing == "length" else b"Transfer-Encoding: chunked"
            client.send(b"PUT /store HTTP/1.1\r\nHost: any.example\r\n" + length + b"\r\n\r\n")
            for piece in slowly(blocks(size)):
                client.send(piece if framing == "length" else b"%x\r\n%b\r\n" % (len(piece), piece))
            if framing == "chunked":
                client.send(b"0\r\n\r\n")
            reply = client.read_answer("PUT")
        self.assertEqual((reply.status, reply.body.decode()), (200, digest(blocks(size))))
        self.assertEqual(self.sizes, [size])

    def test_one_gigabyte_arrives_and_memory_stays(self):
        rsp = self.start("release")
        self.download(rsp, False, "length", MIB)
        with MemoryWatch(rsp.worker()) as watch:
            self.download(rsp, False, "length", 1024 * MIB)
        self.note(f"memory grew by {watch.grown_bytes >> 10} KiB")
        self.assertLess(watch.grown_bytes, MIB)

    def test_a_client_that_reads_a_megabyte_a_second_in_bursts_gets_all_of_it_and_memory_stays(self):
        for tls in (False, True):
            with self.subTest(tls=tls):
                self.check_slow_reader(tls, lambda pieces: read_slowly(pieces, MIB, MIB // 2))

    def test_a_client_that_stops_for_ten_seconds_gets_all_of_it_and_memory_stays(self):
        for tls in (False, True):
            with self.subTest(tls=tls):
                self.check_slow_reader(tls, lambda pieces: pause_once(pieces, MIB, 10))

    def check_slow_reader(self, tls, slowly):
        rsp = self.start("release")
        self.download(rsp, tls, "chunked", 4 * MIB)
        with MemoryWatch(rsp.worker()) as watch:
            self.download(rsp, tls, "chunked", 12 * MIB, slowly, receive_buffer=65536)
        self.note(f"memory grew by {watch.grown_bytes >> 10} KiB, {'TLS' if tls else 'plain'}")
        self.assertLess(watch.grown_bytes, MIB)


def add_tests():
    """test_download_tls_chunked and so on: one for each way."""
    for direction in ("download", "upload"):
        for tls in (False, True):
            for framing in ("length", "chunked"):
                def test(self, direction=direction, tls=tls, framing=framing):
                    rsp, before = self.start(), time.monotonic()
                    getattr(self, direction)(rsp, tls, framing)
                    self.note(f"{SIZE // MIB} MiB in {time.monotonic() - before:.1f} s")
                name = f"test_{direction}_{'tls' if tls else 'plain'}_{framing}_arrives_byte_for_byte"
                setattr(Bodies, name, test)


add_tests()
if __name__ == "__main__":
    main()
