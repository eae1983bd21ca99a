# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""A client that says exactly what a test wants, byte by byte, and reads answers as they come."""

import socket
import ssl
import time


class Cut(Exception):
    """The other side ended before the answer was complete."""


class Answer:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.version, _, rest = lines[0].partition(" ")
        self.status = int(rest[:3])
        self.fields = [tuple(p.strip() for p in line.split(":", 1)) for line in lines[1:] if line]
        self.trailers = []
        self.body = b""

    def field(self, name, default=None):
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        return ", ".join(values) if values else default


class Client:
    """One connection. port: or the path of a unix socket. verify: a CA file that must vouch for the server; None: anything goes."""

    def __init__(self, port, tls=None, host="127.0.0.1", timeout=30, receive_buffer=None, verify=None):
        is_local = isinstance(port, str)
        self.sock = socket.socket(socket.AF_UNIX if is_local else socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.connect(port if is_local else (host, port))
        if not is_local:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = client_tls(verify).wrap_socket(self.sock, server_hostname=tls, suppress_ragged_eofs=False)
        self.waiting = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, bytes_):
        self.sock.sendall(bytes_)

    def receive(self, most=65536):
        """What is there next; b"" at the end."""
        if self.waiting:
            piece, self.waiting = self.waiting[:most], self.waiting[most:]
            return piece
        try:
            return self.sock.recv(most)
        except ConnectionResetError:
            return b""

    def read_until(self, mark):
        while mark not in self.waiting:
            piece = self.sock.recv(65536)
            if not piece:
                raise Cut(self.waiting)
            self.waiting += piece
        found, _, self.waiting = self.waiting.partition(mark)
        return found + mark

    def read_exactly(self, count):
        while len(self.waiting) < count:
            piece = self.sock.recv(65536)
            if not piece:
                raise Cut(self.waiting)
            self.waiting += piece
        found, self.waiting = self.waiting[:count], self.waiting[count:]
        return found

    def read_to_end(self):
        out, self.waiting = self.waiting, b""
        while True:
            try:
                piece = self.sock.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                return out
            if not piece:
                return out
            out += piece

    def is_closed(self, within=5):
        """Does the server end this connection, saying nothing more, within that time?"""
        self.sock.settimeout(within)
        try:
            return self.sock.recv(1) == b""
        except (ConnectionResetError, ssl.SSLEOFError):
            return True
        except (TimeoutError, socket.timeout):
            return False

    def read_head(self):
        try:
            return Answer(self.read_until(b"\r\n\r\n")[:-4])
        except Cut as cut:
            raise Cut(f"no whole head: {cut}") from None

    def read_answer(self, method="GET", on_interim=None):
        answer = self.read_head()
        while 100 <= answer.status < 200 and answer.status != 101:
            if on_interim:
                on_interim(answer)
            answer = self.read_head()
        answer.body = b"".join(self.body_pieces(answer, method))
        return answer

    def body_pieces(self, answer, method="GET"):
        """The body by its framing, in pieces as they come."""
        if method == "HEAD" or answer.status in (101, 204, 304):
            return
        if answer.field("Transfer-Encoding", "").lower() == "chunked":
            yield from self.chunks(answer)
        elif answer.field("Content-Length") is not None:
            yield from self.length(int(answer.field("Content-Length")))
        else:
            yield self.read_to_end()

    def length(self, left):
        while left > 0:
            piece = self.receive(min(left, 1 << 20))
            if not piece:
                raise Cut(f"{left} bytes of the body are missing")
            left -= len(piece)
            yield piece

    def chunks(self, answer):
        while True:
            size = int(self.read_until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                break
            yield from self.length(size)
            if self.read_exactly(2) != b"\r\n":
                raise Cut("no line end after a chunk")
        while (line := self.read_until(b"\r\n")) != b"\r\n":
            answer.trailers.append(tuple(p.strip() for p in line.decode("latin-1").split(":", 1)))

    def ask(self, request, method=None):
        """Sends bytes, or (method, path, fields, body) as make_request() takes it; reads the answer."""
        self.send(request)
        return self.read_answer(method or request.split(b" ", 1)[0].decode("latin-1"))


def client_tls(verify=None):
    tls = ssl.create_default_context(cafile=verify)
    if not verify:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls


def request(method="GET", path="/", fields=(), body=None, host="any.example", version="1.1"):
    lines = [f"{method} {path} HTTP/{version}"] + ([f"Host: {host}"] if host else [])
    lines += [f"{n}: {v}" for n, v in fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def get(port, path="/", tls=None, **options):
    """One request on a connection of its own."""
    method = options.pop("method", "GET")
    with Client(port, tls=tls) as client:
        return client.ask(request(method, path, **options), method)


def read_slowly(pieces, bytes_per_second, burst=262144):
    """Passes pieces on, no faster than that on average, in bursts."""
    start, seen, mark = time.monotonic(), 0, burst
    for piece in pieces:
        yield piece
        seen += len(piece)
        if seen >= mark:
            mark += burst
            time.sleep(max(0.0, seen / bytes_per_second - (time.monotonic() - start)))
