#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""The admin API as HTTP: methods and what Allow says, content of the wrong type at every place, and clients that take all connections."""

import contextlib
import copy
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading

from admin import Admin, member_path, rspctl
from harness import SystemTest, free_port, main, program, wait_until
from wire import Client, request

ROUTES = 'pool "apps" { "a:1", "b:1", live = true, balance = "hash", key = "{host}" }\nsite "*" { to = pool "apps" }'
MEMBER = member_path("apps", "a:1")
# Every page: its methods.
PAGES = {
    "/explain": "POST", "/metrics": "GET, HEAD", "/reload": "POST", "/status": "GET, HEAD", "/v1/confirm": "POST", "/v1/explain": "POST",
    "/v1/lua": "GET, HEAD", "/v1/metrics": "GET, HEAD", "/v1/pools": "GET, HEAD", "/v1/pools/apps": "GET, HEAD, PATCH, PUT",
    "/v1/pools/apps/pauses": "GET, HEAD", "/v1/pools/apps/pauses/a.example": "DELETE, PUT", "/v1/pools/apps/plan": "POST",
    MEMBER: "DELETE, GET, HEAD, PATCH, PUT", "/v1/reload": "POST", "/v1/requests": "GET, HEAD", "/v1/requests/1": "DELETE",
    "/v1/status": "GET, HEAD", "/v1/tail": "GET, HEAD",
}
# A request that is good, and what each place of it may be; any other type is refused, with the pointer to it.
EDIT = {"do": "put", "address": "c:1", "weight": 2, "priority": 1, "max_connections": 3, "wish": "drain"}
GOOD = (
    ("PATCH", "/v1/pools/apps", {"edits": [EDIT]},
     {"": "object", "/edits": "array", "/edits/0": "object", "/edits/0/do": "string", "/edits/0/address": "string",
      "/edits/0/weight": "integer null", "/edits/0/priority": "integer null", "/edits/0/max_connections": "integer null",
      "/edits/0/wish": "string"}),
    ("PUT", "/v1/pools/apps", {"members": ["a:1", {"address": "b:1", "weight": 2, "wish": "ready"}]},
     {"": "object", "/members": "array", "/members/0": "string object", "/members/1": "string object", "/members/1/address": "string",
      "/members/1/weight": "integer null", "/members/1/wish": "string"}),
    ("PUT", MEMBER, {"weight": 2, "wish": "ready"}, {"": "object", "/weight": "integer null", "/wish": "string"}),
    ("PATCH", MEMBER, {"priority": 2, "wish": "ready"}, {"": "object", "/priority": "integer null", "/wish": "string"}),
    ("PUT", "/v1/pools/apps/pauses/a.example", {"seconds": 1}, {"": "object", "/seconds": "integer"}),
    ("POST", "/v1/pools/apps/plan", {"members": ["c:1"], "keys": ["a.example"]},
     {"": "object", "/members": "array", "/members/0": "string object", "/keys": "array", "/keys/0": "string"}),
    ("POST", "/v1/explain", {"method": "GET", "url": "http://a.example/", "from": "192.0.2.1"},
     {"": "object", "/method": "string", "/url": "string", "/from": "string"}),
)
VALUES = {"null": None, "boolean": True, "integer": 10**12, "real": 1.5, "string": "x y", "array": [[]], "object": {"what": 1}}
NO_JSON = (b'{"members": [NaN]}', b'{"members": [Infinity]}', b'{"members": ["\\ud800"]}', b'{"members": ["\\udc00\\ud800"]}', b'{"members": ["\\u0000"]}',
           b'{"members": ["a\x00b"]}', b'{"members": ["\xc0\xaf"]}', b'{"members": ["\xed\xa0\x80"]}', b'{"members": [01]}', b"{'members': []}",
           b'{"members": [],}', b'{"members": []} x', b'{"members": [] /* */}', b'\xef\xbb\xbf{"members": []}', b'{"members": [], "members": ["a:1"]}',
           b'{"members": [{"address": "a:1", "weight": 1, "weight": 2}]}', b'{"a":' * 5000 + b"1" + b"}" * 5000,
           b'{"members": ' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"members": [1e999]}', b'{"members": [99999999999999999999]}')


def put_at(root, pointer, value):
    """A copy of root with this value there."""
    if not pointer:
        return value
    root = copy.deepcopy(root)
    *way, last = pointer[1:].split("/")
    at = root
    for step in way:
        at = at[int(step) if isinstance(at, list) else step]
    at[int(last) if isinstance(at, list) else last] = value
    return root


