#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Three rsp whose live pools are kept alike through a redis-server: an edit at one is in force at all; without the server they serve on."""

import json
import random
import shutil
import signal

from admin import Admin, rspctl
from backends import answer, respond
from harness import FULL, SystemTest, main, require, wait_until
from redis_server import RedisServer
from wire import get


class Cluster(SystemTest):
    def setUp(self):
        super().setUp()
        require(self, shutil.which("redis-server"), "redis-server")
        self.redis = RedisServer()
        self.addCleanup(self.redis.stop)
        self.a, self.b = (self.backend(respond(lambda _, name=name: answer(200, name))) for name in (b"a", b"b"))

    def instances(self, count=3, pool="live = true"):
        routes = (f'cluster {{ redis = "unix:{self.redis.socket}" }}\n'
                  f'site "*" {{ to = pool "apps" {{ {pool} }}, retry = 0 }}')
        return [self.rsp(routes) for _ in range(count)]

    def edit(self, rsp, *words):
        code, _, errors = rspctl(rsp, "pool", "apps", *words)
        self.assertEqual(code, 0, errors)

    def status(self, rsp):
        return json.loads(rspctl(rsp, "status")[1])["cluster"]

    def serves(self, rsp, wanted):
        """The set of answers of a few requests; empty: there is no member."""
        got = [get(rsp.http) for _ in range(4)]
        return {g.body for g in got if g.status == 200} == wanted

    def wait_all(self, instances, wanted):
        for rsp in instances:
            wait_until(lambda rsp=rsp: self.serves(rsp, wanted), what=f"{wanted} at every instance")

    def members(self):
        words = self.redis.ask("HGETALL", "rsp:pool:apps").split("\n")
        return dict(zip(words[::2], map(json.loads, words[1::2]))) if len(words) > 1 else {}

    def test_an_edit_at_one_is_in_force_at_all(self):
        instances = self.instances()
        self.edit(instances[0], "add", self.a.address)
        self.wait_all(instances, {b"a"})
        self.edit(instances[1], "add", self.b.address)
        self.wait_all(instances, {b"a", b"b"})
        self.edit(instances[2], "drain", self.a.address)
        self.wait_all(instances, {b"b"})
        self.edit(instances[0], "remove", self.a.address)
        wait_until(lambda: list(self.members()) == [self.b.address], what="the hash without it")
        self.edit(instances[0], "remove", self.b.address)
        self.wait_all(instances, set())
        self.assertEqual(self.members(), {})

    def test_other_programs_may_write_the_hash(self):
        self.redis.ask("HSET", "rsp:pool:apps", self.a.address, "{}")  # its revision is still to come
        instances = self.instances(2)
        self.wait_all(instances, {b"a"})
        self.redis.edit("apps", "HSET", self.a.address, "{}")
        self.assertEqual(list(self.members()), [self.a.address])
        self.redis.edit("apps", "HSET", self.b.address, '{"weight": "heavy"}')
        wait_until(lambda: "/weight is not what can stand there" in instances[0].errors(), what="the word about it")
        self.assertTrue(self.serves(instances[0], {b"a"}))
        self.redis.edit("apps", "HDEL", self.a.address)
        self.wait_all(instances, set())

    def test_without_the_server_they_serve_on_and_later_their_edits_come_together(self):
        instances = self.instances()
        self.edit(instances[0], "add", self.a.address)
        self.wait_all(instances, {b"a"})
        self.assertTrue(self.status(instances[0])["is_up"])
        self.redis.kill()
        for rsp in instances:
            wait_until(lambda rsp=rsp: "is away" in rsp.errors(), what="the word about it")
        self.assertFalse(self.status(instances[0])["is_up"])
        self.assertIn("rsp_cluster_up 0\n", rspctl(instances[0], "metrics")[1])
        self.wait_all(instances, {b"a"})
        self.edit(instances[1], "add", self.b.address)
        self.edit(instances[2], "remove", self.a.address)
        self.assertTrue(self.serves(instances[2], set()))
        self.redis.start()  # with nothing in it
        self.wait_all(instances, {b"b"})
        wait_until(lambda: list(self.members()) == [self.b.address], what="the hash made anew")

    def test_one_that_joins_takes_what_is_there_and_brings_nothing_back(self):
        first = self.instances(1)[0]
        self.edit(first, "add", self.a.address)
        late = self.instances(1)[0]
        self.wait_all([late], {b"a"})
        self.edit(first, "add", self.b.address)
        self.edit(first, "remove", self.a.address)
        self.wait_all([first, late], {b"b"})

    def test_an_edit_before_the_server_was_ever_seen_is_not_lost(self):
        first = self.instances(1)[0]
        self.edit(first, "add", self.a.address)
        wait_until(lambda: list(self.members()) == [self.a.address], what="the hash with it")
        self.redis.signal(signal.SIGSTOP)
        late = self.instances(1)[0]
        self.edit(late, "add", self.b.address)
        self.redis.signal(signal.SIGCONT)
        self.wait_all([first, late], {b"a", b"b"})

    def test_a_server_that_hangs_counts_as_away(self):
        rsp = self.instances(1)[0]
        self.edit(rsp, "add", self.a.address)
        self.redis.signal(signal.SIGSTOP)
        self.edit(rsp, "add", self.b.address)
        wait_until(lambda: "does not answer in time" in rsp.errors(), what="the word about it")
        self.assertTrue(self.serves(rsp, {b"a", b"b"}))
        self.redis.signal(signal.SIGCONT)
        wait_until(lambda: len(self.members()) == 2, 20, what="both in the hash")

    def test_a_server_with_older_data_gets_what_is_known(self):
        instances = self.instances(2)
        self.edit(instances[0], "add", self.a.address)
        self.edit(instances[0], "add", self.b.address)
        self.edit(instances[0], "remove", self.a.address)
        self.wait_all(instances, {b"b"})
        # as after a restore: a is back, and the revision is one that was long ago
        self.redis.ask("HSET", "rsp:pool:apps", self.a.address, "{}")
        self.redis.ask("HDEL", "rsp:pool:apps", self.b.address)
        self.redis.ask("SET", "rsp:revision:apps", "1")
        self.redis.ask("PUBLISH", "rsp:changes", "1 apps")
        wait_until(lambda: list(self.members()) == [self.b.address], what="the hash as it was")
        self.wait_all(instances, {b"b"})
        self.assertGreater(int(self.redis.ask("GET", "rsp:revision:apps")), 3)

    def test_a_member_that_nobody_renews_goes(self):
        instances = self.instances(2)
        self.edit(instances[0], "add", self.b.address)
        self.redis.edit("apps", "HSET", self.a.address, '{"until": 1}')
        now = int(self.redis.ask("TIME").split("\n")[0])
        self.wait_all(instances, {b"b"})
        self.redis.edit("apps", "HSET", self.a.address, f'{{"until": {now + 2}}}')
        self.wait_all(instances, {b"a", b"b"})
        self.wait_all(instances, {b"b"})

    def test_wishes_for_members_of_the_file_are_shared_too(self):
        instances = self.instances(2, f'"{self.a.address}", "{self.b.address}", live = true')
        self.wait_all(instances, {b"a", b"b"})
        self.edit(instances[0], "drain", self.a.address)
        self.wait_all(instances, {b"b"})
        self.edit(instances[1], "ready", self.a.address)
        self.wait_all(instances, {b"a", b"b"})
        self.assertEqual(self.members(), {})

    def test_an_edit_says_nothing_of_what_other_route_files_have(self):
        """Two machines whose files give a member other settings: an edit of one of them changes that one everywhere, and no other."""
        address = self.a.address
        one, two = (self.instances(1, f'{{ "{address}", weight = {weight}, max_connections = 50 }}, live = true')[0] for weight in (2, 7))
        admins = [Admin(rsp.path("admin.sock")) for rsp in (one, two)]
        for admin in admins:
            self.addCleanup(admin.close)

        def wait_for(*wanted):
            keys = ("wish", "weight", "max_connections")
            for admin, row in zip(admins, wanted):
                wait_until(lambda admin=admin, row=row: tuple(admin.pool("apps")["members"][0][k] for k in keys) == row, what=f"{row}")

        self.edit(one, "drain", address)
        wait_for(("drain", 2, 50), ("drain", 7, 50))
        self.edit(two, "set", address, "max_connections=9")
        wait_for(("drain", 2, 9), ("drain", 7, 9))
        self.edit(one, "set", address, "weight=7")
        wait_for(("drain", 7, 9), ("drain", 7, 9))
        self.assertEqual(self.members()[address], {"added": False, "wish": "drain", "weight": 7, "max_connections": 9})
        self.edit(two, "ready", address)
        wait_for(("ready", 7, 9), ("ready", 7, 9))
        self.edit(one, "set", address, "weight=file", "max_connections=file")
        wait_for(("ready", 2, 50), ("ready", 7, 50))
        self.assertEqual(self.members(), {})

    TROUBLES = ("emptied", "slow", "killed", "restarted") * (4 if FULL else 1)

    def begin_trouble(self, kind):
        if kind == "emptied":
            self.redis.ask("FLUSHALL")
        elif kind == "slow":
            self.redis.signal(signal.SIGSTOP)
        else:
            self.redis.kill()
        if kind == "restarted":  # without what it had
            self.redis.start()

    def end_trouble(self, kind):
        if kind == "slow":
            self.redis.signal(signal.SIGCONT)
        elif kind == "killed":
            self.redis.start()

    def test_whatever_happens_to_the_server_all_come_to_the_same_and_serve_on(self):
        instances = self.instances(3, f'"{self.a.address}", live = true')
        admins = [Admin(rsp.path("admin.sock")) for rsp in instances]
        dice, model = random.Random(3), {self.a.address: 0}
        for kind in self.TROUBLES:
            self.begin_trouble(kind)
            for number, (rsp, admin) in enumerate(zip(instances, admins)):
                for _ in range(6):  # each has members of its own, so the end is certain
                    self.edit_at_random(admin, dice, model, [f"127.0.{number + 1}.{n}:1" for n in range(1, 5)])
                self.assertTrue(self.serves(rsp, {b"a"}), kind)
            self.end_trouble(kind)
            for admin in admins:
                wait_until(lambda admin=admin: self.table(admin) == model, 30, f"all edits at every instance ({kind})")
        shared = {address: share["max_connections"] for address, share in self.members().items()}
        self.assertEqual(dict(shared, **{self.a.address: 0}), model)
        for admin in admins:
            admin.close()

    @staticmethod
    def table(admin):
        """address: max_connections, of all that are not removed."""
        return {m["address"]: m["max_connections"] for m in admin.pool("apps")["members"] if m["wish"] != "removed"}

    def edit_at_random(self, admin, dice, model, addresses):
        """They take no requests (weight 0): nobody listens there."""
        address, most = dice.choice(addresses), dice.randint(1, 99)
        removes = address in model and dice.random() < 0.5
        edit = ("remove", address) if removes else ("put", address, {"weight": 0, "max_connections": most})
        self.assertEqual(admin.edit("apps", edit).status, 200)
        model.pop(address, None)
        if not removes:
            model[address] = most

    def test_a_wish_for_a_member_that_one_does_not_have_is_not_undone_by_it(self):
        with_both = self.instances(1, f'"{self.a.address}", "{self.b.address}", live = true')[0]
        with_one = self.instances(1, f'"{self.b.address}", live = true')[0]
        self.edit(with_both, "drain", self.a.address)
        wait_until(lambda: self.a.address in self.members(), what="the wish in the hash")
        for weight in (2, 3):  # each time it looks at all of the hash
            self.edit(with_one, "set", self.b.address, f"weight={weight}")
            wait_until(lambda weight=weight: self.members().get(self.b.address, {}).get("weight") == weight, what="the weight in the hash")
        self.assertIn(self.a.address, self.members())
        self.wait_all([with_both], {b"b"})

    def test_a_whole_large_list_is_replaced_in_one_edit(self):
        rsp = self.instances(1)[0]
        for second in (0, 1):
            path = rsp.path("members")
            with open(path, "w", encoding="ascii") as f:
                f.writelines(f"10.{second}.{i // 250}.{i % 250}:80\n" for i in range(10100))
            self.edit(rsp, "replace", path)
            wait_until(lambda second=second: int(self.redis.ask("HEXISTS", "rsp:pool:apps", f"10.{second}.40.99:80")), 60, what="the last member in the hash")
        self.assertEqual(self.redis.ask("HLEN", "rsp:pool:apps"), "10100")
        self.assertNotIn("control (pid", rsp.errors())

    def lists(self, *urls):
        """A list as hipache has it: a name for people, then URLs."""
        self.redis.ask("DEL", "frontend:www.example.com")
        self.redis.ask("RPUSH", "frontend:www.example.com", "mywebsite", *urls)

    def test_a_list_of_hipache_is_followed_and_edits_stay(self):
        self.lists(f"http://{self.a.address}/")
        rsp = self.instances(1, 'live = true, hipache = "www.example.com"')[0]
        self.wait_all([rsp], {b"a"})
        self.lists(f"http://{self.a.address}", f"http://{self.b.address}", f"http://{self.b.address}", "http://?")
        self.wait_all([rsp], {b"a", b"b"})
        self.assertEqual({m["address"]: m["weight"] for m in json.loads(rspctl(rsp, "--json", "pool", "apps")[1])["members"]},
                         {self.a.address: 1, self.b.address: 2})
        self.assertIn("a member was left out", rsp.errors())
        self.edit(rsp, "drain", self.a.address)
        self.lists(f"http://{self.a.address}", f"http://{self.b.address}")
        self.wait_all([rsp], {b"b"})
        self.edit(rsp, "ready", self.a.address)
        self.wait_all([rsp], {b"a", b"b"})
        self.lists(f"http://{self.b.address}")
        self.wait_all([rsp], {b"b"})
        self.redis.ask("DEL", "frontend:www.example.com")
        wait_until(lambda: "there is no list frontend:www.example.com" in rsp.errors(), what="the word about it")
        self.assertTrue(self.serves(rsp, {b"b"}))


if __name__ == "__main__":
    main()
