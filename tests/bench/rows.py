# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What is measured. Each row: a function of (proxy, options) that returns figures by name; the first figure is the one whose
ratio to the better peer is asked for."""

import os
import subprocess
import time

import counted
import generators


class Row:
    """limit: what is asked of rsp: a ratio to the better peer, with "=" an absolute figure, or nothing."""

    def __init__(self, name, text, unit, limit, measure, fresh=False, starts_itself=False, floor=False, peers=("nginx", "haproxy"), own_backend=False, rounds_max=1000,
                 wishes=None, **options):
        self.name, self.text, self.unit, self.limit = name, text, unit, limit
        self.measure, self.options = measure, options
        self.needs_fresh_start, self.starts_itself = fresh, starts_itself
        self.has_own_backend, self.rounds_max = own_backend, rounds_max
        self.proxies = ("rsp", *peers) + (("floor",) if floor else ())
        self.wishes = wishes or {}  # how the proxies are started; without "workers": one, on a core of its own


def url(proxy, path, tls):
    return f"https://localhost:{proxy.https}{path}" if tls else f"http://127.0.0.1:{proxy.http}{path}"


def small_get(proxy, seconds, tls=False, connections=64):
    if proxy.warmed_by != url(proxy, "/small", tls):
        proxy.warmed_by = url(proxy, "/small", tls)
        generators.wrk(proxy.warmed_by, 1, connections)
    run, user = proxy.run_seconds(), proxy.user_seconds()
    requests, rate, failed = generators.wrk(url(proxy, "/small", tls), seconds, connections)
    run, user = proxy.run_seconds() - run, proxy.user_seconds() - user
    if failed or not requests:
        raise SystemExit(f"{proxy.name}: {failed} of {requests} requests failed")
    return {"cpu": run / requests * 1e6, "user": user / requests * 1e6, "rate": rate, "failed": failed}


def handshake(proxy, seconds, has_certificate=False):
    run = proxy.run_seconds()
    count = generators.handshakes(proxy.https, seconds, os.path.join(proxy.folder, "clients") if has_certificate else None)
    time.sleep(0.1)
    return {"cpu": (proxy.run_seconds() - run) / count * 1e6, "rate": count / seconds}


def body(proxy, seconds, tls=False):
    run, user, start = proxy.run_seconds(), proxy.user_seconds(), time.monotonic()
    received = generators.download(url(proxy, "/large", tls))
    elapsed = time.monotonic() - start
    gigabytes = received / 2**30
    if gigabytes < 1:
        raise SystemExit(f"{proxy.name}: only {received} bytes arrived")
    return {"cpu": (proxy.run_seconds() - run) / gigabytes, "user": (proxy.user_seconds() - user) / gigabytes,
            "rate": gigabytes / elapsed}


def idle_memory(proxy, seconds, tls=False, count=2000):
    port = proxy.https if tls else proxy.http
    with generators.idle_connections(port, 50, tls):  # what the first connections bring with them
        pass
    time.sleep(0.5)
    before = proxy.memory_bytes()
    with generators.idle_connections(port, count, tls):
        time.sleep(1)
        return {"memory": (proxy.memory_bytes() - before) / count / 1024}


def open_connections(proxy, seconds, count=10000):
    """How many times a request's CPU costs more while that many other connections are open."""
    alone = small_get(proxy, seconds)["cpu"]
    with generators.idle_connections(proxy.http, count):
        crowded = small_get(proxy, seconds)["cpu"]
    return {"times": crowded / alone, "alone": alone, "crowded": crowded}


def saturation(proxy, seconds):
    return generators.open_loop(proxy.http, proxy.backend, 0, seconds)[0][0]


def latency(proxy, seconds, rate):
    p99, late = generators.p99_at_rate(proxy.http, proxy.backend, rate, seconds)
    return {"p99": p99, "late": late, "rate": rate}


def routing(program):
    """What bench_routing says of rsp's route decisions, each figure as the only round of a row of its own: [(row, {proxy: rounds})]."""
    lines = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()
    if not lines:
        raise SystemExit(f"{program} said nothing")
    found = []
    for line in lines:
        what, value, limit, unit = line.split("\t")
        found.append((Row("routing", what, unit, "=" + limit, None), {"rsp": [{"value": float(value)}]}))
    return found


def get(proxy, seconds, tls=False):
    """On few connections: a handshake takes a tenth of a second under callgrind."""
    return generators.wrk(url(proxy, "/small", tls), seconds, connections=4)[0]


def get_tls(proxy, seconds):
    return get(proxy, seconds, tls=True)


def shake_hands(proxy, seconds):
    return generators.handshakes(proxy.https, seconds)


ALL = ("nginx", "haproxy", "varnish")
ROWS = [
    Row("small-plain", "small GET, keep-alive, plain", "us", "0.90", small_get, floor=True, peers=ALL),
    Row("small-tls", "small GET, keep-alive, TLS", "us", "0.92", small_get, tls=True, peers=ALL),
    Row("small-logged", "the same, plain, with an access log into a file", "us", "0.90", small_get, fresh=True, wishes={"log": True}),
    Row("workers-1", "small GET, plain, one worker on any core", "us", "0.90", small_get, fresh=True, wishes={"workers": 1}),
    Row("workers-2", "small GET, plain, two workers", "us", "0.90", small_get, fresh=True, wishes={"workers": 2}),
    Row("handshakes", "full TLS handshakes (P-256) and an answer", "us", "1.00", handshake, peers=ALL),
    Row("client-certs", "the same with client certificates (one intermediate)", "us", "1.10", handshake, fresh=True, wishes={"asks_clients": True}, has_certificate=True),
    Row("body-plain", "1 GB body, plain", "s/GB", "0.45", body, peers=ALL),
    Row("body-tls", "1 GB body, TLS", "s/GB", "0.95", body, tls=True, peers=ALL),
    Row("idle-plain", "memory of an idle connection, plain", "KiB", "=1.5", idle_memory, fresh=True, rounds_max=5),
    Row("idle-tls", "memory of an idle connection, TLS", "KiB", "=13", idle_memory, tls=True, fresh=True, rounds_max=5),
    Row("open-10000", "CPU per request with 10,000 open connections, times", "x", "=1.1", open_connections, fresh=True, rounds_max=5),
    Row("latency", "p99 at 70 % of the saturating rate", "us", "0.90", latency, fresh=True, own_backend=True),
    Row("calls-plain", "system calls of a small GET, plain", "without waiting", "", counted.system_calls, floor=True, rounds_max=1, starts_itself=True, work=get),
    Row("calls-tls", "system calls of a small GET, TLS", "without waiting", "", counted.system_calls, rounds_max=1, starts_itself=True, work=get_tls),
    Row("instructions-plain", "instructions of a small GET, plain", "user mode", "", counted.instructions, floor=True, rounds_max=1, starts_itself=True, work=get),
    Row("instructions-tls", "instructions of a small GET, TLS", "user mode", "", counted.instructions, rounds_max=1, starts_itself=True, work=get_tls),
    Row("instructions-handshake", "instructions of a handshake and an answer", "user mode", "", counted.instructions, rounds_max=1, starts_itself=True,
        work=shake_hands),
]
