# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""The load generators: wrk, open_loop.c (for a fixed rate), openssl s_time, curl, and many idle connections."""

import contextlib
import os
import re
import socket
import ssl
import statistics
import subprocess

from proxies import LOAD_CPUS, ROOT


def run(*command):
    done = subprocess.run(["taskset", "-c", LOAD_CPUS, *command], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def wrk(url, seconds, connections=64):
    """(requests, requests per second, errors)."""
    out = run("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url)
    requests = re.search(r"(\d+) requests in ([\d.]+)(m?s)", out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    if not requests or not rate:
        raise SystemExit("wrk says:\n" + out)
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    socket_errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    failed = int(errors.group(1)) if errors else 0
    failed += sum(int(n) for n in socket_errors.groups()) if socket_errors else 0
    return int(requests.group(1)), float(rate.group(1)), failed


def open_loop(port, backend, rate, seconds):
    """What open_loop.c says: lines of numbers."""
    out = run(os.path.join(ROOT, "build", "release", "tests", "bench", "bench_open_loop"), str(port), str(backend), f"{rate:.0f}", str(seconds))
    try:
        return [[float(word) for word in line.split()] for line in out.splitlines()]
    except ValueError:
        raise SystemExit("open_loop says:\n" + out) from None


def p99_at_rate(port, backend, rate, seconds):
    """(99th percentile, that of the generator's own lateness) in microseconds at a fixed rate, with a backend on that port: the medians of slices of a quarter of a
    second, so that a machine that stops for a moment spoils one of them."""
    return tuple(statistics.median(column) for column in zip(*open_loop(port, backend, rate, seconds), strict=True))


def handshakes(port, seconds, clients=None):
    """How many full handshakes with one answer each were made, one after the other; clients: a folder with client.pem, a client's key and
    certificate, and issuers.pem, from which s_time makes the chain that it sends. Without the answer s_time closes as soon as it has sent its Finished: with TLS
    1.3 the server then has half of the handshake before it, and a server that sees the reset first, as HAProxy does, leaves that half out."""
    own = ["-cert", f"{clients}/client.pem", "-key", f"{clients}/client.pem", "-CAfile", f"{clients}/issuers.pem"] if clients else []
    out = run("openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", str(seconds), "-www", "/small", *own)
    found = re.search(r"(\d+) connections in \d+ real seconds, (\d+) bytes read per connection", out)
    if not found or int(found.group(2)) < 100:
        raise SystemExit("openssl s_time says:\n" + out)
    return int(found.group(1))


def download(url):
    """Bytes that curl received."""
    out = run("curl", "-sS", "-k", "-o", "/dev/null", "-w", "%{size_download}", url)
    return int(out.strip() or 0)


def digest(url):
    """SHA-256 of the body that curl received."""
    out = run("sh", "-c", f"curl -sS -k '{url}' | sha256sum")
    return out.split()[0]


@contextlib.contextmanager
def idle_connections(port, count, tls=False):
    """That many open connections which have had one answer each."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    conns = []
    try:
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port))
            if tls:
                sock = context.wrap_socket(sock, server_hostname="localhost")
            conns.append(sock)
            ask_once(sock)
        yield
    finally:
        for sock in conns:
            sock.close()


def ask_once(sock):
    sock.sendall(b"GET /small HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = b""
    while b"x" * 100 not in answer:
        piece = sock.recv(4096)
        if not piece:
            raise SystemExit(f"an idle connection was closed after {answer!r}")
        answer += piece
