#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Three rsp and a redis-server on four machines (network namespaces): what is cut off serves on, takes edits, and comes together again."""

import shutil
import time

import namespaces
from admin import Admin
from harness import SystemTest, main, require, wait_until
from redis_server import RedisServer
from wire import get

ONE, TWO, THREE, FOUR = (f"127.0.9.{n}:1" for n in range(1, 5))


class Partition(SystemTest):
    def setUp(self):
        super().setUp()
        require(self, shutil.which("redis-server"), "redis-server")
        if not namespaces.are_possible():
            self.skipTest("network namespaces cannot be made here (needs root and ip(8))")
        self.network = namespaces.Network(3)
        self.addCleanup(self.network.stop)
        with self.network.on("hub"):
            self.redis = RedisServer(self.network.HUB)
        self.addCleanup(self.redis.stop)
        self.machines = [self.machine(n) for n in range(3)]
        self.wait_up(*range(3))

    def machine(self, number):
        routes = (f'cluster {{ redis = "{self.network.HUB}:6379" }}\npool "apps" {{ live = true, balance = "hash", key = "{{host}}" }}\n'
                  'site "apps.example" { to = pool "apps" }\nsite "*" { respond = { 200, "here" } }')
        with self.network.on(number):
            rsp = self.rsp(routes, admin='state = "state/state.json"')
        rsp.admin = Admin(rsp.path("admin.sock"))
        self.addCleanup(rsp.admin.close)
        return rsp

    def admin(self, number):
        """By a new connection: the last one may have been idle for too long."""
        self.machines[number].admin.close()
        return self.machines[number].admin

    def is_up(self, number):
        return self.admin(number).ask("GET", "/v1/status").json["cluster"]["is_up"]

    def wait_up(self, *numbers):
        for n in numbers:
            wait_until(lambda n=n: self.is_up(n), 30, f"the server being there for {n}")

    def edit(self, number, *edits):
        reply = self.admin(number).edit("apps", *edits)
        self.assertEqual(reply.status, 200, reply.body)

    def members(self, number):
        return set(self.admin(number).members("apps"))

    def wait_members(self, numbers, *wanted):
        for n in numbers:
            wait_until(lambda n=n: self.members(n) == set(wanted), 30, f"{wanted} at {n}")

    def wait_away(self, number):
        wait_until(lambda: not self.is_up(number), 30, "the word that the server is away")
        with self.network.on(number):
            self.assertEqual(get(self.machines[number].http).body, b"here")

    def test_who_is_cut_off_serves_on_and_its_edits_and_those_of_the_others_come_together(self):
        began = time.monotonic()
        self.edit(0, ("add", ONE), ("add", TWO))
        self.wait_members(range(3), ONE, TWO)
        self.note(f"an edit was in force on three machines after {(time.monotonic() - began) * 1000:.0f} ms")
        self.network.set_link(2, "down")
        self.edit(2, ("add", FOUR), ("remove", ONE))
        self.wait_away(2)
        self.edit(0, ("add", THREE))
        self.wait_members((0, 1), ONE, TWO, THREE)
        self.wait_members((2,), TWO, FOUR)
        self.network.set_link(2, "up")
        began = time.monotonic()
        self.wait_members(range(3), TWO, THREE, FOUR)
        self.note(f"together again {time.monotonic() - began:.1f} s after the link was up")

    def test_three_that_are_all_cut_off_and_a_server_that_was_emptied_come_together(self):
        self.edit(0, ("add", ONE), ("add", TWO))
        self.wait_members(range(3), ONE, TWO)
        for n, edit in enumerate((("remove", ONE), ("add", THREE), ("set", TWO, {"weight": 5}))):
            self.network.set_link(n, "down")
            self.edit(n, edit)
        for n in range(3):
            self.wait_away(n)
        self.redis.ask("FLUSHALL")
        for n in (1, 2, 0):
            self.network.set_link(n, "up")
        self.wait_members(range(3), TWO, THREE)
        for n in range(3):
            wait_until(lambda n=n: self.admin(n).members("apps")[TWO] == ("ready", 5, "api"), 30, f"the weight at {n}")


if __name__ == "__main__":
    main()
