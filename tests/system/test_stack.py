#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""rsp (https) before Varnish before nginx with static files: body and end-to-end fields equal what nginx gives directly."""

import gzip
import hashlib
import os
import signal
import subprocess
import tempfile

import procfs
from content import BLOCK, MIB
from harness import FULL, SystemTest, can_connect, free_port, main, wait_until
from wire import Client, request

NGINX = """
user root; daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors.log crit;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type application/octet-stream; types {{ text/html html; text/css css; text/plain txt; }}
  gzip on; gzip_proxied any; gzip_min_length 100; gzip_types text/plain text/css; gzip_vary on;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port}; root {folder}/files; port_in_redirect off; server_name_in_redirect off;
    location = /moved {{ return 301 /page.html; }}
    location = /found {{ return 302 https://elsewhere.example/; }}
    location = /forbidden {{ return 403; }}
    location = /expires.txt {{ expires 1h; add_header X-Frame-Options DENY; }}
  }}
}}
"""
SIZES = [0, 1, 99, 4095, 4096, 16384, 65536, 100_000, MIB, 10 * MIB, 100 * MIB]
# Varnish cuts ranges out by itself and says so; its 416 has a body of its own.
OF_VARNISH = ("accept-ranges",)
OF_THE_HOP = {"date", "connection", "keep-alive", "transfer-encoding", "via", "age", "x-varnish", "server", "x-request-id"}


class Stack(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="rsp-test-stack-")
        os.chmod(cls.folder, 0o755)
        cls.processes = []
        cls.write_files()
        cls.nginx, cls.varnish = free_port(), free_port()
        with open(os.path.join(cls.folder, "nginx.conf"), "w", encoding="ascii") as f:
            f.write(NGINX.format(folder=cls.folder, port=cls.nginx))
        cls.spawn(cls.nginx, "/usr/sbin/nginx", "-c", os.path.join(cls.folder, "nginx.conf"))
        cls.spawn(cls.varnish, "varnishd", "-F", "-a", f"127.0.0.1:{cls.varnish}", "-b", f"127.0.0.1:{cls.nginx}",
                  "-n", os.path.join(cls.folder, "varnish"), "-s", "malloc,256m", "-p", "http_gzip_support=off", "-j", "none")

    @classmethod
    def spawn(cls, port, *command):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.processes.append(process)
        wait_until(lambda: can_connect(port), 20, command[0])

    @classmethod
    def tearDownClass(cls):
        for process in cls.processes:
            children = procfs.descendants(process.pid)
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            for pid in children:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        subprocess.run(["rm", "-rf", cls.folder], check=False)

    @classmethod
    def write_files(cls):
        files = os.path.join(cls.folder, "files")
        os.makedirs(os.path.join(files, "folder"))
        for size in SIZES:
            with open(os.path.join(files, f"{size}.bin"), "wb") as f:
                f.write((BLOCK * (size // len(BLOCK) + 1))[:size])
        texts = {"page.html": "<p>a page</p>" * 50, "text.txt": "text " * 5000, "style.css": "p { color: red }\n" * 100,
                 "folder/index.html": "index", "expires.txt": "x" * 300}
        for name, text in texts.items():
            with open(os.path.join(files, name), "w", encoding="ascii") as f:
                f.write(text)

    def setUp(self):
        self.rsp_ = self.rsp(f'site "*" {{ to = "127.0.0.1:{self.varnish}" }}', tls=True, build="release" if FULL else None)

    def fetch(self, client, path, method, fields):
        client.send(request(method, path, fields))
        head = client.read_head()
        seen = hashlib.sha256()
        size = 0
        for piece in client.body_pieces(head, method):
            seen.update(piece)
            size += len(piece)
        kept = sorted((n.lower(), v) for n, v in head.fields if n.lower() not in OF_THE_HOP)
        return {"status": head.status, "size": size, "hash": seen.hexdigest(), "fields": kept}

    def is_same(self, path, method="GET", fields=(), without=OF_VARNISH, port=None):
        with Client(port or self.nginx) as direct, Client(self.rsp_.https, tls="localhost") as through:
            expected, got = self.fetch(direct, path, method, fields), self.fetch(through, path, method, fields)
        for answer in (expected, got):
            answer["fields"] = [f for f in answer["fields"] if f[0] not in without]
        self.assertEqual(got, expected)
        return got

    def test_files_of_all_sizes(self):
        for size in SIZES:
            with self.subTest(size=size):
                self.assertEqual(self.is_same(f"/{size}.bin")["size"], size)

    def test_head_has_the_fields_and_no_body(self):
        for size in SIZES:
            with self.subTest(size=size):
                self.assertEqual(self.is_same(f"/{size}.bin", "HEAD")["size"], 0)

    def test_ranges(self):
        for range_ in ("bytes=0-0", "bytes=10-99", "bytes=-5", "bytes=99990-"):
            with self.subTest(range_):
                self.assertEqual(self.is_same("/100000.bin", fields=[("Range", range_)])["status"], 206)
        beyond = self.is_same("/100000.bin", fields=[("Range", "bytes=200000-")], port=self.varnish)
        self.assertEqual(beyond["status"], 416)

    def test_an_etag_that_fits_gives_304(self):
        with Client(self.nginx) as client:
            head = client.ask(request("GET", "/page.html"))
        for field in (("If-None-Match", head.field("ETag")), ("If-Modified-Since", head.field("Last-Modified"))):
            with self.subTest(field[0]):
                answer = self.is_same("/page.html", fields=[field], port=self.varnish)  # with more fields than nginx's own
                self.assertIn(("etag", head.field("ETag")), answer["fields"])
                self.assertEqual((answer["status"], answer["size"]), (304, 0))

    def test_gzip_is_what_nginx_made(self):
        for path in ("/text.txt", "/style.css", "/page.html"):
            with self.subTest(path), Client(self.rsp_.https, tls="localhost") as client:
                with open(os.path.join(self.folder, "files", path[1:]), "rb") as f:
                    text = f.read()
                reply = client.ask(request("GET", path, [("Accept-Encoding", "gzip")]))
                self.assertEqual(reply.field("Content-Encoding"), "gzip")
                self.assertEqual(gzip.decompress(reply.body), text)

    def test_what_is_not_there_moved_or_forbidden(self):
        for path, status in (("/nothing", 404), ("/moved", 301), ("/found", 302), ("/forbidden", 403), ("/folder", 301),
                             ("/folder/", 200), ("/expires.txt", 200), ("/page.html?a=%20b", 200)):
            with self.subTest(path):
                self.assertEqual(self.is_same(path)["status"], status)


if __name__ == "__main__":
    main()
