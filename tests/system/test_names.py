#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Names that stand for several members follow what their name server says, by TTL, and outlive its failures."""

import os
import signal

from backends import answer, respond
from dns import SERVER_FAILED, NameServer
from harness import SystemTest, main, wait_until
from wire import get


class Names(SystemTest):
    def setUp(self):
        self.dns = NameServer()
        self.addCleanup(self.dns.stop)

    def backends(self, count):
        """On different addresses, the same port; each says which it is."""
        first = self.backend(respond(lambda _: answer(200, b"127.0.0.1")))
        made = [first]
        for i in range(2, count + 1):
            host = f"127.0.0.{i}"
            made.append(self.backend(respond(lambda _, host=host: answer(200, host.encode())), host=host, port=first.port))
        return first.port

    def start(self, pool, **options):
        return self.rsp(f'resolver = "{self.dns.address}"\nsite "*" {{ to = pool "web" {{ {pool} }} }}', **options)

    def seen(self, rsp, times=12):
        return {get(rsp.http).body.decode() for _ in range(times)}

    def wait_for(self, rsp, wanted):
        wait_until(lambda: self.seen(rsp) == set(wanted), 20, f"{wanted}\n{rsp.errors()[-1500:]}")

    def test_each_address_is_a_member_and_changes_follow_the_ttl(self):
        port = self.backends(3)
        self.dns.records["app.internal"] = ["127.0.0.1", "127.0.0.2"]
        rsp = self.start(f'{{ "app.internal:{port}", resolve = "each" }}', workers=2)
        self.wait_for(rsp, ("127.0.0.1", "127.0.0.2"))
        self.dns.records["app.internal"] = ["127.0.0.2", "127.0.0.3"]
        self.wait_for(rsp, ("127.0.0.2", "127.0.0.3"))
        self.assertIn(f"127.0.0.1:{port} is gone: app.internal:{port} does not name it any more", rsp.errors())
        # a server that fails says nothing of the members
        self.dns.fails = SERVER_FAILED
        asked = len(self.dns.questions)
        wait_until(lambda: len(self.dns.questions) > asked + 4, 20, "questions")
        self.assertEqual(self.seen(rsp), {"127.0.0.2", "127.0.0.3"})
        self.assertIn("the members that it had stay", rsp.errors())
        self.dns.fails = None
        # nor does a name that is not there any more, for a while
        del self.dns.records["app.internal"]
        asked = len(self.dns.questions)
        wait_until(lambda: len(self.dns.questions) > asked + 2, 20, "questions")
        self.assertEqual(self.seen(rsp), {"127.0.0.2", "127.0.0.3"})

    def test_a_reload_and_a_new_control_keep_the_members(self):
        port = self.backends(2)
        self.dns.records["app.internal"] = ["127.0.0.1", "127.0.0.2"]
        pool = f'{{ "app.internal:{port}", resolve = "each" }}'
        rsp = self.start(pool)
        self.wait_for(rsp, ("127.0.0.1", "127.0.0.2"))
        self.dns.fails = "silent"
        self.assertEqual(rsp.reload()[0], 0)
        self.assertEqual(self.seen(rsp), {"127.0.0.1", "127.0.0.2"})
        control = rsp.children("control")[0]
        os.kill(control, signal.SIGKILL)
        wait_until(lambda: rsp.children("control") not in ([], [control]), 20, "another control")
        self.assertEqual(self.seen(rsp), {"127.0.0.1", "127.0.0.2"})
        self.dns.fails = None
        self.dns.records["app.internal"] = ["127.0.0.2"]
        self.wait_for(rsp, ("127.0.0.2",))
        # one member again
        rsp.write_routes(f'resolver = "{self.dns.address}"\nsite "*" {{ to = pool "web" {{ "app.internal:{port}" }} }}')
        self.dns.records["app.internal"] = ["127.0.0.1"]
        self.assertEqual(rsp.reload()[0], 0)
        self.wait_for(rsp, ("127.0.0.1",))

    def test_until_it_is_found_a_name_is_a_member_that_does_not_resolve(self):
        port = self.backends(1)
        rsp = self.start(f'{{ "app.internal:{port}", resolve = "each" }}')
        self.assertEqual(get(rsp.http).status, 502)
        self.assertIn("reason=NO_NAME", rsp.wait_for_lines(1)[0])
        self.dns.records["app.internal"] = ["127.0.0.1"]
        wait_until(lambda: get(rsp.http).status == 200, 20, "found")
        wait_until(lambda: f"127.0.0.1:{port} is a member: app.internal:{port} names it" in rsp.errors(), 20, "said")

    def test_services_have_priorities_weights_and_ports(self):
        port = self.backends(3)
        for i in (1, 2, 3):
            self.dns.records[f"host{i}.internal"] = [f"127.0.0.{i}"]
        self.dns.records["_http._tcp.app.internal"] = [
            (10, 30, port, "host1.internal"), (10, 10, port, "host2.internal"), (20, 1, port, "host3.internal")]
        rsp = self.start('{ srv = "_http._tcp.app.internal" }')
        self.wait_for(rsp, ("127.0.0.1", "127.0.0.2"))
        bodies = [get(rsp.http).body for _ in range(40)]
        self.assertEqual((bodies.count(b"127.0.0.1"), bodies.count(b"127.0.0.2")), (30, 10))
        self.dns.records["_http._tcp.app.internal"] = [(20, 1, port, "host3.internal")]
        self.wait_for(rsp, ("127.0.0.3",))

    def test_members_that_come_by_name_are_checked_as_all_are(self):
        port = self.backends(2)
        self.dns.records["app.internal"] = ["127.0.0.1", "127.0.0.9"]  # nobody is there
        rsp = self.start(f'{{ "app.internal:{port}", resolve = "each" }}, health = {{ tcp = true, every = "100ms" }}')
        wait_until(lambda: f"127.0.0.9:{port} is down after 1 failed check" in rsp.errors(), 20, "down")
        self.assertEqual(self.seen(rsp), {"127.0.0.1"})


if __name__ == "__main__":
    main()
