# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""The proxies that are compared, each with one worker and the same work to do: add X-Forwarded-For and -Proto, keep connections on
both sides, http and https. All are pinned to one CPU, the load and the backend get the others; where a number of
workers is asked for they get all of them."""

import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import procfs  # noqa: E402
from harness import can_connect, free_port, wait_until  # noqa: E402

START_ATTEMPTS = 5
PROXY_CPU = "0"
ALL_CPUS = f"0-{os.cpu_count() - 1}"
LOAD_CPUS = f"1-{os.cpu_count() - 1}" if os.cpu_count() > 1 else "0"

NGINX_TOP = """
user root; worker_processes {workers}; worker_rlimit_nofile 30000; daemon off; pid {folder}/nginx-{name}.pid; error_log {folder}/nginx-{name}.log;
events {{ worker_connections 12000; }}
http {{
  access_log {access}; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 600;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s; default_type text/plain;
"""
NGINX_PROXY = """
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{http} backlog=4096; listen 127.0.0.1:{https} ssl backlog=4096;
    ssl_certificate {folder}/certs/localhost.pem; ssl_certificate_key {folder}/certs/localhost.pem; ssl_protocols TLSv1.2 TLSv1.3; {clients}
    location / {{
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""
NGINX_BACKEND = """
  server {{
    listen 127.0.0.1:{http} backlog=4096;
    root {folder}/files;
    location = /small {{ return 200 "{page}"; }}
  }}
}}
"""
HAPROXY = """
global
  nbthread {workers}
  maxconn 12000
  no strict-limits
  tune.ssl.default-dh-param 2048
  ssl-default-bind-options ssl-min-ver TLSv1.2
  log stdout format raw local0
defaults
  mode http
  option httplog
  {access}
  timeout connect 3s
  timeout client 600s
  timeout server 60s
  timeout http-keep-alive 600s
  option http-keep-alive
  http-reuse always
frontend front
  bind 127.0.0.1:{http} backlog 4096
  bind 127.0.0.1:{https} ssl crt {folder}/certs/localhost.pem {clients} backlog 4096
  option forwardfor
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  default_backend back
backend back
  server s1 127.0.0.1:{backend} pool-max-conn 256
"""
RSP = """
listen {{ http = "127.0.0.1:{http}", https = "127.0.0.1:{https}", redirect = false }}
tls {{ certificates = "{folder}/certs/"{clients} }}
log {{ access = "{access}", buffer = "64k", errors = "{folder}/rsp-errors.log" }}
admin {{ socket = "{folder}/rsp-admin.sock" }}
site "*" {{ to = "127.0.0.1:{backend}" }}
"""

VARNISH = """# {http}
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{backend}"; }}
sub vcl_recv {{ return (pass); }}
"""
HITCH = """
frontend = "[127.0.0.1]:{http}"
backend = "[127.0.0.1]:{backend}"
pem-file = "{folder}/certs/localhost.pem"
workers = {workers}
daemon = off
user = "_hitch"
"""

# Handshakes with client certificates: what asks for them.
CLIENTS = {"nginx": "ssl_client_certificate {folder}/clients/ca.pem; ssl_verify_client on;", "haproxy": "ca-file {folder}/clients/ca.pem verify required",
           "rsp": ', client = "require", client_ca = "{folder}/clients/ca.pem"'}


class Proxy:
    """A started program with http and https ports and a way to ask what it has cost."""

    def __init__(self, name, command, conf_name, conf, folder, cpu=None, access="off", backend=0, asks_clients=False, workers=0, under=()):
        self.name, self.folder, self.path, self.backend = name, folder, os.path.join(folder, conf_name), backend
        self.warmed_by, self.helpers = None, []
        clients = CLIENTS[name].format(folder=folder) if asks_clients else ""
        for _ in range(START_ATTEMPTS):  # another program may take a port between our asking and its use
            self.http, self.https = free_port(), free_port()
            with open(self.path, "w", encoding="utf-8") as f:
                f.write(conf.format(workers=workers or 1, clients=clients, name=name, folder=folder, http=self.http, https=self.https, backend=backend,
                                    access=access, page="x" * 100))
            if self.is_started(["taskset", "-c", cpu or (ALL_CPUS if workers else PROXY_CPU), *under] + command(self.path)):
                return
            with open(self.path + ".out", encoding="utf-8", errors="replace") as f:
                said = f.read()
            if not re.search("address already in use|cannot bind", said, re.IGNORECASE):
                break
        raise SystemExit(f"{name} does not start:\n{said}")

    def is_started(self, command):
        with open(self.path + ".out", "wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, cwd=os.path.dirname(self.path))
        wait_until(lambda: can_connect(self.http) or self.process.poll() is not None, 60, self.name + " to listen")
        time.sleep(0.3)
        return self.process.poll() is None

    def pids(self):
        return [self.process.pid] + procfs.descendants(self.process.pid) + [pid for helper in self.helpers for pid in helper.pids()]

    def run_seconds(self):
        return sum(procfs.run_nanoseconds(p) for p in self.pids()) / 1e9

    def user_seconds(self):
        return sum(procfs.cpu_seconds(p)[0] for p in self.pids())

    def memory_bytes(self):
        return sum(procfs.memory_bytes(p, "Private_Dirty") for p in self.pids())

    def stop(self):
        for helper in self.helpers:
            helper.stop()
        self.process.send_signal(signal.SIGTERM if self.name != "haproxy" else signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
            self.process.wait()


def nginx_command(path):
    return ["/usr/sbin/nginx", "-c", path]


def start_backend(folder):
    conf = NGINX_TOP + NGINX_BACKEND
    return Proxy("backend", nginx_command, "backend.conf", conf, folder, cpu=LOAD_CPUS)


# How they are started: (folder, port of the backend, what a row wishes: log, asks_clients, workers; under: a tool to run it under).

def start_nginx(folder, backend, log=False, **wishes):
    access = f"{folder}/nginx-access.log combined buffer=64k" if log else "off"
    return Proxy("nginx", nginx_command, "nginx.conf", NGINX_TOP + NGINX_PROXY, folder, access=access, backend=backend, **wishes)


def start_haproxy(folder, backend, log=False, **wishes):
    access = "log global" if log else "no log"  # its standard output is a file
    return Proxy("haproxy", lambda path: ["/usr/sbin/haproxy", "-db", "-f", path], "haproxy.cfg", HAPROXY, folder, access=access, backend=backend, **wishes)


def start_varnish(folder, backend, **wishes):
    """Varnish that keeps nothing, and Hitch in front of it for TLS."""
    def varnish(path):
        with open(path, encoding="ascii") as f:
            port = f.readline().split()[1]
        return ["/usr/sbin/varnishd", "-F", "-j", "none", "-f", path, "-a", f"127.0.0.1:{port}", "-n", path + ".work", "-s", "malloc,64m", "-p", "http_gzip_support=off"]
    proxy = Proxy("varnish", varnish, "varnish.vcl", VARNISH, folder, backend=backend, **wishes)
    try:
        hitch = Proxy("hitch", lambda path: ["/usr/sbin/hitch", "--config=" + path], "hitch.conf", HITCH, folder, backend=proxy.http, **wishes)
    except SystemExit:
        proxy.stop()
        raise
    proxy.helpers.append(hitch)
    proxy.https = hitch.http
    return proxy


def start_floor(folder, backend, **wishes):
    program = os.path.join(ROOT, "build", "release", "tests", "bench", "bench_floor")
    return Proxy("floor", lambda path: ["sh", "-c", f"exec {program} $(cat {path})"], "floor.conf", "{http} {backend}", folder, backend=backend,
                 under=wishes.get("under", ()))


def start_rsp(program):
    """rsp as this command; {} in it stands for the route file, {workers} for their number."""
    def start(folder, backend, log=False, workers=0, **wishes):
        def command(path):
            return [path if word == "{}" else word.format(workers=workers or 1) for word in program.split()]
        access = f"{folder}/rsp-access.log" if log else "off"
        return Proxy("rsp", command, "rsp.lua", RSP, folder, access=access, backend=backend, workers=workers, **wishes)
    return start
