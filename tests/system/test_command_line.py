#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What rsp and rspctl say and with which status they end."""

import contextlib
import grp
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from backends import always, answer
from harness import SystemTest, can_connect, free_port, main, program, require_build, wait_until
import procfs
from wire import get

GOOD, FAILED, USAGE, PROBLEMS, UNREACHABLE, CONFIG = 0, 1, 2, 3, 69, 78


class CommandLine(SystemTest):
    def setUp(self):
        for name in ("rsp", "rspctl"):
            require_build(self, name)
        self.folder = tempfile.mkdtemp(prefix="rsp-test-")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, text, name="rsp.lua"):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def run_it(self, *arguments, name="rsp", timeout=60, environment=None):
        done = subprocess.run([program(name), *arguments], capture_output=True, text=True, timeout=timeout,
                              cwd=self.folder, stdin=subprocess.DEVNULL, check=False, env={**os.environ, **(environment or {})})
        return done.returncode, done.stdout, done.stderr

    def good_file(self, more=""):
        self.port = free_port()
        return self.write(f'listen {{ http = "127.0.0.1:{self.port}" }}\nsite "*" {{ respond = {{ 200, "here\\n" }} }}\n{more}')


class Asking(CommandLine):
    def test_help_is_printed_and_good(self):
        for option in ("--help", "-h"):
            status, out, err = self.run_it(option)
            self.assertEqual((status, err), (GOOD, ""))
            for word in ("-c FILE", "-t", "-T", "-V", "quick", "explain", "test FILE", "--foreground", "--workers"):
                self.assertIn(word, out)

    def test_versions_of_all_libraries_are_printed(self):
        status, out, _ = self.run_it("-V")
        self.assertEqual(status, GOOD)
        for pattern in (r"^rsp \d", r"^llhttp \d.*\(.+\)$", r"^OpenSSL \d", r"^libevent \d", r"^Lua 5\.4", r"^c-ares \d",
                        r"^xxHash \d", r"^libidn2 \d"):
            self.assertRegex(out, "(?m)" + pattern)

    def test_wrong_usage_is_status_2_and_said_on_stderr(self):
        for arguments in (["--nonsense"], ["nonsense"], ["-c"], ["--workers", "0"], ["--workers", "many"],
                          ["--workers", "100000"], ["quick"], ["quick", "--from", ":1"], ["explain"],
                          ["explain", "--from", "nobody", "http://x/"], ["explain", "a", "b", "c"], ["test"]):
            with self.subTest(arguments):
                status, out, err = self.run_it(*arguments)
                self.assertEqual((status, out), (USAGE, ""))
                self.assertNotEqual(err, "")

    def test_a_good_file_checks_as_ok(self):
        status, out, err = self.run_it("-t", "-c", self.good_file())
        self.assertEqual((status, err), (GOOD, ""))
        self.assertEqual(out, self.path("rsp.lua") + ": OK\n")

    def test_a_relative_file_names_a_socket_and_a_state_file_beside_it(self):
        self.good_file('admin { socket = "a.sock", state = "state/state.json" }\npool "apps" { "127.0.0.1:1", live = true }\n')
        self.assertEqual(self.run_it("-t", "-c", "rsp.lua"), (GOOD, "rsp.lua: OK\n", ""))
        status, _, err = self.run_it("-c", "rsp.lua", "--pid-file", "rsp.pid")
        self.assertEqual(status, GOOD, err)
        with open(self.path("rsp.pid"), encoding="ascii") as f:
            self.addCleanup(os.kill, int(f.read()), signal.SIGTERM)
        for words in (("pool", "apps", "add", "127.0.0.1:2"), ("reload",), ("pool", "apps", "drain", "127.0.0.1:2")):
            status, _, err = self.run_it("-s", "a.sock", *words, name="rspctl")
            self.assertEqual(status, GOOD, err)
        self.assertTrue(os.path.exists(self.path("state/state.json")))
        self.good_file(f'admin {{ socket = "{"x" * 100}/a.sock" }}\n')
        status, _, err = self.run_it("-t", "-c", "rsp.lua")
        self.assertEqual((status, "too long for a socket (107 bytes at most)" in err), (FAILED, True), err)

    def test_a_check_opens_no_port(self):
        path = self.good_file()
        with socket.create_server(("127.0.0.1", self.port)):
            self.assertEqual(self.run_it("-t", "-c", path)[0], GOOD)

    def test_every_error_of_a_file_is_said_with_its_line_and_status_78(self):
        path = self.write('listen { http = 80, htp = 81 }\nsite "a.example" { to = "127.0.0.1:1", redirect = "https://x/" }\n')
        for arguments in (["-t"], ["-T"], [], ["--foreground"]):
            with self.subTest(arguments):
                status, out, err = self.run_it(*arguments, "-c", path)
                self.assertEqual((status, out), (CONFIG, ""))
                self.assertRegex(err, r"rsp\.lua:1: .*'htp'")
                self.assertRegex(err, r"rsp\.lua:2: ")
                self.assertIn("2 errors", err)

    def test_a_check_says_what_cannot_be_opened_with_its_line_and_makes_nothing(self):
        os.mkdir(self.path("good"))
        self.write("in the way", "good/taken.sock")
        here, there = self.path("good"), self.path("none")
        path = self.write(f'listen {{ http = {{ "unix:{there}/a.sock", "unix:{here}/taken.sock", "203.0.113.7:8080" }} }}\n'
                          f'listen {{ http = "unix:{here}/b.sock", group = "nobody-has-it" }}\n'
                          f'log {{ access = "{there}/access.log",\n  errors = "good" }}\n'
                          f'admin {{ socket = "{there}/admin.sock" }}\nsite "*" {{ respond = {{ 200, "here" }} }}\n')
        for option in ("-t", "-T"):
            status, _, err = self.run_it(option, "-c", path)
            self.assertEqual(status, FAILED, err)
            for pattern in (rf"rsp\.lua:1: cannot listen on unix:{there}/a\.sock: No such file or directory",
                            rf"rsp\.lua:1: cannot listen on unix:{here}/taken\.sock: File exists",
                            r"rsp\.lua:1: cannot listen on 203\.0\.113\.7:8080: Cannot assign requested address",
                            r'rsp\.lua:2: listen: group: there is no group "nobody-has-it"',
                            rf"rsp\.lua:3: log: access: {there}/access\.log: No such file or directory",
                            rf"rsp\.lua:3: log: errors: {here}: Is a directory",
                            rf"rsp\.lua:5: admin: socket: cannot listen on unix:{there}/admin\.sock: No such file or directory"):
                self.assertRegex(err, pattern)
            self.assertEqual(len(err.splitlines()), 7, err)
        self.assertEqual(os.listdir(here), ["taken.sock"])

    def test_a_check_says_which_certificates_keys_and_authorities_are_not_there(self):
        path = self.good_file(f'listen {{ https = "127.0.0.1:{free_port()}" }}\ntls {{ certificates = "{self.path("mistyped")}" }}\n'
                              'site "a.example" { respond = { 200, "" }, tls = { cert = "a.pem" } }\n'
                              'site "b.example" { to = pool "p" { "https://127.0.0.1:1", tls = { ca = "ca.pem" } } }\n')
        status, out, err = self.run_it("-t", "-c", path)
        self.assertEqual(status, PROBLEMS, err)
        self.assertIn("OK", out)
        for pattern in (r"rsp\.lua:4: tls: .*/mistyped: No such file or directory",
                        r'rsp\.lua:5: site "a\.example": .*a\.pem: No such file', r'rsp\.lua:6: pool "p": .*ca\.pem: No such file'):
            self.assertRegex(err, pattern)

    def test_a_log_that_a_start_would_make_is_no_objection_and_is_not_made(self):
        path = self.good_file(f'log {{ access = "access.log", errors = "{self.path("errors.log")}" }}\n')
        self.assertEqual(self.run_it("-t", "-c", path)[::2], (GOOD, ""))
        self.assertEqual(os.listdir(self.folder), ["rsp.lua"])

    def test_a_running_rsp_is_no_objection_to_its_own_file(self):
        rsp = self.rsp('site "*" { respond = { 200, "here" } }')
        self.assertEqual(self.run_it("-t", "-c", rsp.path("rsp.lua"))[::2], (GOOD, ""))
        self.assertEqual(get(rsp.http).body, b"here")

    def test_https_without_any_certificate_is_a_problem(self):
        status, _, err = self.run_it("-t", "-c", self.good_file(f'listen {{ https = "127.0.0.1:{free_port()}" }}\n'))
        self.assertEqual(status, PROBLEMS, err)
        self.assertRegex(err, r"rsp\.lua:3: listen: https has no certificate to offer")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_a_user_that_does_not_exist_is_named_before_anything_starts(self):
        path = self.good_file('user = "nobody-has-it"\n')
        for arguments in (["-t"], ["--foreground"]):
            status, _, err = self.run_it(*arguments, "-c", path)
            self.assertEqual(status, FAILED, err)
            self.assertRegex(err, r'rsp\.lua:3: user: there is no user "nobody-has-it"')

    def test_as_many_listeners_as_there_may_be_serve_and_one_more_is_an_error(self):
        places = ", ".join(f'"unix:{self.path(str(i))}.sock"' for i in range(255))
        rsp = self.rsp(f'listen {{ http = {{ {places} }} }}\nsite "*" {{ respond = {{ 200, "here" }} }}')
        self.assertEqual(get(rsp.http).body, b"here")
        self.assertEqual(rsp.reload()[0], 0)
        path = self.write(f'listen {{ http = {{ {places}, 8080, 8081 }} }}\n')
        status, _, err = self.run_it("-t", "-c", path)
        self.assertEqual(status, CONFIG)
        self.assertRegex(err, r"rsp\.lua:1: listen: http\[257\]: more than 256 addresses")

    def test_a_file_that_declares_nothing_is_an_error(self):
        for text in ("", "-- nothing\n", 'pool "p" { "127.0.0.1:1" }\n'):
            status, _, err = self.run_it("-t", "-c", self.write(text))
            self.assertEqual(status, CONFIG)
            self.assertIn("rsp.lua: declares neither listen nor site", err)

    def test_a_file_that_is_not_there_is_status_78(self):
        status, _, err = self.run_it("-t", "-c", self.path("none.lua"))
        self.assertEqual(status, CONFIG)
        self.assertIn("none.lua", err)

    def test_the_settings_in_effect_are_printed_as_a_route_file(self):
        status, out, _ = self.run_it("-T", "-c", self.good_file('admin { socket = "%s" }' % self.path("admin.sock")))
        self.assertEqual(status, GOOD)
        self.assertIn(str(self.port), out)
        again = self.write(out, "again.lua")
        status, out_again, err = self.run_it("-T", "-c", again)
        self.assertEqual((status, err), (GOOD, ""))
        self.assertEqual(*(re.sub(" -- .*", "", text) for text in (out_again, out)))

    def test_what_the_route_file_leaves_open_is_printed_as_it_is_in_force(self):
        path = self.good_file()
        cores = len(os.sched_getaffinity(0))
        status, out, _ = self.run_it("-T", "-c", path, environment={"STATE_DIRECTORY": self.path("kept")})
        self.assertEqual(status, GOOD)
        self.assertRegex(out, rf"(?m)^workers = {cores}$")
        self.assertRegex(out, r"(?m)^buffers = \"256m\"$")
        self.assertIn(f'state = "{self.path("kept")}/state.json"', out)
        is_root = os.geteuid() == 0
        self.assertEqual(('user = "nobody"' in out, 'socket = "/run/rsp.sock"' in out), (is_root, is_root))
        self.assertRegex(self.run_it("-T", "-c", path, "--workers", "7")[1], r"(?m)^workers = 7$")
        own = self.good_file(f'workers = 3\nadmin {{ socket = "{self.path("own.sock")}" }}')
        out = self.run_it("-T", "-c", own)[1]
        self.assertRegex(out, r"(?m)^workers = 3$")
        self.assertIn(f'admin {{ socket = "{self.path("own.sock")}" }}', out)

    def test_explain_of_what_is_no_url_says_how_one_is_written_on_a_line_of_its_own(self):
        path = self.write('site "*" { respond = { 200, "x" } }\n')
        status, out, err = self.run_it("explain", "-c", path, "a.example")
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(err, "'a.example' is no URL: write http://host/path or https://host/path\n")

    def test_explain_says_which_backend_without_sending_anything(self):
        path = self.write('listen { http = 8080 }\nsite "a.example" { to = "127.0.0.1:1" }\n')
        status, out, _ = self.run_it("explain", "-c", path, "--from", "192.0.2.1", "POST", "http://a.example/x")
        self.assertEqual(status, GOOD)
        self.assertIn("127.0.0.1:1", out)

    def test_route_tests_end_with_1_when_one_fails(self):
        self.good_file()
        good = self.write('include "rsp.lua"\ntest "there" { request = "GET http://x/", expect = { status = 200 } }\n', "good.lua")
        status, out, err = self.run_it("test", good)
        self.assertEqual(status, GOOD, out + err)
        bad = self.write('include "rsp.lua"\ntest "there" { request = "GET http://x/", expect = { status = 404 } }\n', "bad.lua")
        status, out, _ = self.run_it("test", bad)
        self.assertEqual(status, FAILED, out)
        self.assertIn("1 failed", out)


