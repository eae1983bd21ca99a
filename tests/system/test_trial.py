#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Reloads on trial: they go back by themselves unless somebody confirms them."""

import json

from admin import rspctl
from harness import SystemTest, can_connect, free_port, main, wait_until
from wire import Client, get, request


def says(word):
    return f'site "*" {{ respond = {{ 200, "{word}" }} }}'


class Trials(SystemTest):
    def reload(self, rsp, routes, *words):
        rsp.write_routes(routes)
        code, out, err = rspctl(rsp, "reload", *words)
        self.assertEqual(code, 0, err)
        return out

    def body(self, rsp):
        return get(rsp.http).body.decode()

    def test_a_trial_of_no_time_is_refused(self):
        rsp = self.rsp(says("old"))
        code, _, err = rspctl(rsp, "reload", "--confirm", "0s")
        self.assertEqual((code, "more than none" in err), (2, True), err)

    def test_what_nobody_confirms_goes_back_although_the_file_is_still_the_new_one(self):
        rsp = self.rsp(says("old"), workers=2)
        out = self.reload(rsp, says("new"), "--confirm", "1s")
        self.assertIn("rspctl confirm", out)
        self.assertEqual(self.body(rsp), "new")
        wait_until(lambda: self.body(rsp) == "old", 20, "the old answers")
        self.assertIn("nobody has confirmed it in time", rsp.errors())
        self.assertEqual(self.reload(rsp, says("newer")).splitlines(), ["reloaded"])  # and the next one is a reload like any other
        self.assertEqual(self.body(rsp), "newer")

    def test_what_is_confirmed_stays(self):
        rsp = self.rsp(says("old"))
        self.reload(rsp, says("new"), "--confirm", "2s")
        self.assertEqual(rspctl(rsp, "confirm")[0], 0)
        code, _, err = rspctl(rsp, "confirm")
        self.assertEqual((code, "no reload waits" in err), (1, True))
        with self.assertRaises(AssertionError):
            wait_until(lambda: self.body(rsp) != "new", 3, "going back")

    def test_another_reload_has_to_wait_for_the_end_of_the_trial(self):
        rsp = self.rsp(says("old"))
        self.reload(rsp, says("new"), "--confirm", "60s")
        rsp.write_routes(says("newer"))
        code, _, err = rspctl(rsp, "reload")
        self.assertEqual((code, "is on trial" in err), (1, True), err)
        self.assertEqual(self.body(rsp), "new")
        self.assertEqual(rspctl(rsp, "confirm")[0], 0)
        self.assertEqual(rspctl(rsp, "reload")[0], 0)
        self.assertEqual(self.body(rsp), "newer")

    def test_it_goes_back_at_once_when_requests_begin_to_fail(self):
        rsp = self.rsp(says("good"))
        for _ in range(20):
            self.assertEqual(self.body(rsp), "good")
        self.reload(rsp, f'site "*" {{ to = "127.0.0.1:{free_port()}" }}', "--confirm", "600s")
        for _ in range(20):
            self.assertEqual(get(rsp.http).status, 502)
        wait_until(lambda: get(rsp.http).status == 200, 20, "good answers")
        self.assertIn("far more requests fail than before", rsp.errors())

    def test_members_are_again_what_they_were_with_the_edits_of_the_trial(self):
        old = 'pool "apps" { "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", live = true } site "*" { to = pool "apps" }'
        for admin in (None, 'state = "state/state.json"'):
            with self.subTest(admin=admin):
                rsp = self.rsp(old, admin=admin)
                edit = lambda *words: self.assertEqual(rspctl(rsp, "pool", "apps", *words)[0], 0)
                edit("remove", "127.0.0.1:1")
                edit("drain", "127.0.0.1:2")
                edit("add", "127.0.0.1:4", "weight=7")
                self.reload(rsp, 'pool "apps" { "127.0.0.1:3", live = true } site "*" { to = pool "apps" }', "--confirm", "2s")
                edit("add", "127.0.0.1:5")
                edit("remove", "127.0.0.1:4")
                edit("set", "127.0.0.1:3", "weight=9")
                wait_until(lambda: "goes back" in rsp.errors() and "generation 3 is in use" in rsp.errors(), 20, "going back")
                members = json.loads(rspctl(rsp, "--json", "pool", "apps")[1])["members"]
                self.assertEqual({m["address"]: (m["wish"], m["weight"]) for m in members},
                                 {"127.0.0.1:1": ("removed", 1), "127.0.0.1:2": ("drain", 1), "127.0.0.1:3": ("ready", 9), "127.0.0.1:5": ("ready", 1)})

    def test_listeners_that_went_come_back_and_those_that_came_go(self):
        rsp = self.rsp(says("old"))
        before, rsp.http = rsp.http, free_port()
        self.reload(rsp, says("new"), "--confirm", "1s")
        with Client(rsp.http) as client:
            self.assertEqual(client.ask(request()).body, b"new")
        wait_until(lambda: not can_connect(rsp.http), 20, "the end of the new listener")
        self.assertEqual(get(before).body, b"old")
        rsp.http = before


if __name__ == "__main__":
    main()
