#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What is running, seen from outside, and ended from there."""

import json
import os
import signal
import threading

from admin import rspctl
from backends import chunked, never, respond
from harness import SystemTest, main, wait_until
from wire import Client, Cut, request


class Requests(SystemTest):
    def running(self, rsp, *words):
        code, out, err = rspctl(rsp, "--json", "requests", *words)
        self.assertEqual(code, 0, err)
        return json.loads(out)["requests"]

    def client(self, rsp):
        client = Client(rsp.http)
        self.addCleanup(client.close)
        return client

    def test_what_waits_for_a_backend_is_listed_over_all_workers_and_can_be_ended(self):
        rsp = self.rsp(self.site(self.backend(never)), workers=2)
        clients = [self.client(rsp) for _ in range(6)]
        for i, client in enumerate(clients):
            client.send(request("GET", f"/n{i}?a=b", host="Any.Example"))
        seen = wait_until(lambda: (r := self.running(rsp)) and len(r) == 6 and all(x["step"] == "read_response_head" for x in r) and r, 10, "six requests")
        self.assertEqual({x["path"] for x in seen}, {f"/n{i}" for i in range(6)})
        self.assertEqual({(x["method"], x["host"], x["client"], x["status"]) for x in seen}, {("GET", "any.example", "127.0.0.1", 0)})
        self.assertEqual(self.running(rsp, "--slower", "1h"), [])
        code, out, _ = rspctl(rsp, "requests")
        self.assertEqual((code, len(out.splitlines())), (0, 7))
        victim = next(x for x in seen if x["path"] == "/n3")
        self.assertEqual(rspctl(rsp, "kill", victim["id"])[0], 0)
        self.assertEqual(clients[3].read_answer().status, 503)
        wait_until(lambda: len(self.running(rsp)) == 5, 5, "one less")
        code, _, err = rspctl(rsp, "kill", victim["id"])
        self.assertEqual((code, "no request of this id" in err), (1, True), err)
        self.assertTrue(any("KILLED" in line for line in rsp.wait_for_lines(1)))
        self.assertIn(f"kill request {victim['id']}", rsp.errors())
        for x in self.running(rsp):
            self.assertEqual(rspctl(rsp, "kill", x["id"])[0], 0)
        self.assertEqual(self.running(rsp), [])

    def test_an_answer_that_is_on_its_way_is_cut(self):
        def endless(_):
            yield from list(chunked([b"piece"]))[:-1]  # without its end
            release.wait(30)
        release = threading.Event()
        self.addCleanup(release.set)
        rsp = self.rsp(self.site(self.backend(respond(endless))))
        client = self.client(rsp)
        client.send(request())
        head = client.read_head()
        self.assertEqual(head.status, 200)
        running = wait_until(lambda: self.running(rsp), 5, "a request")[0]
        self.assertEqual((running["step"], running["status"]), ("relay_bodies", 200))
        self.assertEqual(rspctl(rsp, "kill", running["id"])[0], 0)
        with self.assertRaises(Cut):
            list(client.body_pieces(head))

    def test_a_worker_that_does_not_answer_is_left_out_and_that_is_said(self):
        rsp = self.rsp('site "*" { respond = { 200, "here" } }', workers=2)
        sleeper = rsp.workers()[0]
        os.kill(sleeper, signal.SIGSTOP)
        try:
            code, _, err = rspctl(rsp, "requests")
        finally:
            os.kill(sleeper, signal.SIGCONT)
        self.assertEqual((code, "1 workers did not answer" in err), (3, True), err)

    def test_top_shows_rates_pools_and_requests(self):
        rsp = self.rsp('pool "apps" { "127.0.0.1:1" }\nsite "*" { to = pool "apps" }')
        code, out, err = rspctl(rsp, "top", "2")
        self.assertEqual(code, 0, err)
        self.assertEqual(out.count("a second:  requests "), 2)
        self.assertIn("apps ", out)


if __name__ == "__main__":
    main()
