#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""A site that is being reloaded: its requests wait on every worker, no other's do, and they go on in time."""

import os
import signal
import time

from admin import Admin, rspctl
from backends import echo, respond
from harness import SystemTest, main, wait_until
from load import ask_all

SITE = "app.example"


class Pause(SystemTest):
    def start(self, queue=""):
        backend = self.backend(respond(echo))
        rsp = self.rsp(f'site "*" {{ to = pool "apps" {{ "{backend.address}", balance = "hash", key = "{{host}}", '
                       f'queue = {{ {queue} }} }} }}', workers=2)
        return rsp, backend, Admin(rsp.path("admin.sock"))

    def rspctl(self, rsp, *words):
        status, said, complaints = rspctl(rsp, "pool", "apps", *words)
        return status, said + complaints

    def test_requests_of_a_paused_site_wait_and_go_on_when_it_is_resumed(self):
        rsp, backend, _ = self.start()
        self.assertEqual(self.rspctl(rsp, "pause", "App.Example:80", "--for", "60s"), (0, ""))
        status, said = self.rspctl(rsp, "pauses")
        self.assertEqual(status, 0)
        self.assertRegex(said, r"^app\.example +(60|59)\.\d s more\n$")
        threads, statuses = ask_all(rsp.http, 30, host="APP.example.")
        others, other_statuses = ask_all(rsp.http, 10, host="other.example")
        for thread in others:
            thread.join(20)
        self.assertEqual(other_statuses, [200] * 10)
        time.sleep(0.3)
        self.assertEqual(statuses, [])
        self.assertEqual(len(backend.requests), 10)
        self.assertEqual(self.rspctl(rsp, "resume", SITE), (0, ""))
        for thread in threads:
            thread.join(20)
        self.assertEqual(statuses, [200] * 30)
        self.assertEqual(self.rspctl(rsp, "resume", SITE)[0], 1)
        self.assertEqual(self.rspctl(rsp, "pauses"), (0, ""))

    def test_a_pause_ends_by_itself_also_when_control_was_killed(self):
        rsp, _, admin = self.start()
        self.assertEqual(admin.ask("PUT", f"/v1/pools/apps/pauses/{SITE}", {"seconds": 3}).status, 200)
        os.kill(rsp.children("control")[0], signal.SIGKILL)
        began = time.monotonic()
        threads, statuses = ask_all(rsp.http, 4, host=SITE)
        for thread in threads:
            thread.join(20)
        self.assertEqual(statuses, [200] * 4)
        self.assertGreater(time.monotonic() - began, 1)

    def test_too_many_and_too_late_get_503(self):
        rsp, backend, _ = self.start('max = 5, pause = "1s"')
        self.assertEqual(self.rspctl(rsp, "pause", SITE)[0], 0)
        threads, statuses = ask_all(rsp.http, 20, host=SITE)
        for thread in threads:
            thread.join(20)
        self.assertEqual(statuses, [503] * 20)
        self.assertEqual(len(backend.requests), 0)
        lines = "\n".join(rsp.wait_for_lines(20))
        late, many = lines.count("reason=PAUSED"), lines.count("reason=PAUSE_FULL")
        self.assertEqual(late + many, 20)
        self.assertIn(late, range(5, 11))  # 5 on each worker that got so many
        self.assertEqual(self.rspctl(rsp, "resume", SITE)[0], 0)

    def test_what_makes_no_sense_is_refused(self):
        rsp, _, admin = self.start()
        for path, content, status in ((SITE, {"seconds": 0}, 400), (SITE, {"seconds": 4000}, 400), (SITE, {"for": 3}, 400),
                                      (SITE, b"[", 400), ("a%20b", None, 400), ("%2e%2e", None, 400)):
            self.assertEqual(admin.ask("PUT", f"/v1/pools/apps/pauses/{path}", content).status, status, (path, content))
        self.assertEqual(admin.ask("DELETE", f"/v1/pools/apps/pauses/{SITE}").status, 404)
        self.assertEqual(admin.ask("PUT", "/v1/pools/none/pauses/x").status, 404)
        self.assertEqual(admin.ask("POST", f"/v1/pools/apps/pauses/{SITE}").status, 405)
        self.assertEqual(admin.ask("GET", "/v1/pools/apps/pauses").json, {"pauses": []})
        for n in range(256):
            self.assertEqual(admin.ask("PUT", f"/v1/pools/apps/pauses/a{n}.example").status, 200)
        self.assertEqual(admin.ask("PUT", "/v1/pools/apps/pauses/more.example").status, 507)
        self.assertEqual(len(admin.ask("GET", "/v1/pools/apps/pauses").json["pauses"]), 256)
        wait_until(lambda: 'key a7.example: paused for 30 s' in rsp.errors(), 5, "the audit log")


if __name__ == "__main__":
    main()
