#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Live pools: edits under load, what survives which death, and clients of the admin API that are clumsy or mean no good."""

import contextlib
import http.client
import json
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import threading
import time
import unittest

from admin import Admin, Fleet, member_path, rspctl
from harness import FULL, ROOT, SystemTest, free_port, main, program, require, wait_until
import procfs
from load import read_wrk
from wire import Client, get, request

HASH = 'pool "apps" {{ {members}, live = true, balance = "hash", key = "{{host}}" }}\nsite "*" {{ to = pool "apps" }}'


def hash_pool(*members):
    return HASH.format(members=", ".join(f'"{m}"' for m in members))


class PoolTest(SystemTest):
    def pools(self, routes, **options):
        """An rsp with a state file, and who asks it."""
        settings = ['state = "state/state.json"'] + ([options.pop("admin")] if "admin" in options else [])
        rsp = self.rsp(routes, admin=", ".join(settings), **options)
        admin = Admin(rsp.path("admin.sock"))
        self.addCleanup(admin.close)
        return rsp, admin

    def fleet(self, count):
        require(self, os.path.exists("/usr/sbin/nginx"), "nginx")
        fleet = Fleet(count)
        self.addCleanup(fleet.stop)
        return fleet.addresses


class Edits(PoolTest):
    def test_each_verb_of_rspctl_does_what_it_says(self):
        a, b, c = self.fleet(3)
        rsp, admin = self.pools(hash_pool(a))

        def served():
            return {get(rsp.http, host=f"site{i}.example").body.decode() for i in range(40)}

        self.assertEqual(served(), {a})
        self.assertEqual(rspctl(rsp, "pool", "apps", "add", b, c, "weight=2")[0], 0)
        self.assertEqual(served(), {a, b, c})
        self.assertEqual(rspctl(rsp, "pool", "apps", "drain", a, "--wait")[0], 0)
        self.assertEqual(served(), {b, c})
        self.assertEqual(rspctl(rsp, "pool", "apps", "ready", a)[0], 0)
        self.assertEqual(rspctl(rsp, "pool", "apps", "maint", b)[0], 0)
        self.assertEqual(served(), {a, c})
        self.assertEqual(rspctl(rsp, "pool", "apps", "set", c, "weight=0")[0], 0)
        self.assertEqual(served(), {a})
        self.assertEqual(rspctl(rsp, "pool", "apps", "remove", b, "--wait")[0], 0)
        self.assertEqual(admin.members("apps"), {a: ("ready", 1, "file"), c: ("ready", 0, "api")})
        code, out, _ = rspctl(rsp, "pool", "apps")
        self.assertRegex(out, rf"{re.escape(c)} +api +ready .* 0/- ")
        self.assertEqual(code, 0)
        with open(rsp.path("members"), "w", encoding="ascii") as f:
            f.write(f"# the new ones\n{b}\n{c} weight=3\n")
        self.assertEqual(rspctl(rsp, "pool", "apps", "replace", rsp.path("members"))[0], 0)
        self.assertEqual(served(), {b, c})
        code, out, _ = rspctl(rsp, "diff")
        self.assertEqual(code, 1)
        self.assertEqual(sorted(out.splitlines()), sorted([f"apps: - {a}", f"apps: + {b} weight=1", f"apps: + {c} weight=3"]))

    def test_every_verb_gives_json_when_asked_for_it(self):
        rsp, _ = self.pools(hash_pool("a:1"))
        for words in (("pools",), ("pool", "apps"), ("pool", "apps", "add", "b:1"), ("pool", "apps", "drain", "b:1", "--wait"),
                      ("pool", "apps", "pause", "a.example", "--for", "1s"), ("pool", "apps", "pauses"), ("pool", "apps", "resume", "a.example"),
                      ("diff",), ("save",), ("explain", "http://a.example/"), ("reload",), ("reload", "--confirm", "30s"), ("confirm",),
                      ("status",), ("metrics",), ("requests",), ("top", "1")):
            code, out, errors = rspctl(rsp, "--json", *words)
            self.assertEqual((code, errors), (1 if words == ("diff",) else 0, ""), words)
            self.assertTrue(json.loads(out), words)
        self.assertIn("live = true", json.loads(rspctl(rsp, "--json", "save")[1])["lua"])
        self.assertEqual(json.loads(rspctl(rsp, "--json", "metrics")[1])["rsp_workers"], 1)
        self.assertIn("backend ", json.loads(rspctl(rsp, "--json", "explain", "http://a.example/")[1])["text"])
        rsp.write_routes("site 3")
        code, out, errors = rspctl(rsp, "--json", "reload")
        self.assertEqual((code, errors), (1, ""))
        self.assertEqual((json.loads(out)["ok"], len(json.loads(out)["errors"]) > 0), (False, True))

    def test_a_word_that_is_missing_or_empty_is_said(self):
        rsp, _ = self.pools(hash_pool("a:1"))
        for words, said in ((("pool", ""), "needs the name of a pool"), (("pool", "apps", "pause", ""), "needs one KEY"),
                            (("pool", "apps", "pause"), "needs one KEY"), (("pool", "apps", "resume", "a", "b"), "needs one KEY"),
                            (("pool", "apps", "pauses", "x"), "takes no words"), (("kill", ""), "needs the ID"),
                            (("pool", "apps", "pause", "a.example", "--for", "0"), "more than none"),
                            (("pool", "apps", "pause", "a.example", "--for", "2h"), "from 0 to 3600")):
            code, out, errors = rspctl(rsp, *words)
            self.assertEqual((code in (1, 2), out, said in errors), (True, "", True), (words, errors))

    def test_what_is_refused_says_why_with_its_exit_status(self):
        rsp, _ = self.pools(hash_pool("127.0.0.1:1") + '\npool "fixed" { "127.0.0.1:2" }')
        for words, status, said in ((("add", "127.0.0.1:1"), 1, "is a member already"),
                                    (("remove", "127.0.0.1:9"), 1, "is no member"),
                                    (("add", "nonsense"), 1, "is no address"),
                                    (("set", "127.0.0.1:1", "weight=1001"), 1, "from 0 to 1000"),
                                    (("set", "127.0.0.1:1", "wait=1"), 1, "unknown key"),
                                    (("drain", "127.0.0.1:1", "weight=2"), 2, "drain: takes no settings"),
                                    (("ready", "127.0.0.1:1", "--wait"), 2, "nothing to wait for"),
                                    (("drain",), 2, "needs an address"),
                                    (("replace",), 2, "needs one FILE"),
                                    (("drain", "127.0.0.1:1", "--wait", "--timeout", "5"), 2, "needs a time"),
                                    (("frobnicate", "127.0.0.1:1"), 2, "no such verb")):
            code, _, err = rspctl(rsp, "pool", "apps", *words)
            self.assertEqual((code, said in err), (status, True), err)
        code, _, err = rspctl(rsp, "pool", "fixed", "add", "127.0.0.1:3")
        self.assertEqual((code, "live = true" in err), (1, True), err)
        code, _, err = rspctl(rsp, "pool", "nowhere")
        self.assertEqual((code, "there is no pool" in err), (1, True), err)

    def test_a_list_that_cannot_be_read_or_names_nobody_changes_nothing(self):
        rsp, admin = self.pools(hash_pool("127.0.0.1:1"))
        with open(rsp.path("nobody"), "w", encoding="ascii") as f:
            f.write("# all gone\n\n")
        with open(rsp.path("long"), "w", encoding="ascii") as f:
            f.write("127.0.0.1:1 # " + "x" * 5000 + " 127.0.0.1:2\n127.0.0.1:3\n")
        for path, said in ((rsp.folder, "cannot be read"), (rsp.path("nobody"), "no member in it"), (rsp.path("none"), "No such file")):
            code, _, err = rspctl(rsp, "pool", "apps", "replace", path)
            self.assertEqual((code, said in err), (2, True), err)
            self.assertEqual(list(admin.members("apps")), ["127.0.0.1:1"])
        self.assertEqual(rspctl(rsp, "pool", "apps", "replace", rsp.path("long"))[0], 0)
        self.assertEqual(sorted(admin.members("apps")), ["127.0.0.1:1", "127.0.0.1:3"])

    def test_what_save_prints_is_a_route_file_without_a_difference(self):
        a, b = "127.0.0.1:1", "127.0.0.1:2"
        rsp, admin = self.pools(hash_pool(a))
        self.assertEqual(admin.edit("apps", ("add", b, {"weight": 4}), ("set", a, {"weight": 3})).status, 200)
        code, lua, _ = rspctl(rsp, "save")
        self.assertEqual(code, 0)
        rsp.write_routes(lua + 'site "*" { to = pool "apps" }')
        self.assertEqual(rsp.reload()[0], 0)
        self.assertEqual(rspctl(rsp, "diff"), (0, "", ""))
        self.assertEqual(admin.members("apps"), {a: ("ready", 3, "file"), b: ("ready", 4, "file")})

    def test_a_plan_says_how_many_keys_move_and_then_as_many_do(self):
        addresses = [f"127.0.0.1:{n}" for n in range(1, 5)]
        rsp, admin = self.pools(hash_pool(*addresses[:3]))
        keys = [f"site{i}.example" for i in range(300)]
        for name, lines in (("keys", keys), ("members", addresses)):
            with open(rsp.path(name), "w", encoding="ascii") as f:
                f.write("\n".join(lines) + "\n")
        code, out, _ = rspctl(rsp, "--json", "pool", "apps", "plan", "replace", rsp.path("members"), "--keys", rsp.path("keys"))
        self.assertEqual(code, 0)
        plan = json.loads(out)
        before = [admin.backend_for(f"http://{key}/") for key in keys]
        self.assertEqual(rspctl(rsp, "pool", "apps", "replace", rsp.path("members"))[0], 0)
        moved = sum(admin.backend_for(f"http://{key}/") != was for key, was in zip(keys, before))
        self.assertEqual(plan["moved"], moved)
        self.assertEqual(plan["to"], {addresses[3]: moved})  # nothing moves but to the new one
        self.assertTrue(300 / 4 * 0.6 < moved < 300 / 4 * 1.4, moved)


    def test_a_plan_of_many_keys_and_members_is_asked_in_pieces(self):
        rsp, _ = self.pools(hash_pool("127.0.0.1:1"))
        for name, lines in (("keys", (f"site{n}.example" for n in range(5000))), ("members", (f"127.1.{n // 250}.{n % 250}:1" for n in range(500)))):
            with open(rsp.path(name), "w", encoding="ascii") as f:
                f.write("\n".join(lines) + "\n")
        code, out, err = rspctl(rsp, "--json", "pool", "apps", "plan", "replace", rsp.path("members"), "--keys", rsp.path("keys"))
        self.assertEqual(code, 0, err)
        plan = json.loads(out)
        self.assertEqual((plan["keys"], plan["moved"], sum(plan["to"].values())), (5000, 5000, 5000))
        self.assertEqual(rspctl(rsp, "pool", "none", "plan", "replace", rsp.path("members"), "--keys", rsp.path("keys"))[0], 1)


