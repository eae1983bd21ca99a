#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""The access log as it goes on, over all workers, for whoever asks: rspctl tail."""

import os
import re
import signal
import subprocess
import threading

from admin import Admin, rspctl
from harness import SystemTest, main, program, wait_until
from wire import Client, get, request

SITES = 'site "a.example" { respond = { 200, "here" } }\nsite "b.example" { respond = { 503, "no" } }'


class Tail(SystemTest):
    def tail(self, rsp, *words):
        """A rspctl tail, and the lines that it has printed."""
        running = subprocess.Popen([program("rspctl", rsp.build), "-s", rsp.path("admin.sock"), "tail", *words],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(running.stdout.readline, "")))
        reader.start()

        def stop():
            running.kill()
            reader.join()
            running.stdout.close()
            running.stderr.close()
            running.wait()
        self.addCleanup(stop)
        return running, lines

    def wait_for_host(self, rsp, lines, host):
        """Until lines come: it has begun then."""
        wait_until(lambda: get(rsp.http, host=host) and lines, 10, "the first line")

    def test_lines_of_all_workers_come_as_requests_end(self):
        rsp = self.rsp(SITES, workers=2)
        _, lines = self.tail(rsp)
        self.wait_for_host(rsp, lines, "a.example")
        clients = [Client(rsp.http) for _ in range(12)]
        for i, client in enumerate(clients):
            self.addCleanup(client.close)
            client.ask(request("GET", f"/n{i}", host="b.example"))
        wait_until(lambda: {m for line in lines for m in re.findall(r"/n\d+ ", line)} == {f"/n{i} " for i in range(12)}, 10, "all lines")
        self.assertTrue(all(re.search(r'" (200|503) .* host=[ab]\.example .* id=\S+$', line.strip()) for line in lines), lines)
        logged = rsp.wait_for_lines(len(lines))
        self.assertLessEqual({line.strip() for line in lines}, {line.strip() for line in logged})

    def test_events_are_shown_to_who_asks_for_them(self):
        rsp = self.rsp('pool "apps" { "127.0.0.1:1", live = true }\n' + SITES)
        _, lines = self.tail(rsp, "host=a.example")
        _, events = self.tail(rsp, "events", "host=a.example")
        self.wait_for_host(rsp, lines, "a.example")
        self.wait_for_host(rsp, events, "a.example")
        self.assertEqual(rspctl(rsp, "pool", "apps", "drain", "127.0.0.1:1")[0], 0)
        self.assertEqual(rspctl(rsp, "reload")[0], 0)
        for what in ('pool "apps": 127.0.0.1:1: ready -> drain', "audit .*: reload$", "generation 2 is in use$"):
            wait_until(lambda what=what: any(re.search(what, line) for line in events), 10, what)
        get(rsp.http, host="b.example")
        get(rsp.http, "/last", host="a.example")
        for shown in (lines, events):
            wait_until(lambda shown=shown: any("/last" in line for line in shown), 10, "the last line")
            self.assertFalse([line for line in shown if "host=b.example" in line])
        self.assertFalse([line for line in lines if "audit" in line or "generation" in line])

    def test_a_filter_shows_its_own_lines_only_also_with_the_log_off(self):
        rsp = self.rsp(SITES.replace("a.example", "c.example"), access=False)
        _, lines = self.tail(rsp, "status=5xx", "host=B.example")
        self.wait_for_host(rsp, lines, "b.example")
        for _ in range(20):
            get(rsp.http, host="c.example")
        before = len(lines)
        get(rsp.http, host="b.example")
        wait_until(lambda: len(lines) > before, 10, "one more")
        self.assertTrue(all("host=b.example" in line and '" 503 ' in line for line in lines), lines)

    def test_a_worker_or_control_that_dies_does_not_stop_serving_and_the_next_worker_is_seen(self):
        rsp = self.rsp(SITES)
        running, lines = self.tail(rsp)
        self.wait_for_host(rsp, lines, "a.example")
        old = rsp.workers()
        os.kill(old[0], signal.SIGKILL)
        wait_until(lambda: rsp.workers() and rsp.workers() != old, 10, "another worker")
        before = len(lines)
        wait_until(lambda: get(rsp.http, host="a.example").status == 200 and len(lines) > before, 10, "a line of the new worker")
        for pid in rsp.children("control"):
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(running.wait(10), 69)
        self.assertEqual(get(rsp.http, host="a.example").status, 200)
        _, lines = self.tail(rsp)
        wait_until(lambda: get(rsp.http, host="a.example").status == 200 and lines, 10, "a line of the new control")

    def test_lines_that_nobody_has_room_for_are_counted(self):
        rsp = self.rsp(SITES, access=False)
        admin = Admin(rsp.path("admin.sock"))
        self.addCleanup(admin.close)
        first = admin.ask("GET", "/v1/tail").json
        self.assertEqual((first["dropped"], first["lines"]), (0, []))
        control = rsp.children("control")
        for pid in control:
            os.kill(pid, signal.SIGSTOP)
        try:
            with Client(rsp.http) as client:
                for _ in range(100):
                    self.assertEqual(client.ask(request("GET", "/" + "x" * 1500, host="a.example")).status, 200)
        finally:
            for pid in control:
                os.kill(pid, signal.SIGCONT)
        seen, dropped, after = 0, 0, first["next"]
        while seen + dropped < 100:
            answer = admin.ask("GET", f"/v1/tail?after={after}").json
            self.assertTrue(answer["lines"] or answer["dropped"], (seen, dropped))
            seen, dropped, after = seen + len(answer["lines"]), dropped + answer["dropped"], answer["next"]
        self.assertEqual(seen + dropped, 100)
        self.assertGreater(dropped, 50)
        self.assertGreater(seen, 20)

    def test_what_makes_no_sense_is_refused(self):
        rsp = self.rsp(SITES)
        for words, status, said in ((("colour=red",), 1, "the query may have"), (("status=ok",), 1, "status=404 or 5xx"),
                                    (("host",), 2, "usage"), (("a&b=c",), 2, "usage")):
            code, _, err = rspctl(rsp, "tail", *words)
            self.assertEqual((code, said in err), (status, True), err)


if __name__ == "__main__":
    main()
