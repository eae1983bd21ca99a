#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Reloads: everywhere or nowhere, without a failed request; certificates that are bad; cold starts with something missing."""

import os
import re
import signal
import socket
import ssl
import time

import certificates
from backends import always, answer
from content import MIB, blocks, digest
from harness import SystemTest, can_connect, main, wait_until
from load import Load
from wire import Client, client_tls, get, request


class Reload(SystemTest):
    def start(self, **options):
        self.old, self.new = self.backend(always(answer(200, b"old"))), self.backend(always(answer(200, b"new")))
        return self.rsp(self.site(self.old), **options)

    def test_a_hundred_reloads_under_load_fail_no_request(self):
        rsp = self.start(workers=2, tls=True)
        with Load(rsp.http, 6) as plain, Load(rsp.https, 2, tls="localhost") as tls:
            for i in range(100):
                rsp.write_routes(self.site(self.new if i % 2 == 0 else self.old))
                status, out = rsp.reload()
                self.assertEqual(status, 0, out)
        self.note(f"{plain.answers} requests in clear and {tls.answers} over TLS during 100 reloads, {len(plain.errors + tls.errors)} failed")
        self.assertEqual(plain.errors + tls.errors, [])
        self.assertGreater(plain.answers, 500)

    def test_a_long_download_goes_on_across_reloads_and_a_stop(self):
        size = 24 * MIB
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size

        def large(conn):
            conn.read_request()
            conn.send(head)
            for piece in blocks(size):
                conn.send(piece)

        for tls in (None, "localhost"):
            with self.subTest(tls=tls):
                rsp = self.rsp(self.site(self.backend(large)), tls=True)
                with Client(rsp.https if tls else rsp.http, tls=tls, receive_buffer=65536) as client:
                    client.send(request())
                    pieces = client.body_pieces(client.read_head())
                    got = [next(pieces)]
                    for _ in range(3):
                        self.assertEqual(rsp.reload()[0], 0)
                        got.append(next(pieces))
                    rsp.signal(signal.SIGTERM)
                    wait_until(lambda: not can_connect(rsp.http), 10, "closed listeners")
                    got += list(pieces)
                self.assertEqual(digest(got), digest(blocks(size)))
                wait_until(rsp.has_ended, 10, "the end")
                self.note(f"{size // MIB} MiB arrived whole, {len(got[0]) >> 10} KiB of them before three reloads and SIGTERM")

    def test_after_a_reload_the_new_route_file_holds(self):
        rsp = self.start()
        self.assertEqual(get(rsp.http).body, b"old")
        rsp.write_routes(self.site(self.new))
        self.assertEqual(rsp.reload()[0], 0)
        self.assertEqual(get(rsp.http).body, b"new")

    def test_sighup_reloads_too(self):
        rsp = self.start()
        rsp.write_routes(self.site(self.new))
        rsp.signal(signal.SIGHUP)
        wait_until(lambda: get(rsp.http).body == b"new", 10, "the new route file")

    def test_a_broken_route_file_changes_nothing_and_says_where(self):
        rsp = self.start()
        for broken, said in (('site "*" { too = "127.0.0.1:1" }', r"rsp\.lua:\d+: .*too"),
                             ('site "*" { to = ', r"rsp\.lua:\d+"), ('pool "p" { "127.0.0.1:1", balance = "fair" }', r"rsp\.lua:\d+: .*fair"),
                             ('site "*" { to = undefined_name }', r"rsp\.lua:\d+: .*undefined_name")):
            with self.subTest(broken):
                rsp.write_routes(broken)
                status, out = rsp.reload()
                self.assertEqual(status, 1, out)
                self.assertRegex(out, said)
                self.assertEqual(get(rsp.http).body, b"old")

    def test_a_connection_that_began_before_is_told_to_close_and_none_is_cut(self):
        rsp = self.start()
        with Client(rsp.http) as client:
            client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            rsp.write_routes(self.site(self.new))
            rsp.reload()
            time.sleep(0.2)
            try:
                reply = client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            except Exception:
                return  # an idle connection may be closed
            self.assertIn(reply.body, (b"old", b"new"))

    def test_logs_are_opened_anew(self):
        rsp = self.start()
        get(rsp.http)
        rsp.wait_for_lines(1)
        os.rename(rsp.path("access.log"), rsp.path("access.log.1"))
        rsp.signal(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(rsp.path("access.log")), 5, "a new log")
        time.sleep(0.3)
        get(rsp.http)
        self.assertEqual(len(rsp.wait_for_lines(1)), 1)


