#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Nothing is left after many requests and many that were broken off: descriptors, memory (and LeakSanitizer's word at the end)."""

import socket
import struct
import time

import procfs
from content import MIB
from harness import FULL, SystemTest, main
from load import wrk
from nginx import Nginx
from wire import Client, request

REQUESTS, ABORTED = (100_000, 10_000) if FULL else (30_000, 3_000)


class Leaks(SystemTest):
    def test_no_descriptor_is_left_after_many_requests_and_many_aborted_ones(self):
        rsp = self.start()
        self.run_all(rsp, REQUESTS // 10, ABORTED // 10)
        time.sleep(0.5)
        before = procfs.descriptors(rsp.worker())
        done = self.run_all(rsp, REQUESTS, ABORTED)
        self.assert_descriptors_return_to(rsp.worker(), before + 2)
        self.note(f"{done} requests and {ABORTED} aborted: {before} descriptors before, {procfs.descriptors(rsp.worker())} after")

    def test_memory_does_not_grow_with_requests(self):
        rsp = self.start(build="release")
        self.run_all(rsp, REQUESTS, ABORTED)
        before = procfs.memory_bytes(rsp.worker(), "Private_Dirty")
        done = self.run_all(rsp, REQUESTS, ABORTED)
        grown = procfs.memory_bytes(rsp.worker(), "Private_Dirty") - before
        self.note(f"memory grew by {grown >> 10} KiB in {done} requests and {ABORTED} aborted ones")
        self.assertLess(grown, 2 * MIB)

    def start(self, **options):
        nginx = Nginx(page_bytes=20000)
        self.addCleanup(nginx.kill)
        return self.rsp(self.site(nginx), tls=True, **options)

    def run_all(self, rsp, requests, aborted):
        done = 0
        while done < requests:
            for url in (f"http://127.0.0.1:{rsp.http}/", f"https://localhost:{rsp.https}/"):
                count, failed, _ = wrk(url, 2, 32)
                self.assertEqual(failed, 0)
                done += count
        for i in range(aborted):
            self.abort(rsp, i)
        return done

    @staticmethod
    def abort(rsp, i):
        """Breaks off at one of several points, with FIN or with RST."""
        tls = i % 10 == 0
        try:
            client = Client(rsp.https if tls else rsp.http, tls="localhost" if tls else None)
            whole = request("POST", f"/{i}", body=b"y" * 1000)
            client.send(whole[:len(whole) * (i % 7 + 1) // 7])
            if i % 7 == 6 and i % 3 == 0:
                client.receive(100)  # a part of the answer was read
            if i % 2:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        except OSError:
            pass


if __name__ == "__main__":
    main()
