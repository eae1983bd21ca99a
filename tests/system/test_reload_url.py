#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""An app's Host and the domain in its reload path reach the same backend, whatever the spelling; what only looks like it does not."""

import contextlib

from admin import Admin
from backends import answer, respond
from harness import SystemTest, main
from wire import Client, get, request

CONTROL_HOST = "www.pythonanywhere.example"
ROUTES = """
local apps = pool "apps" {{ {members}, balance = "hash", key = "{{host}}" }}
site "www.pythonanywhere.example" {{
  paths = {{
    ["/user/*/webapps/{{domain}}/reload"] = {{ to = apps, key = "{{domain}}" }},
    ["/*"]                              = {{ to = apps }},
  }},
}}
site "*" {{ to = apps }}
"""


def named(name):
    """A backend that answers with its name."""
    return respond(lambda _: answer(200, name.encode()))


def routes(members):
    return ROUTES.format(members=", ".join(f'"{m}"' for m in members))


class ReloadUrl(SystemTest):
    def start(self, count):
        backends = [self.backend(named(str(i))) for i in range(count)]
        return self.rsp(routes(b.address for b in backends))

    def of_app(self, rsp, host):
        return get(rsp.http, host=host).body

    def of_path(self, rsp, path, host=CONTROL_HOST, method="POST"):
        return get(rsp.http, path, host=host, method=method)

    def test_any_spelling_reaches_the_backend_of_the_app(self):
        for count in (1, 2, 3, 7, 16, 64):
            rsp = self.start(count)
            for app in ("ironhand.example", "alice.example.org", "xn--bcher-kva.example"):
                expected = self.of_app(rsp, app)
                for spelling in (app, app.upper(), app + ".", app.replace(".", "%2E"), app.title(), app.replace("e", "%65")):
                    with self.subTest(count=count, spelling=spelling):
                        reply = self.of_path(rsp, f"/user/Alice/webapps/{spelling}/reload")
                        self.assertEqual((reply.status, reply.body), (200, expected))
                for host in (app.upper(), app + ".", app + ":8000", app + ":80"):
                    self.assertEqual(self.of_app(rsp, host), expected)

    def test_near_misses_take_the_normal_way(self):
        rsp = self.start(16)
        normal = self.of_path(rsp, "/").body
        app = next(a for a in (f"app{i}.example" for i in range(100)) if self.of_app(rsp, a) != normal)
        for path in (f"/user/a/webapps/{app}/reload/x", f"/user/a/webapps/{app}/reload/", f"/user/a/b/webapps/{app}/reload",
                     f"/user/webapps/{app}/reload", f"/users/a/webapps/{app}/reload", f"/user/a/webapps/{app}/Reload"):
            with self.subTest(path):
                self.assertEqual(self.of_path(rsp, path).body, normal)
        other = self.of_path(rsp, f"/user/a/webapps/{app}/reload", host="other.example").body
        self.assertEqual(other, self.of_app(rsp, "other.example"))

    def test_a_domain_that_is_no_host_name_is_refused(self):
        rsp = self.start(4)
        for domain in ("a%00b", "a%2Fb", "a%20b", "%", "a..b", "x" * 300):
            with self.subTest(domain):
                self.assertEqual(self.of_path(rsp, f"/user/a/webapps/{domain}/reload").status, 400)


class EveryWayIn(SystemTest):
    """Host, SNI, path, Lua and the admin API, at each version of a pool that is edited."""

    PLAIN, SECURE = "app.example", "secure.example"  # the one has no certificate, so it is not redirected
    LUA = 'site "lua.example" { route = function(req) return apps:by(req.path:sub(2)) end }\n'

    def test_all_meet_on_one_backend_while_members_come_go_and_drain(self):
        backends = [self.backend(named(str(i))) for i in range(5)]
        self.names = {b.address: str(i).encode() for i, b in enumerate(backends)}
        at = [b.address for b in backends]
        text = ROUTES.format(members=", ".join(f'"{a}"' for a in at[:3]) + ", live = true, bound = 1.25") + self.LUA
        rsp = self.rsp(text, tls=True, certs=("localhost", self.SECURE), workers=2)
        with contextlib.closing(Admin(rsp.path("admin.sock"))) as admin:
            seen = self.check(rsp, admin)
            for edit in ((("add", at[3]), ("set", at[1], {"weight": 3})), (("drain", at[0]), ("maint", at[1])),
                         (("ready", at[0]), ("remove", at[2])), (("remove", at[3]), ("remove", at[0]), ("add", at[4]))):
                self.assertEqual(admin.edit("apps", *edit).status, 200)
                seen |= self.check(rsp, admin)
            self.assertGreater(len(seen), 2)

    def check(self, rsp, admin):
        seen = set()
        for app in (self.PLAIN, self.SECURE):
            expected = self.names[admin.backend_for(f"http://{app}/")]
            reload = f"/user/a/webapps/{app.title()}./reload"
            hosts = (app.upper(), app + ".:443")
            answers = [self.of_app(rsp, app, host) for host in hosts]
            answers += [get(rsp.http, reload, host=CONTROL_HOST, method="POST"), get(rsp.http, "/" + app.upper(), host="lua.example"),
                        get(rsp.https, reload, tls="localhost", host=CONTROL_HOST, method="POST")]
            self.assertEqual([(a.status, a.body) for a in answers], [(200, expected)] * len(answers), app)
            seen.add(expected)
        return seen

    def of_app(self, rsp, app, host):
        return get(rsp.https, tls=app, host=host) if app == self.SECURE else get(rsp.http, host=host)


class Moves(SystemTest):
    """How many of 10,000 hosts move when a backend comes or goes."""

    HOSTS, AT_ONCE = 10_000, 100

    def chosen(self, rsp):
        """The backend that each host reaches."""
        out = []
        with Client(rsp.http) as client:
            for first in range(0, self.HOSTS, self.AT_ONCE):
                client.send(b"".join(request(host=f"host{i}.example") for i in range(first, first + self.AT_ONCE)))
                out += [client.read_answer().body for _ in range(self.AT_ONCE)]
                if out[-1] == b"":
                    self.fail("an empty answer")
        return out

    def reload_with(self, rsp, members):
        rsp.write_routes(routes(b.address for b in members))
        status, out = rsp.reload()
        self.assertEqual(status, 0, out)
        return self.chosen(rsp)

    def test_one_backend_more_takes_its_share_and_one_less_only_its_own(self):
        backends = [self.backend(named(str(i))) for i in range(9)]
        rsp = self.rsp(routes(b.address for b in backends[:8]), build="release")
        before = self.chosen(rsp)
        more = self.reload_with(rsp, backends)
        moved = [b for a, b in zip(before, more) if a != b]
        self.assertEqual(set(moved), {b"8"}, "a host moved between backends that were there before")
        self.assertLess(len(moved) / self.HOSTS, 1 / 9 + 0.02)
        less = self.reload_with(rsp, backends[:7])
        self.assertEqual({a for a, b in zip(before, less) if a != b}, {b"7"})


if __name__ == "__main__":
    main()
