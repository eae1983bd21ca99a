# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Large bodies of which every block is different, and their hashes; memory watched while they move."""

import hashlib
import random
import threading
import time

import procfs

MIB = 1 << 20
BLOCK = random.Random(1).randbytes(MIB - 8)


def blocks(size):
    """size bytes in pieces of a MiB; each begins with its number."""
    for i in range(size // MIB):
        yield i.to_bytes(8, "big") + BLOCK
    if size % MIB:
        yield BLOCK[:size % MIB]


def digest(pieces):
    out = hashlib.sha256()
    for piece in pieces:
        out.update(piece)
    return out.hexdigest()


class MemoryWatch:
    """Within it, the most that a process wrote over what it had at first is in grown_bytes."""

    def __init__(self, pid, every_s=0.05):
        self.pid, self.every_s = pid, every_s
        self.grown_bytes, self.is_over = 0, threading.Event()

    def __enter__(self):
        self.before = procfs.memory_bytes(self.pid, "Private_Dirty")
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.is_over.wait(self.every_s):
            now = procfs.memory_bytes(self.pid, "Private_Dirty")
            self.grown_bytes = max(self.grown_bytes, now - self.before)

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def is_above(self, more_bytes):
        return procfs.memory_bytes(self.pid, "Private_Dirty") > self.before + more_bytes


def pause_once(pieces, after_bytes, seconds):
    seen, has_paused = 0, False
    for piece in pieces:
        yield piece
        seen += len(piece)
        if seen >= after_bytes and not has_paused:
            has_paused = True
            time.sleep(seconds)
