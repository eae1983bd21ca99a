#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What may be tried again is, once, and nothing else: no POST is sent twice, whatever a backend does."""

import re
import socket
import subprocess
import time

from backends import answer, echo, once, respond
from harness import SystemTest, main
from nginx import Nginx
from wire import Client, get, request


def closes_reused(conn):
    """Answers the first request of a connection; at the second it closes without a byte."""
    conn.read_request()
    conn.send(answer(200, b"first"))
    conn.read_request()


class Retry(SystemTest):
    def refusing_address(self):
        """An address where nobody listens."""
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        self.addCleanup(s.close)
        return "127.0.0.1:%d" % s.getsockname()[1]

    def test_a_request_that_was_not_sent_goes_to_another_backend_whatever_its_method(self):
        good = self.backend(respond(echo))
        rsp = self.rsp(f'site "*" {{ to = pool "p" {{ "{self.refusing_address()}", "{good.address}" }} }}')
        for i in range(10):
            reply = get(rsp.http, f"/{i}", method="POST", body=b"x")
            self.assertEqual((reply.status, reply.body), (200, b"POST /%d\nx" % i))
        self.assertEqual(len(good.requests), 10)

    def test_a_get_on_a_stale_connection_is_sent_once_more(self):
        backend = self.backend(closes_reused)
        rsp = self.rsp(self.site(backend))
        self.assertEqual([get(rsp.http).status for _ in range(6)], [200] * 6)

    def test_a_lost_post_is_not_sent_twice(self):
        backend = self.backend(closes_reused)
        rsp = self.rsp(self.site(backend))
        statuses = []
        for i in range(6):
            statuses.append(get(rsp.http, f"/{i}", method="POST", body=b"order").status)
        paths = [r.path for r in backend.requests]
        self.assertEqual(len(paths), len(set(paths)), paths)
        self.assertEqual(set(statuses), {200, 502})

    def test_a_get_that_a_fresh_connection_lost_is_not_sent_twice(self):
        backend = self.backend(once())
        rsp = self.rsp(self.site(backend))
        self.assertEqual(get(rsp.http).status, 502)
        self.assertEqual(len(backend.requests), 1)
        self.assertIn("BACKEND_CLOSED", rsp.wait_for_lines(1)[0])

    def test_nothing_is_sent_again_once_a_byte_of_the_answer_came(self):
        backend = self.backend(once(b"HTTP/1.1 2"))
        rsp = self.rsp(self.site(backend))
        self.assertEqual(get(rsp.http).status, 502)
        self.assertEqual(len(backend.requests), 1)

    def test_a_retry_is_counted_in_the_log(self):
        good = self.backend(respond(echo))
        rsp = self.rsp(f'site "*" {{ to = pool "p" {{ "{self.refusing_address()}", "{good.address}" }} }}')
        for _ in range(4):
            get(rsp.http)
        self.assertTrue(any("tries=2" in line for line in rsp.wait_for_lines(4)), rsp.access_lines())


class KilledBackend(SystemTest):
    """A backend dies under the load of wrk: nothing but answers, retries and 502 with a reason."""

    def start_nginx(self):
        nginx = Nginx()
        self.addCleanup(nginx.kill)
        return nginx

    def test_a_backend_killed_under_load_costs_nothing_but_502_with_a_reason(self):
        first, second = self.start_nginx(), self.start_nginx()
        rsp = self.rsp(f'site "*" {{ to = pool "p" {{ "{first.address}", "{second.address}" }} }}')
        worker = rsp.worker()
        load = subprocess.Popen(["wrk", "-t1", "-c64", "-d6s", f"http://127.0.0.1:{rsp.http}/"], stdout=subprocess.PIPE, text=True)
        time.sleep(2)
        first.kill()
        out = load.communicate(timeout=60)[0]
        outcomes = [self.outcome(line) for line in rsp.access_lines()]
        self.note(f"{len(outcomes)} requests: " + ", ".join(f"{outcomes.count(o)} {o[0]} {o[1]}" for o in sorted(set(outcomes))))
        self.assertNotIn("Socket errors", out)
        self.assertEqual(rsp.worker(), worker, "the worker died")
        self.assertLessEqual({status for status, _ in outcomes}, {"200", "502", "000"})
        reasons = {reason for status, reason in outcomes if status != "200"}
        # those that wrk left open at its end are CLIENT_GONE
        self.assertLessEqual(reasons, {"CONNECT", "BACKEND_CLOSED", "BACKEND_STALE", "ANSWER_CUT", "CLIENT_GONE"})

    @staticmethod
    def outcome(line):
        return re.search(r'" (\d{3}) .* reason=(\S+)', line).groups()

    def test_no_post_reaches_two_backends_when_one_dies(self):
        dying = self.backend(respond(echo))
        living = self.backend(respond(echo))
        rsp = self.rsp(f'site "*" {{ to = pool "p" {{ "{dying.address}", "{living.address}" }} }}')
        with Client(rsp.http) as client:
            for i in range(200):
                if i == 100:
                    dying.stop()
                client.send(request("POST", f"/{i}", body=b"order"))
                self.assertIn(client.read_answer("POST").status, (200, 502))
        paths = [r.path for r in dying.requests + living.requests]
        self.assertEqual(len(paths), len(set(paths)))


if __name__ == "__main__":
    main()