class Starting(CommandLine):
    def start_daemon(self, *arguments):
        pid_file = self.path("pid")
        status, out, err = self.run_it("-c", self.path("rsp.lua"), "--pid-file", pid_file, "--workers", "1", *arguments)
        self.assertEqual(status, GOOD, out + err)
        with open(pid_file, encoding="ascii") as f:
            pid = int(f.read())
        self.addCleanup(self.end_daemon, pid)
        return pid

    @staticmethod
    def end_daemon(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: procfs.stat_fields(pid)[:1] in ([], ["Z"]), 20, "the end of the daemon")

    def test_a_daemon_serves_when_its_starter_has_ended(self):
        self.good_file()
        pid = self.start_daemon()
        self.assertEqual(get(self.port).body, b"here\n")
        self.assertEqual(os.getsid(pid), pid)
        for fd in range(3):
            self.assertEqual(os.readlink(f"/proc/{pid}/fd/{fd}"), "/dev/null")
        self.end_daemon(pid)
        self.assertFalse(os.path.exists(self.path("pid")))
        self.assertFalse(can_connect(self.port))

    def test_a_service_manager_is_told_when_it_serves(self):
        path = self.good_file()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(self.path("notify.sock"))
            manager.settimeout(20)
            process = subprocess.Popen([program("rsp"), "-c", path, "--foreground"], stderr=subprocess.DEVNULL,
                                       env=dict(os.environ, NOTIFY_SOCKET=self.path("notify.sock")))
            self.addCleanup(process.wait, 30)
            self.addCleanup(process.terminate)
            self.assertEqual(manager.recv(100), b"READY=1")
            self.assertEqual(get(self.port).body, b"here\n")

    def test_a_port_in_use_is_named_with_the_reason_and_status_1(self):
        path = self.good_file()
        with socket.create_server(("127.0.0.1", self.port)):
            for arguments in ([], ["--foreground"]):
                with self.subTest(arguments):
                    status, _, err = self.run_it("-c", path, *arguments)
                    self.assertEqual(status, FAILED)
                    self.assertRegex(err, rf"rsp\.lua:1: .*127\.0\.0\.1:{self.port}.*in use")

    def test_a_log_that_cannot_be_opened_is_named(self):
        path = self.good_file('log { access = "/nowhere/at/all.log" }\n')
        status, _, err = self.run_it("-c", path)
        self.assertEqual(status, FAILED)
        self.assertRegex(err, r"rsp\.lua:3: log: access: /nowhere/at/all\.log: No such file or directory")

    def test_a_bad_certificate_is_a_line_and_no_failure(self):
        os.mkdir(self.path("certs"))
        self.write("nonsense", "certs/a.example.pem")
        path = self.good_file(f'listen {{ https = "127.0.0.1:{free_port()}" }}\ntls {{ certificates = "{self.path("certs")}" }}\n')
        status, out, err = self.run_it("-t", "-c", path)
        self.assertEqual(status, PROBLEMS, err)
        self.assertIn("OK", out)
        self.assertRegex(err, r"rsp\.lua:4: tls: .*/certs/a\.example\.pem: ")