class Api(SystemTest):
    def setUp(self):
        super().setUp()
        self.one = self.rsp(ROUTES)
        self.admin = Admin(self.one.path("admin.sock"))
        self.addCleanup(self.admin.close)

    def tag(self):
        return self.admin.ask("GET", "/v1/pools/apps").tag

    def test_another_method_is_told_which_there_are(self):
        before = self.tag()
        for path, methods in PAGES.items():
            for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"} - set(methods.split(", ")):
                reply = self.admin.ask(method, path, b"" if method in ("POST", "PUT", "PATCH") else None)
                self.assertEqual((reply.status, reply.fields["Allow"]), (405, methods), (method, path))
        self.assertEqual(self.tag(), before)

    def test_head_is_get_without_its_content(self):
        for path in (p for p, methods in PAGES.items() if "HEAD" in methods):
            got, head = self.admin.ask("GET", path), self.admin.ask("HEAD", path)
            self.assertEqual((head.status, head.body, head.tag), (200, b"", got.tag), path)
            self.assertEqual(head.fields["Content-Type"], got.fields["Content-Type"])
            self.assertGreater(int(head.fields["Content-Length"]), 0)
        self.assertEqual(self.admin.ask("HEAD", "/v1/pools/none").status, 404)

    def test_a_value_of_the_wrong_type_is_pointed_at_wherever_it_stands(self):
        before, count = self.tag(), 0
        for method, path, good, places in GOOD:
            for pointer, types in places.items():
                for kind, value in VALUES.items():
                    if kind in types.split():
                        continue
                    reply = self.admin.ask(method, path, json.dumps(put_at(good, pointer, value)).encode())
                    self.assertEqual((reply.status, reply.json["pointer"]), (400, pointer), (method, path, pointer, kind, reply.body))
                    count += 1
        self.assertEqual(self.tag(), before)
        self.assertEqual(self.admin.ask("GET", "/v1/pools/apps/pauses").json, {"pauses": []})
        self.assertGreater(count, 150)
        for method, path, good, _ in GOOD:
            self.assertEqual(self.admin.ask(method, path, good).status, 200, (method, path))

    def test_what_is_no_json_is_refused_everywhere(self):
        before = self.tag()
        for method, path, _, _ in GOOD:
            for text in NO_JSON:
                reply = self.admin.ask(method, path, text)
                self.assertEqual((reply.status, reply.json["pointer"]), (400, ""), (method, path, text[:60], reply.body))
                self.assertIn("no JSON", reply.json["error"])
        self.assertEqual(self.tag(), before)

    def test_two_tokens_are_one_too_many(self):
        token, port = "t" * 40, free_port()
        rsp = self.rsp(ROUTES, tls=True, files={"token": token}, admin=f'listen = "127.0.0.1:{port}", token_file = "token"')
        for listener, tls in ((port, "localhost"), (rsp.path("admin.sock"), None)):
            with Client(listener, tls=tls) as client:
                client.send(request("GET", "/v1/pools", [("Authorization", "Bearer " + token), ("Authorization", "Bearer x")]))
                self.assertEqual(client.read_answer().status, 400)

    def test_who_takes_all_connections_keeps_nobody_out(self):
        """They are there the whole time, idle or in the middle of a head."""
        idle = []
        self.addCleanup(lambda: [s.close() for s in idle])
        for n in range(1000):
            idle.append(socket.socket(socket.AF_UNIX))
            idle[-1].settimeout(20)
            idle[-1].connect(self.one.path("admin.sock"))
            if n % 2:
                idle[-1].sendall(b"GET /v1/st")
        code, out, errors = rspctl(self.one, "pool", "apps", "add", "c:1", timeout=20)
        self.assertEqual((code, errors), (0, ""), out)
        self.assertIn("c:1", self.admin.members("apps"))
        wait_until(lambda: "is closed for the next" in self.one.errors(), what="the word about it")


class Answers(SystemTest):
    """rspctl and an rsp of another version, or one that dies in the middle of an answer."""

    VERBS = (("pools",), ("pool", "apps"), ("pool", "apps", "add", "a:1"), ("pool", "apps", "drain", "a:1", "--wait", "--timeout", "1s"), ("pool", "apps", "pauses"),
             ("pool", "apps", "pause", "k"), ("diff",), ("save",), ("requests",), ("kill", "1"), ("top", "1"), ("explain", "http://a.example/"),
             ("reload",), ("metrics",))
    BODIES = (b"", b"{}", b"[]", b"{", b'{"pools": [{}, 3], "next": 5}', b'{"members": [{"address": 3, "file": 4}, null]}',
              b'{"text": 3, "lua": [], "exit": "0", "errors": [1, null], "problems": {}}', b'{"requests": [1, {"id": {}}], "workers": "x", "counters": []}',
              b'{"pauses": [1, {"key": 1, "seconds": "x"}], "new": {"field": [1]}}', b"\xff\xfe", b"a 1\nb\n# c\n\n d e\n")

    def serve(self, answer):
        """A socket on which each request is answered so."""
        folder = tempfile.mkdtemp(prefix="rsp-test-")
        self.addCleanup(shutil.rmtree, folder)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(folder, "admin.sock"))
        listener.listen()
        self.addCleanup(listener.close)

        def run():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as connection:
                        connection.recv(65536)
                        connection.sendall(answer())
        threading.Thread(target=run, daemon=True).start()
        return listener.getsockname()

    def ctl(self, path, *words):
        return subprocess.run([program("rspctl"), "-s", path, *words], capture_output=True, timeout=30, check=False)

    def test_whatever_is_answered_rspctl_ends_with_a_status_of_its_own(self):
        body = [b""]
        path = self.serve(lambda: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body[0]), body[0]))
        for number, words in enumerate(self.VERBS):
            for turn, body[0] in enumerate(self.BODIES[number % 2::2]):
                done = self.ctl(path, *words, *(("--json",) if turn % 3 == 2 else ()))
                self.assertIn(done.returncode, (0, 1, 2, 3, 69), (words, body[0], done.stderr[-2000:]))
                self.assertNotIn(b"Sanitizer", done.stderr)

    def test_an_answer_that_breaks_off_leaves_open_what_was_done(self):
        path = self.serve(lambda: b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        for words, is_open in ((("pools",), False), (("pool", "apps", "add", "a:1"), True), (("reload",), True)):
            done = self.ctl(path, *words)
            self.assertEqual((done.returncode, b"may have been done" in done.stderr), (69, is_open), done.stderr)


if __name__ == "__main__":
    main()