class Completion(PoolTest):
    def complete(self, rsp, line):
        script = (f'PATH={os.path.dirname(program("rspctl"))}:$PATH; COMP_WORDBREAKS=" :"; . {ROOT}/conf/completion/rspctl\n'
                  f'COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)} _rspctl; printf "%s\\n" "${{COMPREPLY[@]}}"')
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, cwd=rsp.folder)
        self.assertEqual(done.stderr, "")
        return sorted(done.stdout.split())

    def test_bash_completes_verbs_pools_and_members(self):
        rsp, _ = self.pools(hash_pool("127.0.0.1:11", "127.0.0.1:12", "10.0.0.1:1"))
        self.assertEqual(self.complete(rsp, "rspctl po"), ["pool", "pools"])
        start = f"rspctl -s {rsp.path('admin.sock')} pool "
        self.assertEqual(self.complete(rsp, start), ["apps"])
        self.assertEqual(self.complete(rsp, start + "apps re"), ["ready", "remove", "replace", "resume"])
        self.assertEqual(self.complete(rsp, start + "apps drain --wait "), ["10.0.0.1:1", "127.0.0.1:11", "127.0.0.1:12"])
        self.assertEqual(self.complete(rsp, start + "apps drain 127.0.0.1:1"), ["11", "12"])


    @staticmethod
    def source(name):
        with open(os.path.join(ROOT, name), encoding="utf-8") as f:
            return f.read()

    def test_help_manual_and_completion_name_the_same_verbs_and_options(self):
        text = subprocess.run([program("rspctl"), "--help"], capture_output=True, text=True, timeout=30, check=True).stdout
        manual, completion = self.source("man/rspctl.8").replace("\\-", "-"), self.source("conf/completion/rspctl")
        verbs = set(re.findall(r"^  rspctl ([a-z]+)", text, re.MULTILINE))
        self.assertEqual(verbs, set(re.search(r'0,\*\) .* -W "([a-z ]+)"', completion).group(1).split()))
        self.assertEqual(verbs, set(re.findall(r"^\.TP\n(?:\.B |\\fB)([a-z]+)\b", manual, re.MULTILINE)))
        of_pools = set(re.search(r'2,pool,\*\) .* -W "([a-z ]+)"', completion).group(1).split())
        said = {w for words in re.findall(r"^  rspctl pool NAME ([a-z|]+)", text, re.MULTILINE) for w in words.split("|")}
        self.assertEqual(of_pools, said)
        self.assertLessEqual(of_pools, set(re.findall(r"\\fBpool\\fR \\fINAME\\fR \\fB([a-z]+)", manual)))
        options = set(re.findall(r"--[a-z]+", text)) | {"--socket", "--help"}
        self.assertEqual(options, set(re.search(r'-W "(--[a-z -]+)"', completion).group(1).split()))
        self.assertLessEqual(options, set(re.findall(r"--[a-z]+", manual)))