class UnixSockets(CommandLine):
    def listening(self, options=""):
        return self.rsp(f'listen {{ http = "unix:{self.path("s.sock")}"{options} }}\nsite "*" {{ respond = {{ 200, "here" }} }}')

    def mode(self):
        return os.stat(self.path("s.sock")).st_mode & 0o7777

    def test_a_unix_socket_is_for_its_owner_and_his_group(self):
        self.listening()
        self.assertEqual(self.mode(), 0o660)

    def test_its_mode_can_be_set_and_changes_with_a_reload(self):
        rsp = self.listening(', mode = "0666"')
        self.assertEqual(self.mode(), 0o666)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path("s.sock"))
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 200 "))
        rsp.write_routes(f'listen {{ http = "unix:{self.path("s.sock")}", mode = "600" }}\nsite "*" {{ respond = {{ 200, "" }} }}')
        self.assertEqual(rsp.reload()[0], 0)
        self.assertEqual(self.mode(), 0o600)

    @unittest.skipUnless(os.geteuid() == 0, "only root can give it away")
    def test_its_group_can_be_set(self):
        self.listening(', group = "nogroup"')
        self.assertEqual(os.stat(self.path("s.sock")).st_gid, grp.getgrnam("nogroup").gr_gid)

    def test_what_is_wrong_with_mode_and_group_is_said(self):
        for options, word in (('mode = 660', '"0660"'), ('mode = "0888"', '"0660"'), ('mode = "1777"', '"0660"'),
                              ('group = 5', "string")):
            path = self.write(f'listen {{ http = "unix:/tmp/s.sock", {options} }}\n')
            status, _, err = self.run_it("-t", "-c", path)
            self.assertEqual(status, CONFIG)
            self.assertRegex(err, rf"rsp\.lua:1: listen: .*{word}")
        self.assertIn("for unix sockets", self.run_it("-t", "-c", self.write('listen { http = 80, mode = "0666" }\n'))[2])


