#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What a member that is ill costs its clients: a few requests until it is out, none while it is, and no storm of attempts. Prints figures."""

import re
import time

from admin import Admin
from harness import SystemTest, main, wait_until
from load import ask_all
from patients import HealthTest, Patient
from wire import get

FAILS, EJECTS_MS, CLIENTS = 3, 1000, 16
PASSIVE = f'passive = {{ fails = {FAILS}, within = "60s", ejects = "{EJECTS_MS}ms", status = "5xx" }}'
CHECKS = 'health = { get = "/healthz", every = "100ms", timeout = "300ms", fall = 2, rise = 2 }'
LIMITS = ', timeout = { first_byte = "300ms", between_bytes = "300ms" }, retry = 3'


class Illnesses(HealthTest):
    def begin(self, settings, site=LIMITS):
        self.one, self.two = Patient(self, "one"), Patient(self, "two")
        self.rsp = SystemTest.rsp(self, self.pool((self.one, self.two), settings, site), workers=2)
        self.admin = Admin(self.rsp.path("admin.sock"))
        self.addCleanup(self.admin.close)

    def health(self):
        """(its health, how often it was ejected lately, a number that changes with both)"""
        pool = self.admin.pool("web")
        member = pool["members"][0]
        found = re.search(r"^ejected for \d+ s more \(time (\d+)\)", member["reason"] or "")
        return member["health"], int(found.group(1)) if found else 0, pool["version"]

    def attempts(self, asked):
        lines = self.rsp.wait_for_lines(asked)
        self.assertEqual(len(lines), asked)
        return sum(int(re.search(r" tries=(\d+)", line).group(1)) for line in lines)

    def endure_storm(self):
        """Many at once who do not know yet: there are as many attempts as requests, and those few that may be tried again."""
        threads, statuses = ask_all(self.rsp.http, CLIENTS, 4)
        for thread in threads:
            thread.join(60)
        attempts, seen = self.attempts(4 * CLIENTS), self.one.requests + self.two.requests
        self.assertEqual(len(statuses), 4 * CLIENTS)
        self.assertLessEqual(seen, attempts)
        self.assertLessEqual(attempts, 1.2 * len(statuses) + 3)
        return f"{len(statuses)} requests at once, {attempts} attempts, {sum(1 for s in statuses if s != 200)} failed"

    def wait_until_out(self):
        """One request after the other; how many of them failed, and which time it is."""
        failed = 0
        while (health := self.health())[0] != "ejected":
            failed += get(self.rsp.http).status != 200
            self.assertLess(failed, FAILS * 4, self.rsp.errors()[-2000:])
        return failed, health[1]

    def ask_until(self, is_over, out):
        """Requests, one after the other; of those that began and ended while it was out none may reach it, or fail. (all, those)"""
        asked = while_out = 0
        end = time.monotonic() + 60
        while not is_over():
            self.assertLess(time.monotonic(), end, self.rsp.errors()[-2000:])
            before, health = self.one.requests, self.health()
            reply, after = get(self.rsp.http), self.one.requests
            asked += 1
            if health[0] == out and self.health() == health:
                while_out += 1
                self.assertEqual((reply.status, reply.body, after), (200, b"all is well with two", before))
        return asked, while_out

    def fall_ill(self, ill, reason, until=1):
        """Out, and back while it is still ill, until it was out so many times in a row; then it is well."""
        self.begin(PASSIVE)
        self.one.request, time = ill, 0
        figures = [self.endure_storm()]
        while time < until:
            failed, time = self.wait_until_out()
            _, served = self.ask_until(lambda: self.health()[0] != "ejected", "ejected")
            figures.append(f"then {failed} failed until it was out (time {time}), {served} served by the other")
        self.assertRegex(self.lines(self.rsp, "is ejected")[0], rf"for {EJECTS_MS} ms \(time 1\) after \d+ failures: {reason}")
        self.one.request = "good"
        wait_until(lambda: get(self.rsp.http).body.endswith(b"one"), what="it takes part again")
        print("; ".join(figures), flush=True)

    def test_one_that_accepts_and_never_answers_is_out_soon(self):
        self.fall_ill("is_silent", "it did not answer in time")

    def test_one_that_answers_500_is_out_soon(self):
        self.fall_ill("answers_500", "it answered a status that counts")

    def test_one_that_resets_in_the_middle_of_the_head_is_out_soon(self):
        self.fall_ill("resets_in_the_head", "it ended the connection")

    def test_one_that_is_slower_than_the_limits_is_out_soon(self):
        self.fall_ill("is_slow", "it did not answer in time")

    def test_one_that_flaps_is_out_for_longer_each_time(self):
        self.fall_ill("answers_500", "it answered a status that counts", until=3)

    def test_checks_that_fail_now_and_then_change_nothing(self):
        self.begin(CHECKS)
        wait_until(lambda: self.health()[0] == "up", what="the first check")
        self.one.check = "fails_every_second_time"
        began = self.one.checks
        wait_until(lambda: self.one.checks > began + 20, 30, "twenty checks")
        self.assertEqual(self.lines(self.rsp, "is down"), [])

    def test_one_whose_checks_flap_gets_no_request_while_it_is_down(self):
        self.begin(CHECKS)
        self.one.check = "fails_in_spells"
        asked, while_down = self.ask_until(lambda: len(self.lines(self.rsp, f"{self.one.address} is up again after 2 good checks")) >= 3, "down")
        self.assertGreater(while_down, 0)
        self.assertNotIn(" 500 ", "".join(self.rsp.access_lines()))
        print(f"{asked} requests, none failed, {while_down} while it was down; {len(self.lines(self.rsp, 'is down after'))} times down", flush=True)

    def test_one_whose_port_opens_and_closes_fails_nobody(self):
        self.begin("panic = 0.5")
        asked = 0
        for _ in range(4):
            self.one.backend.stop()
            for _ in range(20):
                self.assertEqual(get(self.rsp.http).body, b"all is well with two")
            self.one.backend = self.backend(self.one.serve, port=self.one.backend.port)
            asked += 20 + self.ask_until(lambda seen=self.one.requests: self.one.requests > seen, "down")[0]
        attempts = self.attempts(asked)
        # each worker asks it again once a second, with one request
        self.assertLessEqual(attempts, asked * 1.2 + 3)
        print(f"{asked} requests, none failed, {attempts} attempts", flush=True)


if __name__ == "__main__":
    main()