class UnderLoad(PoolTest):
    SECONDS, EDITS = (30, 1000) if FULL else (4, 80)

    def test_no_request_fails_while_members_come_and_go_and_each_edit_is_in_force_at_once_everywhere(self):
        addresses = self.fleet(8)
        rsp, admin = self.pools(hash_pool(*addresses[:4]), workers=2)
        clients = self.clients_of_all_workers(rsp, admin)
        load = self.start_wrk(rsp)
        model = {a: 1 for a in addresses[:4]}
        dice, start = random.Random(1), time.monotonic()
        for n in range(self.EDITS):
            gone = self.edit(admin, dice, addresses, model)
            self.check_agreement(clients, admin, dice, gone, 12 if n % 20 == 0 else 1)
            time.sleep(max(0.0, start + (n + 1) * self.SECONDS / self.EDITS - time.monotonic()))
        version = admin.pool("apps")["version"]
        out = load.communicate(timeout=120)[0]
        requests, failed, _ = read_wrk(out)
        self.assertEqual(failed, 0, out)
        self.assertGreater(requests, self.EDITS)
        self.assertGreater(version, self.EDITS // 2)
        for client in clients:
            client.close()

    def clients_of_all_workers(self, rsp, admin):
        """Kept connections, until each worker has two of them at least."""
        clients = []
        for _ in range(64):
            clients.append(Client(rsp.http))
            clients[-1].ask(request(host="first.example"))
            workers = admin.ask("GET", "/v1/status").json["workers"]
            if len(workers) == 2 and all(w["client_connections"] >= 2 for w in workers):
                return clients
        self.fail("one worker takes all connections")

    def start_wrk(self, rsp):
        script = rsp.path("hosts.lua")
        with open(script, "w", encoding="ascii") as f:
            f.write('local n = 0\nrequest = function() n = (n + 7) % 1000\n'
                    '  return wrk.format("GET", "/", { Host = "site" .. n .. ".example" }) end\n')
        load = subprocess.Popen(["wrk", "-t1", "-c64", f"-d{self.SECONDS + 2}s", "--latency", "-s", script, f"http://127.0.0.1:{rsp.http}/"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(load.kill)
        return load

    def edit(self, admin, dice, addresses, model):
        """One edit at random that leaves two ready members at least; who takes no requests from now on."""
        ready = [a for a, weight in model.items() if weight]
        absent = [a for a in addresses if a not in model]
        verb = dice.choice(["add", "remove", "drain", "ready", "set", "replace"])
        a = dice.choice(sorted(model))
        if verb == "replace":
            chosen = dice.sample(addresses, dice.randint(2, 6))
            model.clear()
            model.update({c: dice.randint(1, 3) for c in chosen})
            members = [{"address": c, "weight": w} for c, w in model.items()]
            reply = admin.ask("PUT", "/v1/pools/apps", {"members": members})
        elif verb == "add" and absent:
            a = dice.choice(absent)
            model[a] = dice.randint(1, 3)
            reply = admin.edit("apps", ("add", a, {"weight": model[a]}))
        elif verb in ("remove", "drain") and len(ready) > 2:
            a = dice.choice(ready)
            model[a] = 0
            if verb == "remove":
                del model[a]
            reply = admin.edit("apps", (verb, a))
        else:
            model[a] = dice.randint(1, 3)
            reply = admin.edit("apps", ("ready", a, {"weight": model[a]}))
        self.assertEqual(reply.status, 200, reply.body)
        return {a for a in addresses if not model.get(a)}

    def check_agreement(self, clients, admin, dice, gone, keys):
        """Every worker sends a key where the table says, and that is nobody who takes no requests."""
        for _ in range(keys):
            host = f"site{dice.randrange(1000)}.example"
            wanted = admin.backend_for(f"http://{host}/")
            answers = [c.ask(request(host=host)) for c in clients]
            self.assertEqual({(r.status, r.body.decode()) for r in answers}, {(200, wanted)})
            self.assertNotIn(wanted, gone)


class Deaths(PoolTest):
    def test_no_acknowledged_edit_is_lost_and_none_is_half_done_whoever_is_killed(self):
        rsp, admin = self.pools(hash_pool("127.0.0.1:1"), workers=2)
        dice, model = random.Random(2), {"127.0.0.1:1": 1}
        rounds = 30 if FULL else 6
        for n in range(rounds):
            victim = dice.choice(["control", "worker", "control", "all"])
            pids = {"control": rsp.children("control"), "worker": rsp.workers()[:1], "all": rsp.children("")}[victim]
            killer = self.kill_soon(pids, dice.uniform(0, 0.02))
            tried = self.edit_until_it_fails(admin, dice, model, n)
            killer.join()
            wait_until(lambda: self.answers(admin), 20, "a control that answers")
            self.check(admin, model, tried)
        self.restart_hard(rsp)
        wait_until(lambda: self.answers(admin), 20, "a control that answers")
        self.check(admin, model, None)

    @staticmethod
    def kill_soon(pids, seconds):
        def kill():
            time.sleep(seconds)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        thread = threading.Thread(target=kill)
        thread.start()
        return thread

    @staticmethod
    def edit_until_it_fails(admin, dice, model, n):
        """Edits of two members at once; the one that was not answered, or None."""
        for i in range(12):
            a, b, weight = f"127.0.0.1:{10 + dice.randrange(20)}", f"127.0.1.{n + 1}:{i + 1}", dice.randint(1, 1000)
            tried = dict(model, **{a: weight, b: weight})
            try:
                reply = admin.edit("apps", ("put", a, {"weight": weight}), ("put", b, {"weight": weight}))
            except (OSError, http.client.HTTPException):
                return tried
            assert reply.status == 200, reply.body
            model.clear()
            model.update(tried)
        return None

    @staticmethod
    def answers(admin):
        try:
            return admin.ask("GET", "/v1/pools/apps").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def check(self, admin, model, tried):
        """What is there is what was acknowledged, or that and the whole of the one edit that was not answered."""
        now = {a: weight for a, (_, weight, _) in admin.members("apps").items()}
        self.assertIn(now, [model, tried] if tried else [model])
        model.clear()
        model.update(now)

    @staticmethod
    def restart_hard(rsp):
        for pid in procfs.descendants(rsp.process.pid) + [rsp.process.pid]:
            os.kill(pid, signal.SIGKILL)
        rsp.process.wait()
        rsp.start()

    def test_a_damaged_state_file_is_set_aside_and_rsp_starts(self):
        rsp, admin = self.pools(hash_pool("127.0.0.1:1"))
        self.assertEqual(admin.edit("apps", ("add", "127.0.0.1:2")).status, 200)
        self.assertEqual(rsp.stop(), 0)
        with open(rsp.path("state/state.json"), "r+", encoding="ascii") as f:
            f.truncate(60)
        rsp.start()
        wait_until(lambda: self.answers(admin), 20, "a control that answers")
        self.assertEqual(list(admin.members("apps")), ["127.0.0.1:1"])
        self.assertTrue(os.path.exists(rsp.path("state/state.json.damaged")))
        self.assertRegex(rsp.errors(), r"state\.json:\d+:\d+: .*\n.*set aside as state.json.damaged")

    @unittest.skipUnless(os.geteuid() == 0, "only root can own a folder that control may not write to")
    def test_a_folder_that_control_may_not_write_to_keeps_rsp_from_starting_and_says_so(self):
        rsp, _ = self.pools(hash_pool("127.0.0.1:1"))
        self.assertEqual(rsp.stop(), 0)
        os.mkdir(rsp.path("other"), 0o700)
        with open(rsp.path("rsp.lua"), encoding="utf-8") as f:
            text = f.read().replace("state/state.json", "other/state.json")
        with open(rsp.path("other.lua"), "w", encoding="utf-8") as f:
            f.write(text)
        for words in (["--foreground"], ["-t"]):
            done = subprocess.run([program("rsp"), "-c", rsp.path("other.lua"), *words], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("chown", done.stdout + done.stderr)

    def test_a_disk_that_takes_nothing_refuses_edits_and_changes_nothing(self):
        rsp, admin = self.pools(hash_pool("127.0.0.1:1"))
        self.assertEqual(admin.edit("apps", ("add", "127.0.0.1:2")).status, 200)
        os.rename(rsp.path("state"), rsp.path("away"))
        subprocess.run(["rm", "-rf", rsp.path("away")], check=True)  # the folder that control has open is gone
        reply = admin.edit("apps", ("add", "127.0.0.1:3"))
        self.assertEqual(reply.status, 503)
        self.assertIn("nothing has changed", reply.json["error"])
        self.assertEqual(sorted(admin.members("apps")), ["127.0.0.1:1", "127.0.0.1:2"])


class Clients(PoolTest):
    """Whatever is sent: a clear 4xx, and nothing has changed."""

    CASES = (
        ("PATCH", "/v1/pools/apps", b"", 400, ""),
        ("PATCH", "/v1/pools/apps", b"{", 400, ""),
        ("PATCH", "/v1/pools/apps", b"\xff\xfe", 400, ""),
        ("PATCH", "/v1/pools/apps", b"[" * 100000, 400, ""),
        ("PATCH", "/v1/pools/apps", b'{"edits": [], "edits": []}', 400, ""),
        ("PATCH", "/v1/pools/apps", [], 400, ""),
        ("PATCH", "/v1/pools/apps", {"edit": []}, 400, "/edit"),
        ("PATCH", "/v1/pools/apps", {"edits": {}}, 400, "/edits"),
        ("PATCH", "/v1/pools/apps", {"edits": [3]}, 400, "/edits/0"),
        ("PATCH", "/v1/pools/apps", {"edits": [{"do": "add"}]}, 400, "/edits/0/address"),
        ("PATCH", "/v1/pools/apps", {"edits": [{"do": "add", "address": 3}]}, 400, "/edits/0/address"),
        ("PATCH", "/v1/pools/apps", {"edits": [{"do": "ad", "address": "a:1"}]}, 400, "/edits/0/do"),
        ("PATCH", "/v1/pools/apps", {"edits": [{"do": "add", "address": "c:1"}, {"do": "add", "address": "d:1", "weight": "2"}]}, 400, "/edits/1/weight"),
        ("PATCH", "/v1/pools/apps", {"edits": [{"do": "add", "address": "c:1", "weight": 1.5}]}, 400, "/edits/0/weight"),
        ("PATCH", "/v1/pools/apps", {"edits": [{"do": "add", "address": "c:1", "weight": -1}]}, 400, "/edits/0/weight"),
        ("PATCH", "/v1/pools/apps", {"edits": [{"do": "add", "address": "c:1", "colour": 1}]}, 400, "/edits/0/colour"),
        ("PATCH", "/v1/pools/apps", {"edits": [{"do": "add", "address": "c:1"}, {"do": "add", "address": "c:1"}]}, 400, "/edits/1/address"),
        ("PATCH", "/v1/pools/apps", {"edits": [{"do": "add", "address": "c:1"}, {"do": "add", "address": "a:1"}]}, 409, "/edits/1/address"),
        ("PATCH", "/v1/pools/apps", {"edits": [{"do": "drain", "address": "a:1", "wish": "ready"}]}, 400, "/edits/0/wish"),
        ("PUT", "/v1/pools/apps", {"members": ["c:1", "not an address"]}, 400, "/members/1/address"),
        ("PUT", "/v1/pools/apps", {"members": ["c:1", {"address": "d:1", "a/b~c": 1}]}, 400, "/members/1/a~1b~0c"),
        ("PUT", "/v1/pools/apps", {"members": ["c:1"] * 16385}, 400, "/members"),
        ("PUT", member_path("apps", "c:1"), {"wish": "removed"}, 400, "/wish"),
        ("PUT", member_path("apps", "c:1\x01"), {}, 400, ""),
        ("PATCH", member_path("apps", "c:1"), {"weight": 2}, 404, ""),
        ("DELETE", member_path("apps", "c:1"), None, 404, ""),
        ("DELETE", "/v1/pools/apps", None, 405, ""),
        ("PATCH", "/v1/pools/nowhere", {"edits": []}, 404, ""),
        ("PATCH", "/v1/pools/%ff", {"edits": []}, 404, ""),
        ("GET", "/v1/pools?limit=x", None, 400, ""),
        ("GET", "/v2/pools", None, 404, ""),
        ("PATCH", "/v1/pools/fixed", {"edits": [{"do": "add", "address": "c:1"}]}, 409, "/edits/0/address"),
        ("POST", "/v1/pools/apps/plan", {"members": [f"c:{n}" for n in range(1, 101)], "keys": ["k"] * 20001}, 413, "/keys"),
        ("POST", "/v1/pools/fixed/plan", {"members": [], "keys": []}, 409, ""),
        ("POST", "/v1/explain", {"url": 1}, 400, "/url"),
        ("PATCH", "/v1/pools/apps", b'{"edits": "' + b"x" * (10 << 20) + b'"}', 413, ""),
    )

    def test_every_wrong_request_gets_a_clear_answer_and_changes_nothing(self):
        rsp, admin = self.pools(hash_pool("a:1", "b:1") + '\npool "fixed" { "a:1" }')
        before = admin.ask("GET", "/v1/pools/apps").tag
        for method, path, content, status, pointer in self.CASES:
            try:
                reply = admin.ask(method, path, content)
            except OSError:  # it was answered and closed before all was sent
                self.assertEqual(status, 413)
                continue
            self.assertEqual((reply.status, reply.json["pointer"]), (status, pointer), (method, path, reply.body))
            self.assertEqual(reply.json["status"], status)
            self.assertTrue(reply.json["error"])
        self.assertEqual(admin.ask("GET", "/v1/pools/apps").tag, before)
        self.assertEqual(admin.edit("apps", ("add", "c:1")).status, 200)

    def test_who_expects_to_be_told_to_go_on_is_told(self):
        rsp, admin = self.pools(hash_pool("127.0.0.1:1"))
        body = b'{"edits": [{"do": "add", "address": "127.0.0.1:2"}]}'
        head = "PATCH /v1/pools/apps HTTP/1.1\r\nHost: rsp\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        with Client(rsp.path("admin.sock")) as client:
            client.send((head % len(body)).encode())
            self.assertEqual(client.read_head().status, 100)
            client.send(body)
            self.assertEqual(client.read_answer("PATCH").status, 200)
        self.assertEqual(sorted(admin.members("apps")), ["127.0.0.1:1", "127.0.0.1:2"])
        with Client(rsp.path("admin.sock")) as client:
            client.send((head % 3000000).encode())
            self.assertEqual(client.read_head().status, 413)

    def test_who_looked_at_something_older_is_told_so(self):
        _, admin = self.pools(hash_pool("a:1", "b:1"))
        first = admin.ask("GET", "/v1/pools/apps").tag
        self.assertEqual(admin.edit("apps", ("drain", "a:1"), If_Match=first).status, 200)
        stale = admin.edit("apps", ("drain", "b:1"), If_Match=first)
        self.assertEqual(stale.status, 412)
        self.assertNotEqual(stale.tag, first)
        self.assertEqual(admin.edit("apps", ("drain", "b:1"), If_Match=stale.tag).status, 200)
        self.assertEqual(admin.ask("PUT", member_path("apps", "a:1"), {}, If_None_Match="*").status, 412)
        self.assertEqual(admin.ask("PUT", member_path("apps", "c:1"), {}, If_None_Match="*").status, 200)

    def test_a_member_is_a_resource_of_its_own(self):
        _, admin = self.pools(hash_pool("a:1"))
        path = member_path("apps", "unix:/run/b.sock")
        made = admin.ask("PUT", path, {"weight": 3, "max_connections": 7})
        self.assertEqual((made.status, made.json["weight"], made.json["origin"], made.json["file"]), (200, 3, "api", None))
        changed = admin.ask("PATCH", path, {"wish": "maint", "weight": None})
        self.assertEqual((changed.json["wish"], changed.json["weight"], changed.json["max_connections"]), ("maint", 1, 7))
        self.assertEqual(admin.ask("DELETE", path).status, 200)
        self.assertEqual(admin.ask("GET", path).status, 404)

    def test_a_thousand_connections_that_say_nothing_do_not_keep_it_from_serving(self):
        rsp, admin = self.pools('pool "apps" { "a:1", live = true }\nsite "*" { respond = { 200, "here" } }')
        idle = []
        self.addCleanup(lambda: [s.close() for s in idle])
        for _ in range(1000):
            idle.append(socket.socket(socket.AF_UNIX))
            idle[-1].settimeout(5)
            idle[-1].connect(rsp.path("admin.sock"))
        self.assertEqual(get(rsp.http).body, b"here")
        for s in idle[:900]:
            s.close()
        wait_until(lambda: admin.edit("apps", ("put", "b:1")).status == 200, 20, "an edit")

    def test_every_change_is_a_line_of_the_log_whatever_its_level(self):
        rsp, admin = self.pools(hash_pool("a:1"), log=', level = "error"')
        admin.edit("apps", ("add", "b:1", {"weight": 3}))
        admin.edit("apps", ("drain", "b:1"), ("remove", "a:1"))
        audit = [line for line in rsp.errors().splitlines() if " audit " in line]
        self.assertEqual(len(audit), 3, rsp.errors())
        who = rf'uid {os.geteuid()} pid {os.getpid()}: pool "apps": '
        self.assertRegex(audit[0], who + r"b:1: none -> ready weight 0 -> 3 \(version \d+\)")
        self.assertTrue(any(re.search(who + r"a:1: ready -> removed", line) for line in audit))


class Network(PoolTest):
    TOKEN = "0123456789abcdef0123456789abcdef"

    def test_by_network_it_takes_tls_and_the_token(self):
        port = free_port()
        rsp, _ = self.pools(hash_pool("a:1"), tls=True, files={"token": self.TOKEN + "\n"},
                            admin=f'listen = "127.0.0.1:{port}", token_file = "token"')
        admin = Admin(port, self.TOKEN)
        self.addCleanup(admin.close)
        self.assertEqual(admin.edit("apps", ("add", "b:1")).status, 200)
        self.assertIn('audit control', rsp.errors())
        self.assertIn('127.0.0.1 by token: pool "apps": b:1', rsp.errors())
        for wrong in (None, self.TOKEN[:-1], self.TOKEN[:-1] + "0", self.TOKEN + "0"):
            other = Admin(port, wrong)
            self.addCleanup(other.close)
            reply = other.edit("apps", ("add", "c:1"))
            self.assertEqual((reply.status, reply.fields["WWW-Authenticate"]), (401, "Bearer"))
        with Client(port) as plain:
            plain.send(request("GET", "/v1/pools"))
            self.assertNotIn(b"apps", plain.read_to_end())
        self.assertEqual(sorted(admin.members("apps")), ["a:1", "b:1"])
        rsp.write_routes(hash_pool("a:1"))
        self.assertEqual(rsp.reload()[0], 0)
        self.assertEqual(sorted(admin.members("apps")), ["a:1", "b:1"])

    def test_without_a_token_or_with_a_bad_one_it_is_refused(self):
        rsp, _ = self.pools(hash_pool("a:1"), files={"short": "secret\n", "words": self.TOKEN + " x\n"})
        for settings, said in (('listen = "127.0.0.1:9443"', "listen needs token_file"),
                               ('token_file = "short"', "'token_file' is for 'listen'"),
                               ('listen = "127.0.0.1:9443", token_file = "short"', "needs one word of 32"),
                               ('listen = "127.0.0.1:9443", token_file = "words"', "needs one word of 32"),
                               ('listen = "127.0.0.1:9443", token_file = "nowhere"', "No such file"),
                               ('listen = "unix:/x", token_file = "short"', "is no address to listen on")):
            rsp.admin_options = settings
            rsp.write_routes(hash_pool("a:1"))
            code, out = rsp.reload()
            self.assertEqual((code, said in out), (1, True), out)


if __name__ == "__main__":
    main()
