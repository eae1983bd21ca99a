# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Stands where a Redis server should be and answers each command as it is told to."""

import contextlib
import os
import shutil
import socket
import tempfile
import threading

PONG = b"+PONG\r\n"


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text)


def array(*replies):
    return b"*%d\r\n" % len(replies) + b"".join(replies)


def pool(members=(), revision=b"1", life=b"7"):
    """What the script that reads a pool answers."""
    return array(bulk(revision), array(*map(bulk, members)), bulk(life), bulk(b""), b":0\r\n", array())


class Stranger:
    """says: b"EVAL" and so on: the reply; b"READ" and b"WRITE" are the two scripts."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="rsp-stranger-")
        os.chmod(self.folder, 0o755)
        self.socket = os.path.join(self.folder, "redis.sock")
        self.says, self.asked, self.ended, self.connections = {}, [], [], []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        os.chmod(self.socket, 0o777)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                self.connections.append(connection)
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        """ended: the last step of each connection that rsp has closed."""
        step = None
        with contextlib.suppress(OSError, ValueError), connection.makefile("rb") as commands:
            while words := self.read(commands):
                step = words[0]
                if step == b"EVAL":
                    step = b"WRITE" if b"PUBLISH" in words[1] else b"READ"
                self.asked.append(step)
                connection.sendall(self.reply(step, words))
        self.ended.append(step)

    @staticmethod
    def read(commands):
        count = commands.readline()
        words = []
        for _ in range(int(count[1:]) if count else 0):
            size = int(commands.readline()[1:])
            words.append(commands.read(size + 2)[:size])
        return words

    def reply(self, step, words):
        if step in self.says:
            return self.says[step]
        usual = {b"PING": PONG, b"READ": pool(), b"WRITE": b":1\r\n", b"LRANGE": array()}
        if step == b"SUBSCRIBE":
            return array(bulk(b"subscribe"), bulk(words[1]), b":1\r\n")
        return usual[step]

    def stop(self):
        self.listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)
