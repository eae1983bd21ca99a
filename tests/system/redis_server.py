# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""A redis-server of a test's own on a unix socket (and on port 6379 of an address), spoken to with redis-cli."""

import os
import shutil
import signal
import subprocess
import tempfile

from harness import wait_until


class RedisServer:
    def __init__(self, address=None):
        self.listens = ["--bind", address, "--port", "6379", "--protected-mode", "no"] if address else ["--port", "0"]
        self.folder = tempfile.mkdtemp(prefix="rsp-redis-")
        os.chmod(self.folder, 0o755)
        self.socket = os.path.join(self.folder, "redis.sock")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", *self.listens, "--unixsocket", self.socket, "--unixsocketperm", "777", "--save", "", "--appendonly", "no",
             "--dir", self.folder], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(self.socket) and self.ask("PING") == "PONG", what="redis-server")

    def ask(self, *words):
        done = subprocess.run(["redis-cli", "-s", self.socket, *words], capture_output=True, text=True, timeout=10, check=False)
        return done.stdout.strip()

    def edit(self, pool, *words):
        """What a program beside rsp does: HSET or HDEL of the pool's hash, and the word about it."""
        self.ask(words[0], f"rsp:pool:{pool}", *words[1:])
        revision = self.ask("INCR", f"rsp:revision:{pool}")
        self.ask("PUBLISH", "rsp:changes", f"{revision} {pool}")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
