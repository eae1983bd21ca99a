#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Large trees of real traffic: Chromium and wget load a page with 200 small files over https, without one error."""

import glob
import os
import re
import shutil
import subprocess
import tempfile

import certificates
from backends import answer, respond
from harness import SystemTest, main, require

FILES = 200
COLOURS = [f"#{i:02x}{255 - i:02x}40" for i in range(FILES)]


def page():
    half = FILES // 2
    images = "".join(f'<img src="/file/{i}.svg" width="8" height="8">' for i in range(half))
    scripts = "".join(f'<script src="/file/{i}.js"></script>' for i in range(half, FILES))
    return ("<!doctype html><html><head><title>many files</title><link rel=icon href=/file/0.svg>"
            "<script>window.loaded = 0; window.failed = 0; addEventListener('error', () => window.failed++, true);</script>"
            f"</head><body>{images}{scripts}<script>addEventListener('load', () => {{"
            "const images = [...document.images].filter(i => i.complete && i.naturalWidth > 0).length;"
            "document.title = `images ${images} scripts ${window.loaded} failed ${window.failed}`;"
            "console.log(document.title);});</script></body></html>").encode()


def serve(request):
    if request.path == "/":
        return answer(200, page(), [("Content-Type", "text/html")])
    name = re.fullmatch(r"/file/(\d+)\.(svg|js)", request.path)
    if not name:
        return answer(404, b"no", reason="Not Found")
    if name.group(2) == "js":
        return answer(200, b"window.loaded++;" + b" " * 500, [("Content-Type", "text/javascript")])
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8" fill="{COLOURS[int(name.group(1))]}"/></svg>'
    return answer(200, svg.encode(), [("Content-Type", "image/svg+xml")])


class Browsers(SystemTest):
    def setUp(self):
        self.site_backend = self.backend(respond(serve))
        self.rsp_ = self.rsp(self.site(self.site_backend), tls=True)
        self.url = f"https://localhost:{self.rsp_.https}/"
        self.folder = tempfile.mkdtemp(prefix="rsp-test-browser-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def test_chromium_loads_all_of_it_without_a_console_error(self):
        browser = shutil.which("chromium")
        require(self, browser, "chromium")
        pin = certificates.public_key_pin(os.path.join(self.rsp_.certs, "localhost.pem"))
        done = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
             "--no-default-browser-check", f"--user-data-dir={self.folder}/profile", f"--ignore-certificate-errors-spki-list={pin}",
             "--enable-logging=stderr", "--log-level=0", "--virtual-time-budget=30000", "--timeout=60000", "--dump-dom", self.url],
            capture_output=True, text=True, timeout=150)
        title = re.search(r"<title>(.*?)</title>", done.stdout)
        self.assertIsNotNone(title, done.stderr[-3000:])
        self.note(f"Chromium: {title.group(1)}; {len(self.site_backend.requests)} requests")
        self.assertEqual(title.group(1), f"images {FILES // 2} scripts {FILES // 2} failed 0")
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "images " not in line]
        self.assertEqual(console, [])
        self.assertEqual({r.path for r in self.site_backend.requests} >= {f"/file/{i}.svg" for i in range(FILES // 2)}, True)

    def test_wget_mirrors_all_of_it(self):
        certificate = os.path.join(self.folder, "ca.crt")
        with open(certificate, "wb") as f:
            f.write(certificates.openssl("x509", "-in", os.path.join(self.rsp_.certs, "localhost.pem")))
        done = subprocess.run(["wget", "--mirror", "--page-requisites", "--no-verbose", "-e", "robots=off", f"--ca-certificate={certificate}",
                               "--tries=1", "-P", os.path.join(self.folder, "mirror"), self.url],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        files = glob.glob(os.path.join(self.folder, "mirror", "*", "file", "*"))
        self.note(f"wget has mirrored {len(files)} files")
        self.assertEqual(len(files), FILES)


if __name__ == "__main__":
    main()
