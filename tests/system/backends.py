# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Backends that follow a script: exact bytes, slow, cut after N bytes, never an answer. Every request they saw can be asked for.

A handler is called in a thread of its own with a Connection, once per connection."""

import contextlib
import os
import socket
import ssl
import struct
import threading
import time


class Gone(Exception):
    """The other side closed."""


class Request:
    def __init__(self, head, body=b""):
        self.head = head
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, self.version = (lines[0].split(" ") + ["", ""])[:3]
        self.fields = [tuple(p.strip() for p in line.split(":", 1)) for line in lines[1:] if ":" in line]
        self.trailers = []
        self.body = body

    def field(self, name, default=None):
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        return ", ".join(values) if values else default


class Connection:
    def __init__(self, backend, sock):
        self.backend, self.sock, self.waiting = backend, sock, b""

    def more(self):
        try:
            piece = self.sock.recv(262144)
        except (ConnectionResetError, ssl.SSLError, OSError):
            piece = b""
        if not piece:
            raise Gone
        self.waiting += piece

    def read_until(self, mark):
        while mark not in self.waiting:
            self.more()
        found, _, self.waiting = self.waiting.partition(mark)
        return found + mark

    def pieces(self, request):
        """The request's body by its framing, in pieces."""
        if request.field("Transfer-Encoding", "").lower() == "chunked":
            while (size := int(self.read_until(b"\r\n").split(b";")[0], 16)) > 0:
                yield from self.length(size)
                self.read_until(b"\r\n")
            while (line := self.read_until(b"\r\n")) != b"\r\n":
                request.trailers.append(line.decode("latin-1").strip())
        else:
            yield from self.length(int(request.field("Content-Length", "0")))

    def length(self, left):
        while left > 0:
            if not self.waiting:
                self.more()
            piece, self.waiting = self.waiting[:left], self.waiting[left:]
            left -= len(piece)
            yield piece

    def read_head(self):
        """The next request without its body; it is remembered by the backend."""
        request = Request(self.read_until(b"\r\n\r\n")[:-4])
        self.backend.remember(request)
        return request

    def read_request(self):
        request = self.read_head()
        request.body = b"".join(self.pieces(request))
        return request

    def send(self, bytes_):
        try:
            self.sock.sendall(bytes_)
        except OSError:
            raise Gone from None

    def reset(self):
        """Ends the connection with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_for_end(self):
        """Until the other side has closed; bytes that still come are dropped."""
        with contextlib.suppress(Gone):
            while True:
                self.more()
                self.waiting = b""


class Backend:
    """Listens from the start. tls: a PEM file with key and certificate. path: a unix socket instead of a port."""

    def __init__(self, handler, tls=None, path=None, port=0, host="127.0.0.1"):
        self.handler, self.requests, self.connections = handler, [], 0
        self.lock, self.open, self.is_stopping = threading.Lock(), set(), False
        self.errors = []
        self.tls = None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(tls)
        self.listen(path, host, port)
        threading.Thread(target=self.accept, daemon=True).start()

    def listen(self, path, host, port):
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            os.chmod(path, 0o777)
            self.port, self.address = None, "unix:" + path
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host, port))
            self.port = self.listener.getsockname()[1]
            self.address = ("https://" if self.tls else "") + f"{host}:{self.port}"
        self.listener.listen(1024)

    def accept(self):
        while not self.is_stopping:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        plain = sock
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            elif sock.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.handler(Connection(self, sock))
        except (Gone, OSError):
            pass
        except Exception as error:  # a fault of the script itself: the test shall see it
            self.errors.append(error)
            raise
        finally:
            with contextlib.suppress(OSError):
                if self.tls:
                    sock.settimeout(5)
                    sock.unwrap()
            sock.close()
            with self.lock:
                self.open.discard(plain)

    def remember(self, request):
        with self.lock:
            self.requests.append(request)

    def stop(self):
        """No connection is accepted and none stays open: as if the process had been killed."""
        self.is_stopping = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for sock in list(self.open):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


def answer(status=200, body=b"", fields=(), reason="OK"):
    """The bytes of an answer with a length."""
    lines = [f"HTTP/1.1 {status} {reason}"] + [f"{n}: {v}" for n, v in fields] + [f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def chunked(pieces, fields=(), trailers=()):
    """The bytes of a chunked answer, one chunk a piece."""
    head = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"] + [f"{n}: {v}" for n, v in fields]
    yield ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
    for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n" + "".join(f"{n}: {v}\r\n" for n, v in trailers).encode("latin-1") + b"\r\n"


def always(bytes_):
    """Each request gets these bytes; the connection is kept."""
    def handler(conn):
        while True:
            conn.read_request()
            conn.send(bytes_)
    return handler


def respond(function):
    """Each request gets what function(request) returns: bytes, or an iterable of bytes."""
    def handler(conn):
        while True:
            request = conn.read_request()
            out = function(request)
            for piece in [out] if isinstance(out, bytes) else out:
                conn.send(piece)
    return handler


def echo(request):
    """Method, target and body come back, the fields as X-Seen-NAME."""
    seen = [("X-Seen-" + n, v) for n, v in request.fields]
    return answer(200, f"{request.method} {request.path}\n".encode("latin-1") + request.body, seen)


def once(*pieces, then_close=True):
    """Reads one request, sends the pieces with 20 ms between them, then closes."""
    def handler(conn):
        conn.read_request()
        for piece in pieces:
            conn.send(piece)
            time.sleep(0.02)
        if not then_close:
            conn.wait_for_end()
    return handler


def never(conn):
    """Reads the request and says nothing."""
    conn.read_request()
    conn.wait_for_end()