class Stopping(CommandLine):
    def test_a_clean_stop_warns_of_nothing(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            rsp = self.rsp('site "*" { respond = { 200, "here" } }', workers=2)
            self.assertEqual(get(rsp.http).body, b"here")
            for pid in rsp.workers() + rsp.children("control") + [rsp.process.pid]:  # as a terminal, or systemctl kill, does
                os.kill(pid, number)
            rsp.process.wait(30)
            self.assertNotRegex(rsp.errors(), " (warn|error) ")


class Quick(CommandLine):
    def start(self, *arguments):
        backend = self.backend(always(answer(200, b"from the backend")))
        port = free_port()
        out = open(self.path("out"), "wb")
        self.addCleanup(out.close)
        process = subprocess.Popen([program("rsp"), "quick", "--from", f"127.0.0.1:{port}", "--to", backend.address, *arguments],
                                   stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.terminate)
        wait_until(lambda: can_connect(port) or process.poll() is not None, 20, "serving")
        return process, port

    def said(self):
        with open(self.path("out"), encoding="utf-8") as f:
            return f.read()

    def test_quick_proxies_at_once_and_prints_the_route_file_that_does_the_same(self):
        process, port = self.start()
        self.assertEqual(get(port).body, b"from the backend")
        lines = [line for line in self.said().splitlines() if line.startswith(("listen", "site"))]
        self.assertEqual(len(lines), 2, self.said())
        path = self.write("\n".join(lines).replace(str(port), str(free_port())) + "\n")
        self.assertEqual(self.run_it("-t", "-c", path)[0], GOOD)
        process.terminate()
        self.assertEqual(process.wait(30), GOOD)

    def test_quick_https_makes_a_certificate_in_memory(self):
        _, port = self.start("--https")
        self.assertEqual(get(port, tls="localhost").body, b"from the backend")
        self.assertEqual(os.listdir(self.folder), ["out"])

    def test_a_quick_rsp_can_be_told_to_reload(self):
        process, port = self.start("--https")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reloaded: generation 2" in self.said(), 20, "the reload")
        self.assertEqual(get(port, tls="localhost").body, b"from the backend")


class Control(CommandLine):
    def ctl(self, *arguments):
        return self.run_it(*arguments, name="rspctl")

    def test_wrong_usage_is_status_2(self):
        for arguments in ([], ["nonsense"], ["reload", "now"], ["explain"], ["status", "--from", "1.2.3.4"], ["--nonsense"]):
            with self.subTest(arguments):
                self.assertEqual(self.ctl(*arguments)[0], USAGE)

    def test_no_rsp_is_status_69(self):
        for verb in ("reload", "status", "metrics"):
            status, out, err = self.ctl("-s", self.path("none.sock"), verb)
            self.assertEqual((status, out), (UNREACHABLE, ""))
            self.assertIn("none.sock", err)

    def test_status_metrics_and_explain_are_answered(self):
        rsp = self.rsp('site "*" { respond = { 200, "here" } }')
        get(rsp.http)
        status, out, _ = self.ctl("-s", rsp.path("admin.sock"), "status")
        self.assertEqual(status, GOOD)
        self.assertRegex(out, rf'"pid": {rsp.worker()}, "generation": 1')
        status, out, _ = self.ctl("-s", rsp.path("admin.sock"), "metrics")
        self.assertEqual(status, GOOD)
        self.assertRegex(out, r"(?m)^rsp_requests_total 1$")
        status, out, _ = self.ctl("-s", rsp.path("admin.sock"), "explain", "http://a.example/")
        self.assertEqual(status, GOOD)
        self.assertIn("200", out)

    def test_the_admin_socket_is_not_for_everybody(self):
        rsp = self.rsp('site "*" { respond = { 200, "here" } }')
        self.assertEqual(os.stat(rsp.path("admin.sock")).st_mode & 0o777, 0o660)

    def test_a_page_that_is_not_there_is_404_and_another_method_405(self):
        rsp = self.rsp('site "*" { respond = { 200, "here" } }')
        for method, page, expected in (("GET", "/nothing", 404), ("GET", "/reload", 405), ("POST", "/status", 405)):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(rsp.path("admin.sock"))
                s.sendall(f"{method} {page} HTTP/1.1\r\nHost: rsp\r\nContent-Length: 0\r\n\r\n".encode())
                self.assertEqual(int(s.recv(4096).split()[1]), expected)


if __name__ == "__main__":
    main()
