#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What an rsp and its cluster's redis-server can miss of each other: replies, edits, all that was there. No edit is lost, nothing comes back."""

import re
import shutil
import time

from admin import Admin
from harness import SystemTest, main, require, wait_until
from redis_gateway import Gateway
from redis_server import RedisServer

ONE, TWO, THREE, FOUR = (f"127.0.9.{n}:1" for n in range(1, 5))


class Faults(SystemTest):
    def setUp(self):
        super().setUp()
        require(self, shutil.which("redis-server"), "redis-server")
        self.redis = RedisServer()
        self.addCleanup(self.redis.stop)

    def instance(self, number):
        """An rsp behind a gateway of its own."""
        gateway = Gateway(self.redis, f"gateway{number}")
        self.addCleanup(gateway.stop)
        rsp = self.rsp(f'cluster {{ redis = "unix:{gateway.socket}" }}\n'
                       'site "*" { to = pool "apps" { live = true } }', admin='state = "state/state.json"')
        rsp.gateway, rsp.admin = gateway, Admin(rsp.path("admin.sock"))
        self.addCleanup(rsp.admin.close)
        return rsp

    def two(self, *addresses):
        """Two that have agreed on these members."""
        first, second = self.instance(1), self.instance(2)
        self.wait_up(first, second)
        self.edit(first, *(("put", a) for a in addresses))
        self.wait_all((first, second), *addresses)
        return first, second

    def wait_up(self, *instances):
        for rsp in instances:
            wait_until(lambda rsp=rsp: rsp.admin.ask("GET", "/v1/status").json["cluster"]["is_up"], 20, "the server being there")

    def edit(self, rsp, *edits):
        reply = rsp.admin.edit("apps", *edits)
        self.assertEqual(reply.status, 200, reply.body)

    def hash(self):
        return set(self.redis.ask("HKEYS", "rsp:pool:apps").split())

    def wait_all(self, instances, *addresses):
        """At all of them and in the server."""
        for rsp in instances:
            wait_until(lambda rsp=rsp: set(rsp.admin.members("apps")) == set(addresses), 20,
                       f"{addresses} at every instance")
        wait_until(lambda: self.hash() == set(addresses), 20, f"{addresses} in the server")

    def settle(self, first, second, *addresses):
        """A word from each to the other: all that either had to say before has been said then."""
        self.edit(first, ("put", THREE))
        self.wait_all((first, second), THREE, *addresses)
        self.edit(second, ("remove", THREE))
        self.wait_all((first, second), *addresses)

    def lose_reply(self, way):
        """ONE is written by the first, which never learns that it was."""
        first, second = self.two(TWO)
        first.gateway.writes = way
        self.edit(first, ("put", ONE))
        wait_until(lambda: first.gateway.lost, what="the lost reply")
        self.wait_all((second,), ONE, TWO)
        return first, second

    def let_in(self, rsp):
        wait_until(lambda: "is away" in rsp.errors(), what="the word about it")
        rsp.gateway.writes, rsp.gateway.is_open = Gateway.PASSES, True
        self.wait_up(rsp)

    def test_a_write_whose_reply_is_cut_brings_nothing_back(self):
        first, second = self.lose_reply(Gateway.CUTS_REPLIES)
        self.edit(second, ("remove", ONE))
        self.wait_all((second,), TWO)
        self.let_in(first)
        self.settle(first, second, TWO)

    def test_a_write_whose_reply_never_comes_brings_nothing_back(self):
        first, second = self.lose_reply(Gateway.KEEPS_REPLIES)
        self.edit(second, ("remove", ONE))
        self.wait_all((second,), TWO)
        self.let_in(first)
        self.settle(first, second, TWO)

    def test_edits_after_a_lost_reply_are_not_lost_with_it(self):
        first, second = self.lose_reply(Gateway.KEEPS_REPLIES)
        self.edit(first, ("put", FOUR), ("remove", TWO))
        self.edit(second, ("remove", ONE))
        self.let_in(first)
        self.wait_all((first, second), FOUR)
        self.settle(first, second, FOUR)

    def test_a_write_that_comes_too_late_is_not_carried_out(self):
        first, second = self.two(TWO)
        first.gateway.writes = Gateway.HOLDS
        self.edit(first, ("put", ONE))
        wait_until(lambda: len(first.gateway.held) == 1, what="the first write")
        first.gateway.held[0].cut_client()
        wait_until(lambda: len(first.gateway.held) == 2, what="the second try")
        self.assertEqual(first.gateway.held[0].release(), b":0\r\n")
        self.assertEqual(self.hash(), {TWO})
        first.gateway.writes = Gateway.PASSES
        first.gateway.held[1].cut_client()
        self.wait_all((first, second), ONE, TWO)

    def part(self, *edits):
        """Two of which the second missed the last edit, and a server that has lost everything."""
        first, second = self.two(ONE, TWO)
        second.gateway.close_all()
        self.edit(first, *edits)
        self.wait_all((first,), *first.admin.members("apps"))
        first.gateway.close_all()
        self.redis.ask("FLUSHALL")
        return first, second

    def test_an_emptied_server_that_is_first_reached_by_one_that_missed_an_edit_gets_the_edit(self):
        first, second = self.part(("put", FOUR), ("remove", ONE))
        second.gateway.is_open = True
        self.wait_all((second,), ONE, TWO)
        first.gateway.is_open = True
        self.wait_all((first, second), TWO, FOUR)
        self.settle(first, second, TWO, FOUR)

    def test_edits_at_both_after_the_server_was_emptied_come_together(self):
        first, second = self.part(("put", FOUR), ("remove", ONE))
        self.edit(first, ("remove", TWO))
        second.gateway.is_open = True
        self.wait_all((second,), ONE, TWO)
        for most in (1, 2, 3):  # it is the newer one by its number
            self.edit(second, ("put", THREE, {"max_connections": most}))
        self.wait_all((second,), ONE, TWO, THREE)
        first.gateway.is_open = True
        self.wait_all((first, second), THREE, FOUR)

    def test_one_that_comes_with_old_members_to_an_emptied_server_yields_to_those_who_know_more(self):
        first, second = self.two(ONE, TWO)
        second.stop()
        self.edit(first, ("remove", ONE))
        self.wait_all((first,), TWO)
        first.gateway.close_all()
        self.redis.ask("FLUSHALL")
        second.admin.close()
        second.start()  # with its state file
        self.wait_all((second,), ONE, TWO)
        for most in (1, 2, 3, 4):
            self.edit(second, ("put", FOUR, {"max_connections": most}))
        self.wait_all((second,), ONE, TWO, FOUR)
        first.gateway.is_open = True
        self.wait_all((first, second), TWO, FOUR)

    def test_what_another_program_writes_to_an_emptied_server_is_added_to_what_is_known(self):
        first, second = self.two(ONE, TWO)
        first.gateway.close_all()
        second.gateway.close_all()
        self.redis.ask("FLUSHALL")
        self.redis.edit("apps", "HSET", FOUR, "{}")
        first.gateway.is_open = second.gateway.is_open = True
        self.wait_all((first, second), ONE, TWO, FOUR)

    def test_a_server_that_refuses_to_write_is_not_asked_in_a_storm(self):
        first, second = self.two(TWO)
        self.redis.ask("REPLICAOF", "127.0.0.1", "1")
        began = time.monotonic()
        self.redis.ask("CONFIG", "RESETSTAT")
        self.edit(first, ("put", ONE))
        wait_until(lambda: self.evals() >= 4, what="it is tried again")
        least_s = time.monotonic() - began
        print(f"{self.evals()} commands in {least_s:.1f} s", flush=True)
        self.assertLessEqual(self.evals(), 2 * (2 + time.monotonic() - began))
        self.assertIn("READONLY", first.errors())
        self.redis.ask("REPLICAOF", "NO", "ONE")
        self.wait_all((first, second), ONE, TWO)

    def evals(self):
        found = re.search(r"cmdstat_eval:calls=(\d+)", self.redis.ask("INFO", "commandstats"))
        return int(found.group(1)) if found else 0


if __name__ == "__main__":
    main()
