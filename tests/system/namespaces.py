# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Machines of a network of their own, as network namespaces around a bridge; a link that is taken down is a partition."""

import contextlib
import ctypes
import os
import shutil
import subprocess

CLONE_NEWNET = 0x40000000


def are_possible():
    """Root, ip(8), and a kernel that lets us."""
    name = f"rsp-{os.getpid()}-try"
    if os.geteuid() != 0 or not shutil.which("ip"):
        return False
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    if not made:
        return False
    bridged = subprocess.run(["ip", "-n", name, "link", "add", "name", "try", "type", "bridge"], capture_output=True, check=False).returncode == 0
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return bridged


class Network:
    """The hub is 10.77.0.1, the machines 10.77.0.2 and on."""

    HUB = "10.77.0.1"

    def __init__(self, machines):
        self.prefix = f"rsp-{os.getpid()}-"
        self.names = ["hub"] + [str(n) for n in range(machines)]
        for name in self.names:
            self.ip("netns", "add", self.prefix + name)
            self.ip("-n", self.prefix + name, "link", "set", "lo", "up")
        hub = self.prefix + "hub"
        self.ip("-n", hub, "link", "add", "name", "bridge", "type", "bridge")
        self.ip("-n", hub, "addr", "add", self.HUB + "/24", "dev", "bridge")
        self.ip("-n", hub, "link", "set", "bridge", "up")
        for n in range(machines):
            self.ip("-n", hub, "link", "add", f"to{n}", "type", "veth", "peer", "name", "eth0", "netns", self.prefix + str(n))
            self.ip("-n", hub, "link", "set", f"to{n}", "master", "bridge", "up")
            self.ip("-n", self.prefix + str(n), "addr", "add", f"10.77.0.{n + 2}/24", "dev", "eth0")
            self.ip("-n", self.prefix + str(n), "link", "set", "eth0", "up")

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, timeout=20, capture_output=True)

    def set_link(self, machine, state):
        """state: "up" or "down"."""
        self.ip("-n", self.prefix + "hub", "link", "set", f"to{machine}", state)

    @contextlib.contextmanager
    def on(self, name):
        """What this thread opens and starts meanwhile belongs to that machine."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net", encoding="ascii") as home, open(f"/run/netns/{self.prefix}{name}", encoding="ascii") as there:
            self.enter(libc, there)
            try:
                yield
            finally:
                self.enter(libc, home)

    @staticmethod
    def enter(libc, namespace):
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def stop(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", self.prefix + name], capture_output=True, check=False, timeout=20)
