#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What rsp-certcheck does with inputs that are no plain files, that are damaged, or far too large: it ends, soon, and says what was there."""

import base64
import json
import os
import resource
import subprocess
import tempfile
import threading
import time
import unittest

import certificates
from certificates import Authority
from harness import program

MEMORY = 1 << 30


def certcheck(*arguments, **options):
    return subprocess.run([program("rsp-certcheck"), *arguments], capture_output=True, text=True, timeout=60, check=False, **options)


class Inputs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.good = certificates.make(self.folder, "a.example")
        with open(self.good, "rb") as f:
            self.pem = f.read()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as f:
            f.write(content)
        return self.path(name)

    def fails(self, *words, says):
        said = certcheck(*words)
        self.assertEqual(said.returncode, 3, said.stdout + said.stderr)
        self.assertIn(says, said.stderr)

    # --- no plain files ---

    def test_a_fifo_that_nobody_writes_into_ends_with_the_timeout(self):
        os.mkfifo(self.path("fifo"))
        self.fails("--timeout", "1", self.path("fifo"), says="fifo: nothing came in time")

    def test_a_fifo_that_is_never_closed_ends_with_the_timeout(self):
        os.mkfifo(self.path("fifo"))
        end = os.open(self.path("fifo"), os.O_RDWR)
        self.addCleanup(os.close, end)
        os.write(end, self.pem)
        self.fails("--timeout", "1", self.path("fifo"), says="fifo: has not come to its end in time")

    def test_a_fifo_is_read_when_its_writer_comes_later(self):
        os.mkfifo(self.path("fifo"))

        def write():
            time.sleep(0.3)
            with open(self.path("fifo"), "wb") as f:
                f.write(self.pem)
        writer = threading.Thread(target=write)
        writer.start()
        said = certcheck(self.path("fifo"))
        writer.join()
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("matches certificate 1", said.stdout)

    def test_what_a_shell_substitutes_and_standard_input_are_read(self):
        for command in ('"$1" <(cat "$2")', 'cat "$2" | "$1" -', '"$1" - <"$2"', 'cat "$2" | "$1" /dev/stdin'):
            said = subprocess.run(["bash", "-c", command, "bash", program("rsp-certcheck"), self.good], capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual(said.returncode, 0, command + said.stderr)
            self.assertIn("matches certificate 1", said.stdout)

    def test_devices_are_bounded(self):
        self.fails("/dev/zero", says="/dev/zero: larger than 32 MiB")
        self.fails("/dev/null", says="/dev/null: holds no certificate")
        os.mkfifo(self.path("fifo"))
        for option, bad in (("--anchors", "fifo"), ("--policy", "fifo"), ("--password-file", "fifo"), ("--config", "fifo"), ("--anchors", "/dev/zero")):
            self.fails(option, self.path(bad), self.good, says=self.path(bad))

    def test_of_a_directory_only_plain_files_are_read(self):
        os.mkdir(self.path("certs"))
        os.mkfifo(self.path("certs/fifo"))
        os.symlink("/dev/zero", self.path("certs/zero"))
        os.mkdir(self.path("certs/deeper"))
        os.symlink("missing", self.path("certs/dangling"))
        os.symlink(self.good, self.path("certs/a.pem"))
        said = certcheck(self.path("certs"))
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual([line.split(": ")[0] for line in said.stdout.splitlines() if line.endswith(": 1 warning")], [self.path("certs/a.pem")])
        os.mkdir(self.path("empty"))
        self.fails(self.path("empty"), says="the directory holds no file")

    def test_a_file_that_grows_is_read_or_said_to_grow(self):
        path, is_over = self.write("growing.pem", self.pem), threading.Event()

        def grow():
            with open(path, "ab") as f:
                while not is_over.is_set() and f.tell() < 20 << 20:
                    f.write(b"#" * 4000 + b"\n")
        writer = threading.Thread(target=grow)
        writer.start()
        said = certcheck(path)
        is_over.set()
        writer.join()
        self.assertTrue(said.returncode == 0 or "is being written to" in said.stderr, said.stderr)

    # --- damage ---

    def test_a_der_certificate_that_is_cut_at_any_byte_is_said_with_its_place(self):
        der = base64.b64decode(b"".join(self.pem.split(b"-----BEGIN CERTIFICATE-----")[1].split(b"-----END")[0].split()))
        os.mkdir(self.path("cut"))
        for cut in range(1, len(der)):
            self.write(f"cut/{cut:04}.der", der[:cut])
        said = certcheck(self.path("cut"))
        self.assertEqual(said.returncode, 3)
        lines = said.stderr.splitlines()
        self.assertEqual([line.split(":")[0] for line in lines], [self.path(f"cut/{cut:04}.der") for cut in range(1, len(der))])
        self.assertEqual([line for line in lines if ": byte 0: certificate 1: " not in line], [])
        print(f"cut at each of {len(lines)} bytes")

    def test_the_first_certificate_of_a_leafs_file_is_not_replaced_by_the_next(self):
        root = Authority(self.folder, "Root")
        good, damaged = root.issue("b.example").pem().encode(), root.pem().replace("MII", "MIJ", 1).encode()
        leaf = self.write("leaf.pem", damaged + good)
        said = certcheck("--verify", "--anchors", root.cert_file, leaf)
        self.assertEqual(said.returncode, 2, said.stdout)
        self.assertIn(leaf + ": the first certificate cannot be decoded", said.stdout)
        self.assertIn(leaf + ":1: certificate 1: ", said.stderr)
        self.assertEqual(certcheck("--verify", "--anchors", root.cert_file, self.write("after.pem", good + damaged)).returncode, 0)
        # Damage among the others is said, and what is left decides.
        for option in ("--chain", "--anchors"):
            mixed = self.write("mixed.pem", damaged + root.pem().encode())
            others = [] if option == "--anchors" else ["--anchors", root.cert_file]
            said = certcheck("--verify", *others, option, mixed, self.write("good.pem", good))
            self.assertEqual(said.returncode, 0, said.stdout)
            self.assertIn(mixed + ":1: certificate 1: ", said.stderr)

    def test_trusted_certificates_that_cannot_be_read_are_not_taken_for_none(self):
        for name, content in (("text", b"nothing here\n"), ("cut.pem", self.pem[:200]), ("random.der", b"\x30\x82\xff\xff" + os.urandom(500)), ("zeros", bytes(5000))):
            anchors = self.write(name, content)
            said = certcheck("--verify", "--anchors", anchors, self.good)
            self.assertEqual(said.returncode, 2, said.stdout + said.stderr)
            self.assertIn(anchors + ": holds no certificate that can be read: nobody is trusted", said.stdout)
            self.fails("--anchors", anchors, self.good, says=anchors + ": holds no certificate to trust")

    # --- far too large ---

    def test_garbage_of_100_mb_is_refused_and_not_kept(self):
        with open(self.path("garbage.pem"), "wb") as f:
            piece = os.urandom(1 << 20)
            for _ in range(100):
                f.write(piece)
        self.fails(self.path("garbage.pem"), says="garbage.pem: larger than 32 MiB")
        with open(self.path("garbage.pem"), "rb") as f:
            said = subprocess.run([program("rsp-certcheck"), "-"], stdin=f, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(said.returncode, 3)
        self.assertIn("standard input: larger than 32 MiB", said.stderr)

    def test_ten_thousand_certificates_in_one_file_and_a_thousand_in_a_directory_are_answered(self):
        block = self.pem[self.pem.index(b"-----BEGIN CERTIFICATE-----"):].split(b"-----END CERTIFICATE-----")[0] + b"-----END CERTIFICATE-----\n"
        os.mkdir(self.path("many"))
        for i in range(1000):
            self.write(f"many/{i:04}.pem", block)
        for what, count in ((self.write("ten_thousand.pem", block * 10000), 1), (self.path("many"), 1000)):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            said = certcheck("--json", what)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.assertIn(said.returncode, (0, 2), said.stderr)
            self.assertEqual(len(json.loads(said.stdout)["targets"]), count)
            print(f"{os.path.basename(what)}: {after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.2f} s of CPU, {after.ru_maxrss >> 10} MiB at most so far")
            self.assertLess(after.ru_maxrss << 10, MEMORY)


if __name__ == "__main__":
    unittest.main(verbosity=2)
