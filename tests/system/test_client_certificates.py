#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Clients with certificates (mutual TLS): who gets in, what the backend, functions and the log hear of it, what is resumed, what a reload does."""

import base64
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

import certificates
from authority import Authority, join, make_key
from backends import answer, respond
from harness import Rsp, SystemTest, main, program, require_build, wait_until
from wire import Client, request

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class Refused(Exception):
    """The handshake failed; the alert as the client words it."""


class Visitor:
    """A client program with a certificate (a file with key and chain, or None) that keeps its sessions."""

    def __init__(self, port, certificate=None, version=ssl.TLSVersion.TLSv1_3):
        self.port, self.session, self.resumed = port, None, False
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        self.tls.set_ciphers("DEFAULT@SECLEVEL=0")
        self.tls.minimum_version = self.tls.maximum_version = version
        if certificate:
            self.tls.load_cert_chain(certificate)

    def connect(self, name, resume=False):
        sock = socket.create_connection(("127.0.0.1", self.port), 30)
        client = Client.__new__(Client)
        client.waiting = b""
        try:
            client.sock = self.tls.wrap_socket(sock, server_hostname=name, session=self.session if resume else None)
        except (ssl.SSLError, ConnectionResetError) as e:
            sock.close()
            raise Refused(str(e)) from None
        return client

    def ask(self, name, path="/", host=None, resume=False, fields=()):
        """The answer to one request; Refused when the handshake failed, with TLS 1.3 only the first answer tells."""
        with self.connect(name, resume) as client:
            try:
                reply = client.ask(request("GET", path, host=host or name, fields=fields))
            except ssl.SSLError as e:
                raise Refused(str(e)) from None
            self.session, self.resumed = client.sock.session, client.sock.session_reused
            return reply


