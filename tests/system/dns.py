# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""A name server on loopback: A, AAAA and SRV records that a test may change, and the ways in which name servers fail."""

import ipaddress
import socket
import struct
import threading

A, AAAA, SRV = 1, 28, 33
NO_SUCH_NAME, SERVER_FAILED = 3, 2


def labels(name):
    return b"".join(bytes([len(part)]) + part.encode("ascii") for part in name.rstrip(".").split(".") if part) + b"\0"


class NameServer:
    """records: {name: [addresses]} or {name: [(priority, weight, port, host)]}; fails: None, SERVER_FAILED or "silent"."""

    def __init__(self, records=None, ttl=1):
        self.records, self.ttl, self.fails, self.questions = dict(records or {}), ttl, None, []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]
        self.is_stopping = False
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while not self.is_stopping:
            question, who = self.sock.recvfrom(4096)
            if len(question) > 12:
                answer = self.answer(question)
                if answer:
                    self.sock.sendto(answer, who)

    def answer(self, question):
        at, parts = 12, []
        while question[at]:
            parts.append(question[at + 1:at + 1 + question[at]].decode("ascii").lower())
            at += 1 + question[at]
        kind = struct.unpack(">H", question[at + 1:at + 3])[0]
        name, asked = ".".join(parts), question[12:at + 5]
        self.questions.append((name, kind))
        if self.fails == "silent":
            return None
        found = self.records.get(name)
        code = self.fails or (NO_SUCH_NAME if found is None else 0)
        records = [self.record(kind, value) for value in found or [] if not code and self.kind(value) == kind]
        return question[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(records), 0, 0) + asked + b"".join(records)

    @staticmethod
    def kind(value):
        if isinstance(value, tuple):
            return SRV
        return A if ipaddress.ip_address(value).version == 4 else AAAA

    def record(self, kind, value):
        bytes_ = struct.pack(">HHH", *value[:3]) + labels(value[3]) if kind == SRV else ipaddress.ip_address(value).packed
        return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, self.ttl, len(bytes_)) + bytes_

    def stop(self):
        self.is_stopping = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"end", self.sock.getsockname())
        self.sock.close()
