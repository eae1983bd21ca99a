#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Members that are ill are found out, left alone and taken back as the manual says, by checks and by what requests find."""

import os
import re
import signal
import socket
import time

import procfs
from harness import main, wait_until
from patients import HealthTest, Patient
from wire import get

CHECK = '{ get = "/healthz", every = "100ms", timeout = "300ms", fall = 2, rise = 2 }'


ILLS = {
    "answers_500": "GET /healthz answered 500",
    "is_silent": "no answer within 300 ms",
    "is_slow": "no whole answer within 300 ms",
    "resets": "GET /healthz: the connection",
    "closes_in_the_middle": "closed before the answer was complete",
    "sends_garbage": "the answer was refused",
    "sends_endless_heads": "the answer was refused",
}


class Checks(HealthTest):
    def test_every_illness_takes_a_member_out_with_its_reason_and_health_brings_it_back(self):
        one, two = self.two()
        rsp = self.rsp(self.pool((one, two), f"health = {CHECK}"), workers=2)
        for ill, reason in ILLS.items():
            with self.subTest(ill):
                self.wait_for(rsp, one, True)
                one.check = ill
                self.wait_for(rsp, one, False)
                one.requests = before = 0
                self.assertEqual({get(rsp.http).status for _ in range(20)}, {200})
                self.assertEqual(one.requests, before, "a member that is down was asked")
                one.check = "good"
                self.wait_for(rsp, one, True)
                wait_until(lambda: get(rsp.http).body.endswith(b"one"), 10, "requests for the one that is well again")
        self.assertIn(ILLS["answers_500"], self.lines(rsp, "is down after 2 failed checks")[0])
        self.assertTrue(self.lines(rsp, f'pool "web": {one.address} is up again after 2 good checks'), rsp.errors())

    def test_the_reason_stands_in_the_log(self):
        for ill in ("is_silent", "is_slow", "closes_in_the_middle", "sends_garbage", "sends_endless_heads", "resets"):
            with self.subTest(ill):
                one, two = self.two()
                one.check = ill
                rsp = self.rsp(self.pool((one, two), f"health = {CHECK}"))
                wait_until(lambda: self.lines(rsp, f"{one.address} is down after 1 failed check: "), 10, ill)
                self.assertIn(ILLS[ill], self.lines(rsp, "is down after")[0])

    def test_a_refused_connection_and_a_missing_text_are_failed_checks(self):
        one, two = self.two()
        rsp = self.rsp(self.pool((one, two, '"127.0.0.1:1"'), 'health = { get = "/healthz", every = "100ms", body = "well with two", host = "check.example" }'))
        self.wait_for(rsp, one, False)
        self.wait_for(rsp, "127.0.0.1:1", False)
        self.wait_for(rsp, two, True)
        self.assertIn("Connection refused", self.lines(rsp, "127.0.0.1:1 is down")[0])
        self.assertIn('answered 200 without "well with two" in it', self.lines(rsp, f"{one.address} is down")[0])
        self.assertIn(("Host", "check.example"), two.fields)
        shown = self.pool_shown(rsp)
        self.assertRegex(shown, r"127\.0\.0\.1:1 .* down .*\n  Connection refused, \d+ s ago; (next check in \d+ s|a check is under way)")
        self.assertRegex(shown, re.escape(two.address) + r" .* up .*\n  GET /healthz answered 200, \d+ s ago; ")

    def test_statuses_are_chosen_and_tcp_is_enough(self):
        one, two = self.two()
        one.check = two.check = "answers_404"
        rsp = self.rsp(self.pool((one,), 'health = { get = "/healthz", every = "100ms", status = { 404, "5xx" } }') + "\n" +
                       f'pool "tcp" {{ "{two.address}", "127.0.0.1:1", health = {{ tcp = true, every = "100ms" }} }}')
        wait_until(lambda: one.checks > 3, 10, "some checks")
        self.assertEqual(self.metrics(rsp)[one.address], 1)
        wait_until(lambda: self.lines(rsp, 'pool "tcp": 127.0.0.1:1 is down after'), 10, "the closed port")
        self.assertEqual((two.checks, two.requests), (0, 0))

    def test_a_reload_keeps_what_is_known_and_checks_that_go_away_free_the_member(self):
        one, two = self.two()
        rsp = self.rsp(self.pool((one, two), f"health = {CHECK}"))
        one.check = "answers_500"
        self.wait_for(rsp, one, False)
        for workers in range(3):
            rsp.write_routes(self.pool((one, two), f"health = {CHECK}") + f"\n-- {workers}")
            self.assertEqual(rsp.reload()[0], 0)
            self.assertEqual(self.metrics(rsp)[one.address], 0)
            one.requests = 0
            self.assertEqual({get(rsp.http).status for _ in range(6)}, {200})
            self.assertEqual(one.requests, 0)
        rsp.write_routes(self.pool((one, two), 'idle = "10s"'))
        self.assertEqual(rsp.reload()[0], 0)
        wait_until(lambda: get(rsp.http).body.endswith(b"one"), 10, "nobody says that it is ill any more")

    def test_the_next_control_knows_who_is_down_and_goes_on_checking(self):
        one, two = self.two()
        rsp = self.rsp(self.pool((one, two), f"health = {CHECK}"))
        one.check = "answers_500"
        self.wait_for(rsp, one, False)
        control = rsp.children("control")[0]
        os.kill(control, signal.SIGKILL)
        one.requests = 0
        self.assertEqual({get(rsp.http).status for _ in range(10)}, {200})
        wait_until(lambda: rsp.children("control") not in ([], [control]), 20, "another control")
        checks = one.checks
        wait_until(lambda: one.checks > checks + 1, 20, "checks of the new one")
        self.assertEqual({get(rsp.http).status for _ in range(10)}, {200})
        self.assertEqual(one.requests, 0)
        one.check = "good"
        wait_until(lambda: get(rsp.http).body.endswith(b"one"), 20, "back")

    def test_a_thousand_members_are_checked_with_a_bounded_number_of_descriptors(self):
        members = [f'"127.0.0.1:{i}"' for i in range(1, 1001)]
        silent = socket.socket()  # accepts and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen(4096)
        self.addCleanup(silent.close)
        rsp = self.rsp(self.pool(members, f'health = {{ get = "/healthz", every = "2s", timeout = "500ms", port = {silent.getsockname()[1]} }}'))
        control, most = rsp.children("control")[0], 0
        end = time.monotonic() + 60
        while self.down(rsp) < 1000:
            most = max(most, procfs.descriptors(control))
            self.assertLess(time.monotonic(), end, self.down(rsp))
        self.assertLess(most, 256 + 40)
        self.assertGreater(most, 100)


