#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Supervisor, control and workers: who starts, replaces and ends whom; listeners that come and go."""

import json
import os
import pwd
import signal
import socket
import subprocess
import time
import unittest

from backends import always, answer
from harness import SystemTest, can_connect, free_port, main, program, wait_until
import procfs
from wire import Client, get, request

HERE = 'site "*" { respond = { 200, "here" } }'


def status(rsp):
    out = subprocess.run([program("rspctl"), "-s", rsp.path("admin.sock"), "status"], capture_output=True, check=True)
    return json.loads(out.stdout)


class Listeners(SystemTest):
    def test_a_reload_opens_a_new_listener_and_closes_one_that_is_not_wanted(self):
        rsp = self.rsp(HERE)
        first, second = rsp.http, free_port()
        rsp.http = second
        rsp.write_routes(HERE)
        self.assertEqual(rsp.reload()[0], 0)
        self.assertEqual(get(second).body, b"here")
        wait_until(lambda: not can_connect(first), 5, "the end of the old listener")

    def test_a_listener_that_cannot_be_opened_fails_the_whole_reload(self):
        rsp = self.rsp(HERE)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            rsp.write_routes(f'listen {{ http = "127.0.0.1:{port}" }}\nsite "*" {{ respond = {{ 200, "new" }} }}')
            code, out = rsp.reload()
        self.assertEqual(code, 1)
        self.assertIn(f"127.0.0.1:{port}", out)
        self.assertEqual(get(rsp.http).body, b"here")

    def test_a_unix_socket_is_removed_when_it_is_not_wanted_any_more(self):
        rsp = self.rsp(HERE)
        path = rsp.path("in.sock")
        rsp.write_routes(f'listen {{ http = "unix:{path}" }}\n{HERE}')
        self.assertEqual(rsp.reload()[0], 0)
        self.assertTrue(os.path.exists(path))
        rsp.write_routes(HERE)
        self.assertEqual(rsp.reload()[0], 0)
        self.assertFalse(os.path.exists(path))

    def test_no_descriptor_is_left_after_many_reloads(self):
        rsp = self.rsp(HERE, workers=2)
        self.assertEqual(rsp.reload()[0], 0)
        before = {pid: procfs.descriptors(pid) for pid in [rsp.process.pid, *rsp.workers(), *rsp.children("control")]}
        for _ in range(20):
            self.assertEqual(rsp.reload()[0], 0)
        for pid, count in before.items():
            self.assert_descriptors_return_to(pid, count)


