#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""WebSockets between Node's "ws" on both ends, through rsp. npm installs ws into the build folder; without npm this is skipped."""

import os
import shutil
import subprocess
import time

from backends import answer, always
from harness import ROOT, SystemTest, main, require, wait_until
from wire import Client, get

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "websocket")
MODULES = os.path.join(ROOT, "build", "websocket")
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
          b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"


def install():
    if os.path.isdir(os.path.join(MODULES, "node_modules", "ws")):
        return None
    if not shutil.which("npm") or not shutil.which("node"):
        return "npm or node is missing"
    os.makedirs(MODULES, exist_ok=True)
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefix", MODULES, "ws@8"],
                          capture_output=True, text=True, timeout=180)
    return None if done.returncode == 0 else "npm cannot install ws: " + done.stderr[-300:]


def node(*arguments, **options):
    environment = dict(os.environ, NODE_PATH=os.path.join(MODULES, "node_modules"), NODE_NO_WARNINGS="1")
    return subprocess.Popen(["node", os.path.join(HERE, arguments[0]), *arguments[1:]], env=environment, text=True, bufsize=1,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


class WebSockets(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.missing = install()

    def start(self, **options):
        require(self, not self.missing, self.missing)
        server = node("server.js")
        self.addCleanup(self.end_node, server)
        port = int(server.stdout.readline())
        return self.rsp(f'site "*" {{ to = "127.0.0.1:{port}" }}', tls=True, **options)

    @staticmethod
    def end_node(process):
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()

    def test_text_binary_large_frames_ping_and_close_codes_pass(self):
        rsp = self.start()
        for url in (f"ws://127.0.0.1:{rsp.http}/", f"wss://localhost:{rsp.https}/"):
            with self.subTest(url):
                client = node("client.js", url)
                out = client.communicate(timeout=120)[0]
                self.assertEqual((client.returncode, out), (0, "all is well\n"))
        self.assertEqual(get(rsp.http).body, b"plain\n")

    def test_a_hundred_sockets_survive_ten_reloads(self):
        rsp = self.start(workers=2)
        client = node("client.js", f"wss://localhost:{rsp.https}/", "hold", "100")
        self.addCleanup(self.end_node, client)
        self.assertEqual(client.stdout.readline(), "open\n")
        for i in range(10):
            status, out = rsp.reload()
            self.assertEqual(status, 0, out)
            client.stdin.write(f"message {i}\n")
            client.stdin.flush()
            self.assertEqual(client.stdout.readline(), "100\n")
        self.note("100 sockets have answered after each of 10 reloads")
        client.stdin.close()
        wait_until(lambda: client.poll() is not None, 20, "the end of the client")


class Upgrades(SystemTest):
    def test_an_upgrade_that_is_declined_is_an_ordinary_answer(self):
        backend = self.backend(always(answer(200, b"no")))
        rsp = self.rsp(self.site(backend))
        with Client(rsp.http) as client:
            self.assertEqual(client.ask(UPGRADE).body, b"no")
            self.assertEqual(client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").body, b"no")

    def test_bytes_that_come_early_stay_in_order(self):
        def switching(conn):
            conn.read_head()
            conn.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfrom the backend")
            conn.more()
            while not conn.waiting.endswith(b"end"):
                conn.more()
            conn.send(conn.waiting)

        rsp = self.rsp(self.site(self.backend(switching)))
        with Client(rsp.http) as client:
            client.send(UPGRADE)
            head = client.read_head()
            self.assertEqual((head.status, head.field("Upgrade")), (101, "websocket"))
            client.send(b"one ")
            time.sleep(0.05)
            client.send(b"two end")
            self.assertEqual(client.read_to_end(), b"from the backendone two end")

    def test_only_one_direction_closed_lets_the_other_go_on(self):
        def switching(conn):
            conn.read_head()
            conn.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            conn.wait_for_end()
            conn.send(b"last words")

        rsp = self.rsp(self.site(self.backend(switching)))
        with Client(rsp.http) as client:
            client.send(UPGRADE)
            client.read_head()
            client.sock.shutdown(1)
            self.assertEqual(client.read_to_end(), b"last words")


if __name__ == "__main__":
    main()