class Certificates(SystemTest):
    ROUTES = 'site "a.example" {{ to = "{0}" }}\nsite "b.example" {{ to = "{0}" }}\nsite "*" {{ to = "{0}" }}'

    def start(self, spoil=None, names=("a.example", "b.example")):
        backend = self.backend(always(answer(200, b"page")))
        self.routes = self.ROUTES.format(backend.address)
        self.spoil = spoil
        return self.rsp(self.routes, tls=True, certs=names)

    @staticmethod
    def served(rsp, name):
        with Client(rsp.https, tls=name) as client:
            return ssl.DER_cert_to_PEM_cert(client.sock.getpeercert(True))

    def test_the_name_asked_for_picks_the_certificate(self):
        rsp = self.start()
        self.assertNotEqual(self.served(rsp, "a.example"), self.served(rsp, "b.example"))

    def test_rsa_and_ecdsa_stand_side_by_side_and_each_client_gets_the_one_it_takes(self):
        rsp = self.start()
        ecdsa = self.served(rsp, "a.example")
        certificates.make(rsp.certs, "a.example", key="rsa", file_name="a.example-rsa")
        status, out = rsp.reload()
        self.assertEqual(status, 0, out)
        with open(os.path.join(rsp.certs, "a.example-rsa.pem"), encoding="ascii") as f:
            rsa = f.read().partition("-----BEGIN CERTIFICATE")
        self.assertEqual(self.served_to(rsp, "aRSA"), rsa[1] + rsa[2])
        self.assertEqual(self.served_to(rsp, "aECDSA"), ecdsa)
        self.assertEqual(self.served(rsp, "a.example"), ecdsa)

    @staticmethod
    def served_to(rsp, ciphers):
        """To a client of TLS 1.2, where ciphers say which certificates it takes."""
        tls = client_tls()
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        tls.set_ciphers(ciphers)
        with socket.create_connection(("127.0.0.1", rsp.https)) as sock, tls.wrap_socket(sock, server_hostname="a.example") as over:
            return ssl.DER_cert_to_PEM_cert(over.getpeercert(True))

    def test_a_renewed_certificate_is_served_after_a_reload(self):
        rsp = self.start()
        before = self.served(rsp, "a.example")
        certificates.make(rsp.certs, "a.example")
        status, out = rsp.reload()
        self.assertEqual(status, 0, out)
        self.assertNotEqual(self.served(rsp, "a.example"), before)

    def test_a_key_that_does_not_match_leaves_the_old_certificate_and_says_so(self):
        rsp = self.start()
        before = self.served(rsp, "a.example")
        certificates.with_wrong_key(rsp.certs, "a.example")
        status, out = rsp.reload()
        self.assertEqual(status, 3, out)
        self.assertIn("a.example", out)
        self.assertEqual(self.served(rsp, "a.example"), before)
        self.assertEqual(get(rsp.https, tls="b.example", host="b.example").status, 200)

    def test_a_certificate_that_has_gone_leaves_the_old_one_and_says_so(self):
        rsp = self.start()
        before = self.served(rsp, "a.example")
        os.unlink(os.path.join(rsp.certs, "a.example.pem"))
        status, out = rsp.reload()
        self.assertEqual(status, 3, out)
        self.assertEqual(self.served(rsp, "a.example"), before)

    def test_a_mistyped_folder_takes_https_from_nobody(self):
        rsp = self.start()
        before = self.served(rsp, "a.example")
        with open(rsp.path("rsp.lua"), encoding="utf-8") as f:
            text = f.read()
        self.assertIn(rsp.certs, text)
        with open(rsp.path("rsp.lua"), "w", encoding="utf-8") as f:
            f.write(text.replace(rsp.certs, rsp.certs.rstrip("/") + "-mistyped/"))
        status, out = rsp.reload()
        self.assertEqual(status, 1, out)
        self.assertRegex(out, r"rsp\.lua:\d+: tls: no certificate can be used")
        self.assertEqual(self.served(rsp, "a.example"), before)
        self.assertEqual(get(rsp.http, host="a.example").status, 301, "a plain port serves in clear")

    def test_options_of_the_server_is_sent_to_https_with_a_path(self):
        rsp = self.start()
        with Client(rsp.http) as client:
            client.send(b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n")
            found = client.read_answer("OPTIONS")
        self.assertEqual(found.status, 308)
        self.assertRegex(dict((n.lower(), v) for n, v in found.fields)["location"], r"^https://a\.example:\d+/$")

    def cold_start(self, change):
        """rsp stopped, its certificates changed, started again."""
        rsp = self.start()
        self.assertEqual(rsp.stop(), 0)
        change(rsp.certs)
        rsp.start()
        return rsp

    def test_at_a_cold_start_a_bad_certificate_takes_down_its_own_site_only(self):
        for name, change in (("wrong key", lambda folder: certificates.with_wrong_key(folder, "a.example")),
                             ("garbage", lambda folder: self.write(folder, "a.example.pem", "nonsense"))):
            with self.subTest(name):
                rsp = self.cold_start(change)
                self.assertEqual(get(rsp.https, tls="b.example", host="b.example").status, 200)
                self.assertRegex(rsp.errors(), re.escape("a.example"))

    def test_at_a_cold_start_a_missing_certificate_takes_down_its_own_site_only(self):
        rsp = self.start()
        self.assertEqual(rsp.stop(), 0)
        rsp.write_routes(self.routes.replace('site "a.example" {', 'site "a.example" { tls = { cert = "none.pem" },'))
        os.unlink(os.path.join(rsp.certs, "a.example.pem"))
        rsp.start()
        with self.assertRaises(ssl.SSLError):
            get(rsp.https, tls="a.example", host="a.example")
        self.assertEqual(get(rsp.https, tls="b.example", host="b.example").status, 200)
        self.assertRegex(rsp.errors(), r'rsp\.lua:\d+: site "a\.example".*none\.pem.*No such file')

    @staticmethod
    def write(folder, name, text):
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text)


if __name__ == "__main__":
    main()
