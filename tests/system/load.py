# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Load that goes on beside a test: clients of our own that notice every failed request, and wrk."""

import re
import subprocess
import threading
import time

from wire import Client, Cut, request


class Load:
    """Within it, so many clients ask one request after the other on kept connections; what failed is in errors.

    A connection that the server closed after an answer which said so is opened anew, as every client does; one that is closed
    under a request without a byte of an answer is a failure."""

    def __init__(self, port, clients=8, tls=None, path="/", expect=(200,), pause_s=0.0):
        self.port, self.clients, self.tls, self.path = port, clients, tls, path
        self.expect, self.pause_s = expect, pause_s
        self.answers, self.errors, self.is_over = 0, [], threading.Event()
        self.lock = threading.Lock()

    def __enter__(self):
        self.threads = [threading.Thread(target=self.go) for _ in range(self.clients)]
        for t in self.threads:
            t.start()
        return self

    def go(self):
        client = None
        while not self.is_over.is_set():
            try:
                client = client or Client(self.port, tls=self.tls)
                reply = client.ask(request("GET", self.path))
                self.count(None if reply.status in self.expect else f"status {reply.status}")
                if reply.field("Connection", "").lower() == "close":
                    client = self.close(client)
            except (Cut, OSError) as error:
                self.count(f"{type(error).__name__}: {error}")
                client = self.close(client)
            time.sleep(self.pause_s)
        self.close(client)

    @staticmethod
    def close(client):
        if client:
            client.close()

    def count(self, error):
        with self.lock:
            self.answers += 1
            if error:
                self.errors.append(error)

    def __exit__(self, *_):
        self.is_over.set()
        for t in self.threads:
            t.join()


def wrk(url, seconds, connections=64, threads=1):
    """(requests, failed ones, p99 in ms) of a run of wrk."""
    out = subprocess.run(["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", url],
                         capture_output=True, text=True, timeout=seconds + 60).stdout
    return read_wrk(out)


def read_wrk(out):
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    sockets = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    failed = (int(bad.group(1)) if bad else 0) + sum(int(n) for n in (sockets.groups() if sockets else ()))
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", out).groups()
    return requests, failed, float(value) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def ask_all(port, clients, each=1, host="any.example"):
    """So many clients at once, each with so many requests on a connection of its own: their threads, and the statuses as they come."""
    statuses, lock = [], threading.Lock()

    def ask():
        with Client(port) as client:
            for _ in range(each):
                status = client.ask(request(host=host)).status
                with lock:
                    statuses.append(status)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    return threads, statuses