class Workers(SystemTest):
    def test_a_killed_control_is_replaced_and_answers(self):
        rsp = self.rsp(HERE)
        old = rsp.children("control")[0]
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: rsp.children("control") not in ([], [old]), 5, "another control")
        wait_until(lambda: rsp.reload()[0] == 0, 10, "a reload")

    def test_a_worker_that_is_killed_during_reloads_comes_back_with_the_configuration_in_force(self):
        rsp = self.rsp(HERE, workers=2)
        for i in range(10):
            rsp.write_routes(f'site "*" {{ respond = {{ 200, "number {i}" }} }}')
            reload = subprocess.Popen([program("rspctl"), "-s", rsp.path("admin.sock"), "reload"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.003 * i)
            for pid in rsp.workers()[:1]:
                os.kill(pid, signal.SIGKILL)
            self.assertIn(reload.wait(60), (0, 3))
            wait_until(lambda: self.generations(rsp) == [i + 2] * 3, 20, "one generation everywhere")
            for _ in range(4):
                self.assertEqual(get(rsp.http).body, b"number %d" % i)

    @staticmethod
    def generations(rsp):
        now = status(rsp)
        return [now["control"]["generation"]] + [w["generation"] for w in now["workers"]]

    def test_what_a_dead_worker_had_open_is_not_counted_any_more(self):
        rsp = self.rsp(HERE)
        with Client(rsp.http) as client:
            client.ask(request())
            wait_until(lambda: status(rsp)["counters"]["client_connections"] == 1, 5, "one connection")
            os.kill(rsp.worker(), signal.SIGKILL)
            wait_until(lambda: status(rsp)["counters"]["client_connections"] == 0, 5, "none")
        self.assertEqual(status(rsp)["counters"]["requests_total"], 1)
        self.assertEqual(status(rsp)["workers"][0]["deaths"], 1)

    def test_a_worker_that_is_told_to_end_is_replaced_too(self):
        rsp = self.rsp(HERE)
        old = rsp.worker()
        os.kill(old, signal.SIGTERM)
        wait_until(lambda: rsp.workers() not in ([], [old]), 5, "another worker")
        wait_until(lambda: can_connect(rsp.http), 5, "serving")
        self.assertEqual(get(rsp.http).body, b"here")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_workers_and_control_have_no_privileges(self):
        rsp = self.rsp(HERE)
        wait_until(lambda: all(w["generation"] for w in status(rsp)["workers"]), 5, "serving")
        nobody = pwd.getpwnam("nobody").pw_uid
        for pid in rsp.workers() + rsp.children("control"):
            lines = dict(line.split(":\t", 1) for line in procfs.read(pid, "status").splitlines() if ":\t" in line)
            self.assertEqual(set(lines["Uid"].split()), {str(nobody)})
            self.assertNotIn("0", lines["Gid"].split() + lines["Groups"].split())
            self.assertEqual(int(lines["CapPrm"], 16), 0)
            self.assertEqual(lines["NoNewPrivs"].strip(), "1")


class Reloads(SystemTest):
    def test_requests_for_a_reload_that_come_at_once_are_all_answered(self):
        rsp = self.rsp(HERE)
        asked = [subprocess.Popen([program("rspctl"), "-s", rsp.path("admin.sock"), "reload"], stdout=subprocess.PIPE)
                 for _ in range(10)]
        for process in asked:
            out, _ = process.communicate(timeout=60)
            self.assertEqual((process.returncode, out), (0, b"reloaded\n"))

    def test_a_caller_that_goes_away_does_not_stop_the_reload(self):
        rsp = self.rsp(HERE)
        rsp.write_routes('site "*" { respond = { 200, "new" } }')
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(rsp.path("admin.sock"))
            s.sendall(b"POST /reload HTTP/1.1\r\nHost: rsp\r\nContent-Length: 0\r\n\r\n")
        wait_until(lambda: get(rsp.http).body == b"new", 10, "the new configuration")
        self.assertEqual(rsp.reload()[0], 0)

    def test_sighup_with_a_broken_file_keeps_serving_and_says_why(self):
        rsp = self.rsp(HERE)
        rsp.write_routes("site site site")
        rsp.signal(signal.SIGHUP)
        wait_until(lambda: "reload failed" in rsp.errors(), 10, "the failure")
        self.assertRegex(rsp.errors(), r"rsp\.lua:\d+: ")
        self.assertEqual(get(rsp.http).body, b"here")

    def test_a_log_of_another_name_is_used_after_a_reload(self):
        rsp = self.rsp(HERE)
        get(rsp.http)
        rsp.wait_for_lines(1)
        with open(rsp.path("rsp.lua"), encoding="utf-8") as f:
            text = f.read()
        with open(rsp.path("rsp.lua"), "w", encoding="utf-8") as f:
            f.write(text.replace("/access.log", "/other.log"))
        self.assertEqual(rsp.reload()[0], 0)
        get(rsp.http)
        wait_until(lambda: os.path.getsize(rsp.path("other.log")) > 0, 5, "a line in the other log")
        self.assertEqual(len(rsp.access_lines()), 1)


class Ending(SystemTest):
    def test_a_stop_is_quick_when_nothing_is_going_on(self):
        backend = self.backend(always(answer(200, b"page")))
        rsp = self.rsp(self.site(backend), workers=2)
        with Client(rsp.http) as idle:
            idle.ask(request())
            begin = time.monotonic()
            self.assertEqual(rsp.stop(20), 0)
            self.assertLess(time.monotonic() - begin, 5)
            self.assertTrue(idle.is_closed())
        self.assertFalse(os.path.exists(rsp.path("admin.sock")))


if __name__ == "__main__":
    main()