class Ejection(HealthTest):
    PASSIVE = 'passive = { fails = 3, within = "5s", ejects = "800ms", status = "5xx" }'

    def test_a_member_that_fails_requests_is_ejected_and_comes_back_later_each_time(self):
        one, two = self.two()
        rsp = self.rsp(self.pool((one, two), self.PASSIVE, ', timeout = { first_byte = "200ms" }'), workers=2)
        for how in ("answers_500", "resets", "is_silent", "sends_garbage"):
            with self.subTest(how):
                one.request = how
                statuses = []
                while not self.lines(rsp, f"{one.address} is ejected") or self.metrics(rsp)[one.address]:
                    statuses.append(get(rsp.http).status)
                    self.assertLess(len(statuses), 200, rsp.errors())
                one.requests = 0
                began = time.monotonic()
                one.request = "good"
                while self.metrics(rsp)[one.address] == 0:
                    body = get(rsp.http).body
                    if self.metrics(rsp)[one.address] == 0:
                        self.assertEqual(body, b"all is well with two")
                self.assertLess(time.monotonic() - began, 20)
                wait_until(lambda: get(rsp.http).body.endswith(b"one"), 10, "it takes part again")
        self.assertIn("(time 1) after 3 failures: it answered a status that counts", self.lines(rsp, "is ejected for 800 ms")[0])

    def test_one_alone_is_never_ejected_and_never_more_than_half(self):
        patients = [Patient(self, str(i)) for i in range(3)]
        alone = Patient(self, "alone")
        routes = self.pool(patients, self.PASSIVE.replace("800ms", "30s")) + f'\nsite "alone.example" {{ to = pool "alone" {{ "{alone.address}", {self.PASSIVE} }} }}'
        rsp = self.rsp(routes)
        for p in patients + [alone]:
            p.request = "answers_500"
        for _ in range(30):
            self.assertEqual(get(rsp.http).status, 500)
            self.assertEqual(get(rsp.http, host="alone.example").status, 500)
        wait_until(lambda: self.lines(rsp, "half of the pool is out already"), 10, "said")
        self.assertEqual(len(set(re.findall(r"(127\S+) is ejected", rsp.errors()))), 1, rsp.errors())
        self.assertNotIn(alone.address + " is ejected", rsp.errors())
        self.assertRegex(self.pool_shown(rsp), r" ejected .*\n  ejected for \d+ s more \(time 1\): it answered a status that counts\n")

    def test_where_there_are_checks_an_ejected_member_waits_for_a_good_one(self):
        one, two = self.two()
        rsp = self.rsp(self.pool((one, two), self.PASSIVE.replace("800ms", "300ms") + ', health = { get = "/healthz", every = "100ms", fall = 1000 }'))
        wait_until(lambda: one.checks > 0, 10, "a check")
        one.request, one.check = "answers_500", "answers_500"
        wait_until(lambda: get(rsp.http) and self.lines(rsp, "is ejected"), 10, "ejected")
        checks, one.requests = one.checks, 0
        wait_until(lambda: one.checks > checks + 8, 20, "checks beyond its time")
        self.assertEqual({get(rsp.http).status for _ in range(10)}, {200})
        self.assertEqual(one.requests, 0)
        one.request = one.check = "good"
        wait_until(lambda: get(rsp.http).body.endswith(b"one"), 20, "back")

    def test_without_the_setting_nobody_is_ejected(self):
        one, two = self.two()
        rsp = self.rsp(self.pool((one, two), f"health = {CHECK}"))
        one.request = "answers_500"
        self.assertEqual({get(rsp.http).status for _ in range(40)}, {200, 500})
        self.assertEqual(self.metrics(rsp)[one.address], 1)


class SlowStart(HealthTest):
    def test_a_member_that_comes_back_gets_its_share_in_steps(self):
        one, two = self.two()
        rsp = self.rsp(self.pool((one, two), f'slow_start = "6s", health = {CHECK}'))
        one.check = "answers_500"
        self.wait_for(rsp, one, False)
        one.check, one.requests, two.requests = "good", 0, 0
        self.wait_for(rsp, one, True)
        one.requests = two.requests = 0
        for _ in range(110):
            get(rsp.http)
        self.assertGreaterEqual(one.requests, 1)
        self.assertLess(one.requests, two.requests / 2)

        def has_half():
            one.requests = two.requests = 0
            for _ in range(20):
                get(rsp.http)
            return one.requests == two.requests
        wait_until(has_half, 20, "its whole share")


if __name__ == "__main__":
    main()
