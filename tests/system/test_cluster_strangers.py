#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What stands where the Redis server of a cluster should be is none, or lies: control goes on, the members stay, and the log says what is wrong."""

import time

from admin import Admin
from harness import SystemTest, main, wait_until
from redis_stranger import Stranger, array, bulk, pool

ONE = "127.0.9.1:1"
MEMBER = [b"127.0.9.2:1", b'{"added": true}']
STRANGE = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n", "a status": b"+HELLO\r\n", "an integer": b":7\r\n", "a null": b"$-1\r\n", "a text": bulk(b"x"),
    "a null array": b"*-1\r\n", "an empty array": b"*0\r\n", "nulls": array(*[b"$-1\r\n"] * 6), "integers": array(*[b":1\r\n"] * 6),
    "texts": array(*[bulk(b"1")] * 6), "arrays": array(*[array()] * 6), "half a pair": pool([b"a"]),
    "a pair that is none": array(bulk(b"1"), array(b":1\r\n", b":2\r\n"), bulk(b"7"), bulk(b""), b":0\r\n", array()),
    "a member twice": pool(MEMBER + MEMBER), "too deep": b"*1\r\n" * 20 + b":1\r\n", "endless": b"*1000000000\r\n", "wide": b"*200000\r\n" * 9,
    "negative": b"$-7\r\n", "no length": b"*x\r\n",
}
SOME = {name: STRANGE[name] for name in ("http", "an integer", "a null", "arrays", "half a pair", "endless")}


class Strangers(SystemTest):
    def setUp(self):
        super().setUp()
        self.stranger = Stranger()
        self.addCleanup(self.stranger.stop)
        self.turn = 0
        self.one = self.rsp(self.routes())
        self.admin = Admin(self.one.path("admin.sock"))
        self.addCleanup(self.admin.close)
        self.control = self.control_pid()

    def routes(self, settings=""):
        """Another prefix each time: a connection that is new at once."""
        self.turn += 1
        return (f'cluster {{ redis = "unix:{self.stranger.socket}", prefix = "p{self.turn}:" }}\n'
                f'site "*" {{ to = pool "apps" {{ "{ONE}", live = true, {settings} }} }}')

    def control_pid(self):
        return self.admin.ask("GET", "/v1/status").json["control"]["pid"]

    def meet(self, says, settings=""):
        """The reload that brings it to this server."""
        self.stranger.says = says
        self.one.write_routes(self.routes(settings))
        self.assertEqual(self.one.reload()[0], 0)

    def lie(self, step, lies, settings=""):
        for name, says in lies.items():
            with self.subTest(step=step, says=name):
                self.stranger.ended.clear()
                self.meet({step: says}, settings)
                if step == b"WRITE":
                    self.admin.edit("apps", ("set", ONE, {"weight": self.turn}))
                wait_until(lambda: step in self.stranger.ended, 15, f"the connection's end after {name}")
                self.assertEqual(self.control_pid(), self.control)
                self.assertIn(ONE, self.admin.members("apps"))

    def test_what_is_no_answer_to_reading_a_pool_is_not_believed(self):
        self.lie(b"READ", STRANGE)
        self.assertEqual(list(self.admin.members("apps")), [ONE])
        self.assertIn("it is no Redis server", self.one.errors())

    def test_what_is_no_answer_to_writing_a_pool_is_not_believed(self):
        self.lie(b"WRITE", SOME)
        self.assertIn("it is no Redis server", self.one.errors())

    def test_what_is_no_list_of_hipache_is_not_believed(self):
        self.lie(b"LRANGE", SOME, settings='hipache = "a.example"')
        self.assertEqual(list(self.admin.members("apps")), [ONE])

    def test_a_server_where_others_are_always_quicker_is_not_asked_in_a_storm(self):
        self.meet({b"WRITE": b":0\r\n"})
        self.admin.edit("apps", ("set", ONE, {"weight": 5}))
        wait_until(lambda: self.stranger.asked.count(b"WRITE") >= 20, 15, "twenty tries")
        before, began = len(self.stranger.asked), time.monotonic()
        time.sleep(2)
        asked = len(self.stranger.asked) - before
        print(f"{asked} commands in {time.monotonic() - began:.1f} s", flush=True)
        self.assertLess(asked, 60)
        self.assertEqual(self.control_pid(), self.control)

    def test_more_members_than_a_pool_may_have_are_left_out(self):
        rows = [word for n in range(20000) for word in (b"127.1.%d.%d:1" % (n // 250, n % 250), MEMBER[1])]
        self.meet({b"READ": pool(rows)})
        wait_until(lambda: "a pool has at most" in self.one.errors(), 60, "the word about those beyond")
        self.assertIn(ONE, self.admin.members("apps"))
        self.assertEqual(self.control_pid(), self.control)


if __name__ == "__main__":
    main()