class ClientCertificates(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="rsp-test-clients-")
        os.chmod(cls.folder, 0o755)
        cls.root = Authority(cls.folder, "Root")
        cls.middle = Authority(cls.folder, "Middle", cls.root)
        cls.stranger = Authority(cls.folder, "Stranger")
        cls.good = cls.middle.client("alice", chain=[cls.middle], names="email:alice@a.example,URI:spiffe://a/alice,DNS:alice.example,IP:192.0.2.1")
        cls.direct = cls.root.client("direct")
        cls.foreign = cls.stranger.client("mallory")
        cls.revoked = cls.middle.client("bob", chain=[cls.middle])
        cls.middle.revoke(cls.revoked)
        cls.crl = join(os.path.join(cls.folder, "crl.pem"), cls.root.crl(), cls.middle.crl())

        cls.common = None

    @classmethod
    def tearDownClass(cls):
        try:
            if cls.common:
                cls("test_curl_and_s_client_get_in").end(cls.common)
        finally:
            shutil.rmtree(cls.folder)

    def share(self):
        """One rsp for all tests that change nothing in it, and the number of lines that its log has so far."""
        cls = type(self)
        if not cls.common:
            require_build(self, "rsp")
            cls.common = Rsp(self.sites(), tls=True)
        return cls.common, len(cls.common.access_lines())

    def sites(self, extra=""):
        return f"""
          local who = function(req)
            local t, out = req.client.tls, {{}}
            if not t then return respond(200, "plain") end
            for k, v in pairs(t) do out[#out + 1] = k .. "=" .. (type(v) == "table" and table.concat(v, "|") or tostring(v)) end
            table.sort(out)
            return respond(200, table.concat(out, "\\n"))
          end
          site "open.example"    {{ respond = {{ 200, "open" }} }}
          site "wants.example"   {{ route = who, tls = {{ client = "request", client_ca = "{self.root.cert}" }} }}
          site "needs.example"   {{ route = who, tls = {{ client = "require", client_ca = "{self.root.cert}" }} }}
          site "needs2.example"  {{ respond = {{ 200, "needs2" }}, tls = {{ client = "require", client_ca = "{self.root.cert}" }} }}
          site "other.example"   {{ respond = {{ 200, "other" }}, tls = {{ client = "require", client_ca = "{self.stranger.cert}" }} }}
          site "crl.example"     {{ respond = {{ 200, "crl" }}, tls = {{ client = "require", client_ca = "{self.root.cert}", client_crl = "{self.crl}" }} }}
          site "shallow.example" {{ respond = {{ 200, "shallow" }}, tls = {{ client = "require", client_ca = "{self.root.cert}", client_depth = 0 }} }}
          {extra}"""

    def start(self, extra="", **options):
        return self.rsp(self.sites(extra), tls=True, **options)

    @staticmethod
    def renew_worker(rsp):
        """One that has said nothing yet: of each kind a worker's log has one line in ten seconds."""
        old = rsp.worker()
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: rsp.workers() not in ([], [old]), 20, "a new worker")

    def refused(self, rsp, name, certificate, alert, why):
        """Both versions fail with that alert; the error log names the reason (once in ten seconds, so of the first)."""
        for version in VERSIONS:
            with self.subTest(name=name, certificate=certificate, version=version):
                with self.assertRaises(Refused) as refused:
                    Visitor(rsp.https, certificate, version).ask(name)
                self.assertIn(alert, str(refused.exception).lower())
        if why:
            self.assertRegex(rsp.errors(), why)

    def test_good_certificates_get_in_and_functions_hear_about_them(self):
        rsp, before = self.share()
        for version in VERSIONS:
            heard = dict(line.split("=", 1) for line in Visitor(rsp.https, self.good, version).ask("needs.example").body.decode().split("\n"))
            self.assertEqual(heard["verified"], "true")
            self.assertEqual((heard["subject"], heard["issuer"]), ("CN=alice", "CN=Middle"))
            self.assertEqual((heard["signature_bits"], heard["path_length"]), ("128", "3"))
            self.assertEqual(heard["sans"], "email:alice@a.example|URI:spiffe://a/alice|DNS:alice.example|IP:192.0.2.1")
            crt = self.good[:-4] + ".crt"
            self.assertEqual(heard["fingerprint"], certificates.fingerprint(crt).split("=")[1].replace(":", "").lower())
            self.assertEqual(heard["serial"], certificates.openssl("x509", "-in", crt, "-noout", "-serial").decode().strip().split("=")[1])
            self.assertEqual((heard["sni"], heard["resumed"]), ("needs.example", "false"))
            self.assertGreater(int(heard["not_after"]), int(heard["not_before"]))
        self.assertEqual(Visitor(rsp.https, self.direct).ask("shallow.example").body, b"shallow")
        self.assertEqual(Visitor(rsp.https, self.good).ask("crl.example").body, b"crl")
        for line in rsp.wait_for_lines(before + 4)[before:before + 2]:
            self.assertRegex(line, r" tls=TLSv1\.[23] cert=CN=alice cert_bits=128 cert_path=3 id=")

    def test_without_a_certificate_request_lets_in_and_require_does_not(self):
        rsp, before = self.share()
        heard = Visitor(rsp.https).ask("wants.example").body.decode()
        self.assertIn("verified=false", heard)
        self.assertNotIn("subject", heard)
        self.assertEqual(Visitor(rsp.https).ask("open.example").body, b"open")
        self.assertNotIn("cert", rsp.wait_for_lines(before + 2)[before])
        with self.assertRaises(Refused) as refused:
            Visitor(rsp.https).ask("needs.example")
        self.assertIn("certificate required", str(refused.exception).lower())
        self.refused(rsp, "needs.example", None, "", "HANDSHAKE|did not return a certificate|no certificate")

    def test_bad_certificates_fail_the_handshake_also_where_one_is_only_requested(self):
        late = self.root.client("late", begin="20200101000000Z", end="20200201000000Z")
        sha1 = self.root.client("weak", digest="sha1")
        server = self.root.client("server", usage="serverAuth")
        bare = self.middle.client("bare")
        rows = [(self.foreign, "unknown ca", "mallory.*Stranger.*neither trusted nor sent along"),
                (late, "certificate expired", "late.*expired on 2020-02-01"),
                (sha1, "certificate", "weak.*(too weak|weak signature)"),
                (server, "certificate", "server.*(purpose|unsuitable)"),
                (bare, "unknown ca", "bare.*Middle.*neither trusted nor sent along")]
        rsp = self.start()
        for certificate, alert, why in rows:
            self.renew_worker(rsp)
            for name in ("needs.example", "wants.example"):
                self.refused(rsp, name, certificate, alert, why)
            self.assertEqual(Visitor(rsp.https, certificate).ask("open.example").body, b"open")

    def test_revoked_and_too_deep(self):
        rsp = self.start()
        self.refused(rsp, "crl.example", self.revoked, "certificate revoked", "the client's certificate was refused: TLS: .*bob.*revoked")
        metrics = subprocess.run([program("rspctl"), "-s", rsp.path("admin.sock"), "metrics"], capture_output=True, text=True, check=True).stdout
        self.assertRegex(metrics, "(?i)bad_certificate.* 2\\n")
        self.assertIn(b"verified=true", Visitor(rsp.https, self.revoked).ask("needs.example").body)
        self.renew_worker(rsp)
        self.refused(rsp, "shallow.example", self.good, "handshake failure", "alice.*more intermediates than allowed")

    def test_the_strong_path_is_taken_whatever_the_order(self):
        """Root's key is certified by itself, and with SHA-1 by Legacy, which is trusted too; Middle also has a SHA-1 version."""
        legacy = Authority(self.folder, "Legacy")
        cross = Authority(self.folder, "Root", legacy, "sha1", key_of=self.root)
        weak = Authority(self.folder, "Middle", self.root, "sha1", key_of=self.middle)
        trusted = join(os.path.join(self.folder, "both.pem"), cross.cert, legacy.cert, self.root.cert)
        rsp = self.start(f'site "cross.example" {{ respond = {{ 200, "x" }}, tls = {{ client = "require", client_ca = "{trusted}" }} }}')
        chains = ([cross, weak, self.middle], [weak, self.middle, cross], [self.middle, cross, weak], [legacy, cross, weak, self.middle])
        for i, chain in enumerate(chains):
            certificate = self.middle.client(f"carol{i}", chain=chain)
            self.assertEqual(Visitor(rsp.https, certificate).ask("cross.example").status, 200)
        for line in rsp.wait_for_lines(len(chains)):
            self.assertRegex(line, "cert=CN=carol. cert_bits=128 cert_path=3")

    def test_a_request_for_a_site_with_other_rules_is_misdirected(self):
        rsp, before = self.share()
        rows = [("open.example", None, "needs.example", 421), ("open.example", None, "wants.example", 421),
                ("needs.example", self.good, "open.example", 421), ("needs.example", self.good, "other.example", 421),
                ("needs.example", self.good, "needs2.example", 200), ("open.example", None, "nothing.example", 404),
                ("needs.example", self.good, "nothing.example", 421), ("wants.example", None, "needs.example", 421)]
        for name, certificate, host, status in rows:
            with self.subTest(name=name, host=host):
                self.assertEqual(Visitor(rsp.https, certificate).ask(name, host=host).status, status)
        self.assertEqual(sum("reason=MISDIRECTED" in line for line in rsp.wait_for_lines(before + len(rows))[before:]), 6)

    def test_a_plain_port_does_not_lead_past_a_required_certificate(self):
        rsp = self.start(listen="redirect = false")
        with Client(rsp.http) as client:
            self.assertEqual(client.ask(request("GET", "/", host="needs.example")).status, 403)
            self.assertEqual(client.ask(request("GET", "/", host="wants.example")).body, b"plain")
        self.assertIn("reason=NO_CERTIFICATE", rsp.wait_for_lines(2)[0])
        rsp = self.start(certs=("localhost", "needs.example"))
        with Client(rsp.http) as client:
            self.assertEqual(client.ask(request("GET", "/", host="needs.example")).status, 301)

    def test_a_session_is_good_under_its_own_name_and_rules_only(self):
        rsp, _ = self.share()
        for version in VERSIONS:
            with self.subTest(version=version):
                visitor = Visitor(rsp.https, self.good, version)
                visitor.ask("needs.example")
                heard = visitor.ask("needs.example", resume=True).body.decode()
                self.assertTrue(visitor.resumed)
                for part in ("resumed=true", "verified=true", "subject=CN=alice", "signature_bits=128", "path_length=3"):
                    self.assertIn(part, heard)
                visitor.ask("needs2.example", resume=True)
                self.assertFalse(visitor.resumed)
                # Without the certificate: what another site's handshake gave opens nothing.
                plain = Visitor(rsp.https, None, version)
                plain.ask("open.example")
                with self.assertRaises(Refused):
                    plain.ask("needs.example", resume=True)

    def test_reloads_that_change_the_authorities(self):
        trusted = join(os.path.join(self.folder, "trusted.pem"), self.root.cert)
        site = f'site "moving.example" {{ respond = {{ 200, "in" }}, tls = {{ client = "require", client_ca = "{trusted}" }} }}'
        rsp = self.start(site)
        visitor = Visitor(rsp.https, self.good)
        visitor.ask("moving.example")
        visitor.ask("moving.example", resume=True)
        self.assertTrue(visitor.resumed)
        with visitor.connect("moving.example") as open_one:
            self.assertEqual(open_one.ask(request("GET", "/", host="moving.example")).status, 200)
            join(trusted, self.stranger.cert)
            self.assertEqual(rsp.reload()[0], 0)
            last = open_one.ask(request("GET", "/", host="moving.example"))
            self.assertEqual((last.status, last.field("Connection")), (200, "close"))
        with self.assertRaises(Refused):
            visitor.ask("moving.example", resume=True)
        self.assertEqual(Visitor(rsp.https, self.foreign).ask("moving.example").status, 200)
        # A file that cannot be used any more: what was loaded is kept.
        with open(trusted, "w", encoding="ascii") as f:
            f.write("nothing\n")
        status, said = rsp.reload()
        self.assertEqual(status, 3, said)
        self.assertIn("what was loaded before is kept", said)
        self.assertEqual(Visitor(rsp.https, self.foreign).ask("moving.example").status, 200)

    def test_a_site_that_comes_to_require_a_certificate_gets_one_from_open_connections_too(self):
        rsp = self.rsp('site "a.example" { respond = { 200, "in" } }', tls=True)
        with Visitor(rsp.https).connect("a.example") as client:
            self.assertEqual(client.ask(request("GET", "/", host="a.example")).status, 200)
            rsp.write_routes(f'site "a.example" {{ respond = {{ 200, "in" }}, tls = {{ client = "require", client_ca = "{self.root.cert}" }} }}')
            self.assertEqual(rsp.reload()[0], 0)
            self.assertEqual(client.ask(request("GET", "/", host="a.example")).status, 403)

    def test_a_cold_start_without_the_authorities_closes_that_site_only(self):
        missing = os.path.join(self.folder, "missing.pem")
        rsp = self.start(f'site "down.example" {{ respond = {{ 200, "in" }}, tls = {{ client = "request", client_ca = "{missing}" }} }}')
        self.assertIn('site "down.example": ' + missing + ": No such file or directory; put the CA certificates there or correct the name", rsp.errors())
        for certificate in (None, self.good):
            with self.assertRaises(Refused):
                Visitor(rsp.https, certificate).ask("down.example")
        self.assertEqual(Visitor(rsp.https, self.good).ask("open.example", host="down.example").status, 421)
        self.assertIn(b"verified=true", Visitor(rsp.https, self.good).ask("needs.example").body)

    def test_the_backend_gets_the_fields_of_rfc_9440_and_never_forged_ones(self):
        backend = self.backend(respond(lambda r: answer(200, "\n".join(f"{n.lower()}: {v}" for n, v in r.fields).encode())))
        rules = f'tls = {{ client = "request", client_ca = "{self.root.cert}" }}'
        rsp = self.start(f"""
          site "cert.example"  {{ to = "{backend.address}", forward_client_cert = "cert", {rules} }}
          site "chain.example" {{ to = "{backend.address}", forward_client_cert = "chain", {rules} }}
          site "off.example"   {{ to = "{backend.address}", {rules} }}""", listen='trust = "127.0.0.0/8"')
        untrusting = self.start(f'site "off.example" {{ to = "{backend.address}" }}')
        forged = [("Client-Cert", ":Zm9yZ2Vk:"), ("Client_Cert", ":Zm9yZ2Vk:"), ("Client-Cert-Chain", ":Zm9yZ2Vk:")]

        def seen(port, name, certificate, resume=None):
            visitor = resume or Visitor(port, certificate)
            body = visitor.ask(name, fields=forged, resume=resume is not None).body.decode()
            return visitor, re.findall(r"(client[-_]cert\S*): (.*)", body)

        def der(*files):
            return ", ".join(f":{base64.b64encode(certificates.openssl('x509', '-in', f, '-outform', 'der')).decode()}:" for f in files)

        leaf = ("client-cert", der(self.good[:-4] + ".crt"))
        chain = ("client-cert-chain", der(self.middle.cert))
        self.assertEqual(seen(rsp.https, "cert.example", self.good)[1], [leaf])
        visitor, fields = seen(rsp.https, "chain.example", self.good)
        self.assertEqual(fields, [leaf, chain])
        self.assertEqual(seen(rsp.https, "chain.example", None, resume=visitor)[1], [leaf, chain])
        self.assertTrue(visitor.resumed)
        self.assertEqual(seen(rsp.https, "chain.example", None)[1], [])
        self.assertEqual(len(seen(rsp.https, "off.example", self.good)[1]), 3)  # a trusted proxy before us has said so
        self.assertEqual(seen(untrusting.https, "off.example", None)[1], [])

    def test_what_is_sent_otherwise_than_the_file_has_it_is_said_once_at_the_start(self):
        """A file in the wrong order, with a root and a stranger: the start says it, and the reload again."""
        rsp = self.rsp('site "a.example" { respond = { 200, "in" } }', tls=True, workers=2)
        key, cert = make_key(rsp.path("key")), rsp.path("crt")
        self.middle.sign(key, "a.example", "subjectAltName=DNS:a.example\n", cert)
        join(os.path.join(rsp.certs, "a.pem"), key, cert, self.root.cert, self.stranger.cert, self.middle.cert)
        said = "a.pem: 2 of 4 certificates are not part of the chain or are its root; not sent"
        self.assertEqual(rsp.reload()[0], 0)
        self.assertEqual(rsp.errors().count(said), 1)
        self.assertIn("a.pem: the chain was not in order; it is sent in order", rsp.errors())
        rsp.stop()
        rsp.start()
        self.assertEqual(rsp.errors().count(said), 2)

    def test_curl_and_s_client_get_in(self):
        rsp, _ = self.share()
        url = f"https://needs2.example:{rsp.https}/"
        to = ["--resolve", f"needs2.example:{rsp.https}:127.0.0.1", "-sSk", "--max-time", "20"]
        done = subprocess.run(["curl", *to, "--cert", self.good, url], capture_output=True, check=True)
        self.assertEqual(done.stdout, b"needs2")
        self.assertNotEqual(subprocess.run(["curl", *to, url], capture_output=True, check=False).returncode, 0)
        said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{rsp.https}", "-servername", "needs2.example", "-cert", self.good,
                               "-cert_chain", self.middle.cert], input=b"", capture_output=True, check=False).stdout
        self.assertIn(b"Acceptable client certificate CA names\nCN = Root", said)


if __name__ == "__main__":
    main()
