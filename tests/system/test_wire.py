#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 as it is seen from outside: framing, what is refused, what is added and removed, early answers, old versions."""

import socket
import time

from admin import rspctl
from backends import Backend, answer, always, chunked, echo, never, once, respond
from harness import SystemTest, main
from wire import Client, Cut, get, request

REFUSED = {
    "length and chunked": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a length with a sign": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
    "a coding before chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "a fragment": b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
    "userinfo": b"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "another scheme": b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/2.0 in text": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a Connection that names Host": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n",
    "CONNECT": b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
}


class Refusals(SystemTest):
    def test_what_is_ambiguous_is_refused_and_the_backend_sees_nothing(self):
        backend = self.backend(respond(echo))
        rsp = self.rsp(self.site(backend))
        for name, sent in REFUSED.items():
            with self.subTest(name), Client(rsp.http) as client:
                client.send(sent + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
                reply = client.read_answer()
                self.assertIn(reply.status, (400, 501, 505))
                self.assertNotIn(b"smuggled", client.read_to_end())
        self.assertEqual(backend.requests, [])
        self.assertEqual(len(rsp.wait_for_lines(len(REFUSED))), len(REFUSED))

    def test_heads_that_are_too_large_are_refused_with_their_status(self):
        rsp = self.rsp(self.site(self.backend(respond(echo))))
        self.assertEqual(get(rsp.http, "/" + "a" * 17000).status, 414)
        self.assertEqual(get(rsp.http, fields=[("X", "a" * 33000)]).status, 431)
        self.assertEqual(get(rsp.http, fields=[(f"X-{i}", "a") for i in range(101)]).status, 431)

    def test_an_expectation_that_nobody_knows_is_refused(self):
        rsp = self.rsp(self.site(self.backend(respond(echo))))
        self.assertEqual(get(rsp.http, fields=[("Expect", "a-miracle")]).status, 417)


class Requests(SystemTest):
    def test_pipelined_requests_are_answered_in_order(self):
        rsp = self.rsp(self.site(self.backend(respond(echo))))
        with Client(rsp.http) as client:
            client.send(b"".join(request("POST", f"/{i}", body=b"%d" % i) for i in range(50)))
            bodies = [client.read_answer("POST").body for _ in range(50)]
        self.assertEqual(bodies, [b"POST /%d\n%d" % (i, i) for i in range(50)])

    def test_what_may_be_forwarded_no_more_is_answered_here(self):
        backend = self.backend(respond(echo))
        rsp = self.rsp(self.site(backend))
        with Client(rsp.http) as client:
            here = client.ask(request("OPTIONS", "/a", [("Max-Forwards", "0")]))
            trace = client.ask(request("TRACE", "/b", [("Max-Forwards", "0"), ("Cookie", "secret")]))
            self.assertEqual(backend.requests, [])
            beyond = client.ask(request("OPTIONS", "/c", [("Max-Forwards", "1")]))
            other = client.ask(request("GET", "/d", [("Max-Forwards", "0")]))
            unreadable = client.ask(request("OPTIONS", "/e", [("Max-Forwards", "one")]))
        self.assertEqual((here.status, here.body, here.field("Content-Length")), (200, b"", "0"))
        self.assertEqual((trace.status, trace.field("Allow")), (405, here.field("Allow")))
        self.assertIn("OPTIONS", here.field("Allow"))
        self.assertNotIn(b"secret", trace.body)
        self.assertEqual((beyond.status, other.status, unreadable.status), (200, 200, 400))
        self.assertEqual([(seen.path, seen.field("Max-Forwards")) for seen in backend.requests], [("/c", "0"), ("/d", "0")])

    def test_what_is_for_one_connection_only_is_not_passed_on(self):
        backend = self.backend(respond(echo))
        rsp = self.rsp(self.site(backend))
        get(rsp.http, fields=[("Connection", "close, x-mine"), ("X-Mine", "1"), ("Keep-Alive", "3"), ("TE", "trailers"),
                              ("Proxy-Authorization", "x"), ("X-Other", "2")])
        seen = backend.requests[0]
        self.assertEqual([seen.field(n) for n in ("X-Mine", "Keep-Alive", "Proxy-Authorization")], [None] * 3)
        self.assertEqual(seen.field("X-Other"), "2")

    def test_what_a_client_claims_about_itself_is_replaced(self):
        backend = self.backend(respond(echo))
        rsp = self.rsp(self.site(backend), tls=True)
        get(rsp.http, fields=[("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil"),
                              ("X-Request-Id", "mine")], host="localhost.example")
        seen = backend.requests[0]
        self.assertEqual(seen.field("X-Forwarded-For"), "127.0.0.1")
        self.assertEqual(seen.field("X-Forwarded-Proto"), "http")
        self.assertEqual(seen.field("X-Forwarded-Host"), "localhost.example")
        self.assertNotEqual(seen.field("X-Request-Id"), "mine")
        get(rsp.https, tls="localhost")
        self.assertEqual(backend.requests[1].field("X-Forwarded-Proto"), "https")

    def test_a_body_of_chunks_and_its_trailers_pass(self):
        backend = self.backend(respond(echo))
        rsp = self.rsp(self.site(backend))
        with Client(rsp.http) as client:
            reply = client.ask(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nTE: trailers\r\n\r\n"
                               b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n")
        self.assertEqual(reply.body, b"POST /\nabcdefg")

    def test_the_target_in_absolute_form_replaces_host(self):
        backend = self.backend(respond(echo))
        rsp = self.rsp(self.site(backend))
        with Client(rsp.http) as client:
            client.ask(b"GET http://right.example/a?b=1 HTTP/1.1\r\nHost: wrong.example\r\n\r\n")
        self.assertEqual(backend.requests[0].field("Host"), "right.example")
        self.assertEqual(backend.requests[0].path, "/a?b=1")

    def test_expect_100_continue_is_answered_by_the_backend(self):
        def patient(conn):
            head = conn.read_head()
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = b"".join(conn.pieces(head))
            conn.send(answer(200, body))

        rsp = self.rsp(self.site(self.backend(patient)))
        with Client(rsp.http) as client:
            client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(client.read_head().status, 100)
            client.send(b"body")
            self.assertEqual(client.read_answer("PUT").body, b"body")

    def test_an_answer_that_came_before_the_request_was_read_can_be_read(self):
        def refusing(conn):
            conn.read_head()
            conn.send(answer(413, b"too large", [("Connection", "close")]))

        rsp = self.rsp(self.site(self.backend(refusing)))
        with Client(rsp.http) as client:
            client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
            try:
                for _ in range(100):
                    client.send(b"x" * 10000)
                    time.sleep(0.005)
            except OSError:
                pass
            self.assertEqual(client.read_answer("PUT").status, 413)


class Answers(SystemTest):
    def test_answers_without_a_body_have_none_whatever_their_fields_say(self):
        def bare(request_):
            status = {"/204": b"204 No Content", "/304": b"304 Not Modified"}.get(request_.path, b"200 OK")
            length = b"" if request_.path == "/204" else b"Content-Length: 5\r\n"
            return b"HTTP/1.1 " + status + b"\r\nETag: \"a\"\r\n" + length + b"\r\n"

        rsp = self.rsp(self.site(self.backend(respond(bare))))
        with Client(rsp.http) as client:
            for method, path, status in (("GET", "/204", 204), ("GET", "/304", 304), ("HEAD", "/", 200)) * 3:
                reply = client.ask(request(method, path), method)
                self.assertEqual((reply.status, reply.body, reply.field("ETag")), (status, b"", '"a"'))
            self.assertEqual(reply.field("Content-Length"), "5")

    def test_interim_answers_are_passed_on_in_order(self):
        rsp = self.rsp(self.site(self.backend(once(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n",
            answer(200, b"page")))))
        links = []
        with Client(rsp.http) as client:
            client.send(request())
            reply = client.read_answer(on_interim=lambda a: links.append(a.field("Link")))
        self.assertEqual((links, reply.body), (["</a.css>", "</b.css>"], b"page"))

    def test_an_answer_until_close_is_framed_for_the_client(self):
        rsp = self.rsp(self.site(self.backend(once(b"HTTP/1.1 200 OK\r\n\r\n", b"all of it"))))
        with Client(rsp.http) as client:
            self.assertEqual(client.ask(request()).body, b"all of it")
            self.assertEqual(client.ask(request()).body, b"all of it")

    def test_an_answer_with_trailers_passes(self):
        rsp = self.rsp(self.site(self.backend(respond(lambda _: chunked([b"abc", b"def"], trailers=[("X-Sum", "6")])))))
        reply = get(rsp.http, fields=[("TE", "trailers")])
        self.assertEqual((reply.body, reply.trailers), (b"abcdef", [("X-Sum", "6")]))

    def test_a_client_of_http_1_0_gets_no_chunks(self):
        rsp = self.rsp(self.site(self.backend(respond(lambda _: chunked([b"abc", b"def"])))))
        with Client(rsp.http) as client:
            client.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            head = client.read_head()
            self.assertIsNone(head.field("Transfer-Encoding"))
            self.assertEqual(client.read_to_end(), b"abcdef")

    def test_a_backend_of_http_1_0_is_understood(self):
        rsp = self.rsp(self.site(self.backend(once(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold"))))
        self.assertEqual(get(rsp.http).body, b"old")

    def test_an_answer_that_is_cut_is_never_a_complete_one(self):
        cut = {
            "length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
            "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
            "within a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabcde",
        }
        rsp = self.rsp(self.site(self.backend(self.cutting(cut))))
        for name in cut:
            with self.subTest(name), self.assertRaises(Cut):
                get(rsp.http, "/" + name.replace(" ", "_"))
        self.assertTrue(all("ANSWER_CUT" in line for line in rsp.wait_for_lines(3)), rsp.access_lines())

    @staticmethod
    def cutting(answers):
        def handler(conn):
            head = conn.read_head()
            conn.send(answers[head.path[1:].replace("_", " ")])
        return handler

    def test_a_malformed_answer_is_a_502_with_a_reason(self):
        bad = [b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
               b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\n\r\nabc",
               b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"]
        for bytes_ in bad:
            with self.subTest(bytes_):
                rsp = self.rsp(self.site(self.backend(once(bytes_))))
                self.assertEqual(get(rsp.http).status, 502)
                self.assertIn("BAD_ANSWER", rsp.wait_for_lines(1)[0])

    def test_a_connection_with_bytes_too_many_is_not_used_again(self):
        backend = self.backend(lambda conn: (conn.read_request(), conn.send(answer(200, b"one") + b"HTTP/1.1 200 OK\r\n"),
                                             conn.wait_for_end()))
        rsp = self.rsp(self.site(backend))
        for _ in range(3):
            self.assertEqual(get(rsp.http).body, b"one")
            time.sleep(0.05)
        self.assertEqual(backend.connections, 3)

    def test_idle_connections_to_backends_are_used_again(self):
        backend = self.backend(always(answer(200, b"one")))
        rsp = self.rsp(self.site(backend))
        for _ in range(5):
            get(rsp.http)
        self.assertEqual((backend.connections, len(backend.requests)), (1, 5))


class Backends(SystemTest):
    def test_a_unix_socket_is_a_backend_too(self):
        import os
        import tempfile
        folder = tempfile.mkdtemp()
        os.chmod(folder, 0o755)
        backend = Backend(respond(echo), path=os.path.join(folder, "backend.sock"))
        self.addCleanup(backend.stop)
        rsp = self.rsp(self.site(backend))
        self.assertEqual(get(rsp.http, "/a").body, b"GET /a\n")

    def test_nobody_listening_is_a_502_with_a_reason(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            rsp = self.rsp('site "*" { to = "127.0.0.1:%d" }' % s.getsockname()[1])
            self.assertEqual(get(rsp.http).status, 502)
        self.assertIn("CONNECT", rsp.wait_for_lines(1)[0])

    def test_a_name_that_does_not_resolve_is_a_backend_that_is_down(self):
        good = self.backend(respond(echo))
        rsp = self.rsp(f'site "bad.example" {{ to = "nowhere.invalid:80" }}\nsite "*" {{ to = "{good.address}" }}')
        self.assertIn(get(rsp.http, host="bad.example").status, (502, 503))
        self.assertEqual(get(rsp.http).status, 200)

    def test_an_unknown_site_is_a_404(self):
        rsp = self.rsp(f'site "a.example" {{ to = "{self.backend(never).address}" }}')
        self.assertEqual(get(rsp.http, host="b.example").status, 404)


class WrongPort(SystemTest):
    """What is sent to a port for HTTPS and is no TLS."""

    def start(self):
        return self.rsp(self.site(self.backend(respond(echo))), tls=True)

    def test_plain_http_is_told_so_and_the_connection_closed(self):
        rsp = self.start()
        for sent in (request("GET", "/secret"), request("POST", "/", body=b"b" * 300000), request("HEAD"), request("PUT", body=b""),
                     b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", b"GET / HTTP/1.0\r\n"):
            with self.subTest(sent[:40]), Client(rsp.https) as client:
                client.send(sent)
                reply = client.read_answer()
                self.assertEqual((reply.status, reply.field("Connection")), (400, "close"))
                self.assertRegex(reply.body, rb"^400 Bad Request: plain HTTP was sent to a port for HTTPS\n")
                self.assertEqual(client.read_to_end(), b"")
        lines = rsp.wait_for_lines(6)
        self.assertEqual([line for line in lines if "reason=PLAIN_HTTP" not in line or "secret" in line], [])
        self.assertRegex(rspctl(rsp, "metrics")[1], r"PLAIN_HTTP.* 6\n")
        self.assertEqual(get(rsp.https, "/a", tls="localhost").body, b"GET /a\n")

    def test_other_garbage_gets_an_alert_at_most(self):
        rsp = self.start()
        for sent, alert in ((b"SSH-2.0-OpenSSH_9.2\r\n", b""), (b"\x00" * 100, b""), (b"GETTING / HTTP/1.1\r\n\r\n", b""),
                            (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x15\x03\x03\x00\x02\x02\x32")):
            with self.subTest(sent), Client(rsp.https) as client:
                client.send(sent)
                self.assertEqual(client.read_to_end(), alert)
        self.assertEqual(rsp.access_lines(), [])


if __name__ == "__main__":
    main()
