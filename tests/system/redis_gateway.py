# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Stands between one rsp and a redis-server, and is the bad network: away, a write whose reply is lost (at
once, or it never comes), a write that comes too late."""

import contextlib
import os
import select
import socket
import threading

IS_WRITE = b"PUBLISH"  # only the script that writes has it


class Pair:
    """A client's connection and the one to the server that was made for it."""

    def __init__(self, client, server):
        self.client, self.server, self.held = client, server, b""

    def close(self):
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()

    def cut_client(self):
        with contextlib.suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)
        self.client.close()

    def release(self):
        """What was held reaches the server now, though nobody waits for it any more; its reply."""
        self.server.sendall(self.held)
        return self.server.recv(65536)


class Gateway:
    PASSES, CUTS_REPLIES, KEEPS_REPLIES, HOLDS = range(4)

    def __init__(self, redis, name):
        self.target, self.socket = redis.socket, os.path.join(redis.folder, name)
        self.writes, self.is_open, self.lost = self.PASSES, True, 0
        self.pairs, self.held, self.lock = set(), [], threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        os.chmod(self.socket, 0o777)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.socket(socket.AF_UNIX)
                if not self.is_open or server.connect_ex(self.target) != 0:
                    client.close()
                    server.close()
                    continue
                pair = Pair(client, server)
                with self.lock:
                    self.pairs.add(pair)
                threading.Thread(target=self.carry, args=(pair,), daemon=True).start()

    def carry(self, pair):
        with contextlib.suppress(OSError, ValueError):
            while self.carry_once(pair):
                pass
        with self.lock:
            self.pairs.discard(pair)
        if not pair.held:
            pair.close()

    def carry_once(self, pair):
        for side in select.select([pair.client, pair.server], [], [])[0]:
            piece = side.recv(1 << 20)
            if not piece:
                return False
            if side is pair.server:
                pair.client.sendall(piece)
            elif not self.take(pair, piece):
                return False
        return True

    def take(self, pair, piece):
        """What the client said; False: this connection ends with it."""
        if IS_WRITE not in piece or self.writes == self.PASSES:
            pair.server.sendall(piece)
            return True
        if self.writes != self.CUTS_REPLIES:
            pair.held = piece
            self.held.append(pair)
        if self.writes == self.HOLDS:
            return False
        self.is_open = False
        pair.server.sendall(piece)
        pair.server.recv(65536)  # so it was carried out
        self.lost += 1
        if self.writes == self.CUTS_REPLIES:
            self.close_all()
        return False

    def close_all(self):
        """Nobody gets through until is_open is set again."""
        self.is_open = False
        with self.lock:
            for pair in self.pairs:
                pair.close()

    def stop(self):
        self.listener.close()
        self.close_all()
        for pair in self.held:
            pair.close()
