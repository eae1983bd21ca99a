# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""The admin API as a program asks it, rspctl as somebody types it, and backends that say who they are."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.parse

from harness import can_connect, free_port, program, wait_until
from wire import client_tls

MEMBERS = "/v1/pools/{}/members/{}"


class OverUnix(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("rsp", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class OverNetwork(http.client.HTTPSConnection):
    def __init__(self, port):
        super().__init__("127.0.0.1", port, context=client_tls(), timeout=30)


class Reply:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body
        self.json = json.loads(body) if body.strip().startswith((b"{", b"[")) else None
        self.tag = fields.get("ETag")


class Admin:
    """Asks over one kept connection; a new one when that has ended."""

    def __init__(self, path, token=None):
        """path: of the unix socket, or a port."""
        self.path, self.token, self.connection = path, token, None

    def ask(self, method, path, content=None, **fields):
        """content: what becomes JSON, or bytes as they are."""
        body = content if isinstance(content, (bytes, type(None))) else json.dumps(content).encode()
        if not self.connection:
            self.connection = OverNetwork(self.path) if isinstance(self.path, int) else OverUnix(self.path)
        if self.token:
            fields["Authorization"] = "Bearer " + self.token
        try:
            self.connection.request(method, path, body, {k.replace("_", "-"): v for k, v in fields.items()})
            answer = self.connection.getresponse()
            reply = Reply(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.will_close:
            self.close()
        return reply

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def edit(self, pool, *edits, **fields):
        """edits: ("add", address, weight=2) as ("add", address, {"weight": 2})."""
        sent = [{"do": e[0], "address": e[1], **(e[2] if len(e) > 2 else {})} for e in edits]
        return self.ask("PATCH", f"/v1/pools/{pool}", {"edits": sent}, **fields)

    def pool(self, pool):
        return self.ask("GET", f"/v1/pools/{pool}").json

    def members(self, pool):
        """address: (wish, weight, origin) of all that are not removed."""
        return {m["address"]: (m["wish"], m["weight"], m["origin"]) for m in self.pool(pool)["members"] if m["wish"] != "removed"}

    def backend_for(self, url):
        text = self.ask("POST", "/v1/explain", {"url": url}).json["text"]
        found = re.search(r"^  backend +(\S+)", text, re.MULTILINE)
        return found.group(1)


def member_path(pool, address):
    return MEMBERS.format(pool, urllib.parse.quote(address, safe=""))


def rspctl(rsp, *words, timeout=60):
    """(exit status, what it printed, what it complained about)"""
    done = subprocess.run([program("rspctl", rsp.build), "-s", rsp.path("admin.sock"), *words],
                          capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


class Fleet:
    """An nginx that listens on many ports; each answers with its own address."""

    def __init__(self, count):
        self.folder = tempfile.mkdtemp(prefix="rsp-test-fleet-")
        os.chmod(self.folder, 0o755)
        ports = set()
        while len(ports) < count:
            ports.add(free_port())
        self.addresses = [f"127.0.0.1:{port}" for port in sorted(ports)]
        servers = "\n".join(f"server {{ listen {a} backlog=1024; return 200 '{a}'; }}" for a in self.addresses)
        with open(os.path.join(self.folder, "nginx.conf"), "w", encoding="ascii") as f:
            f.write(f"daemon off; pid {self.folder}/pid; error_log {self.folder}/errors; worker_processes 1;\n"
                    f"events {{ worker_connections 8192; }}\nhttp {{ access_log off; keepalive_requests 100000000;\n"
                    f"client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy; fastcgi_temp_path {self.folder}/f;\n"
                    f"uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s; default_type text/plain;\n{servers} }}\n")
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", os.path.join(self.folder, "nginx.conf")],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: all(can_connect(int(a.rsplit(":", 1)[1])) for a in self.addresses), 15, "the backends")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
