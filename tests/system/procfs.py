# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What the kernel says about a process: children, memory, descriptors, CPU time."""

import os

TICKS = os.sysconf("SC_CLK_TCK")


def read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def stat_fields(pid):
    """The fields after the name: [0] is the state, [1] the parent (proc(5) counts from 3)."""
    return read(pid, "stat").rpartition(")")[2].split()


def descendants(pid):
    parents = {}
    for entry in os.listdir("/proc"):
        fields = stat_fields(entry) if entry.isdigit() else []
        if fields and fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(entry))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return sorted(found)


def title(pid):
    return read(pid, "cmdline").replace("\0", " ").strip() + " " + read(pid, "comm").strip()


def memory_bytes(pid, field="Pss"):
    """Pss: what the process costs, shared pages divided. Private_Dirty: what it alone has written."""
    for line in read(pid, "smaps_rollup").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def connections_of(pid, port):
    """Established connections that the process has open on this local port (IPv4)."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for line in read(pid, "net/tcp").splitlines()[1:]]
    return sum(1 for r in rows if int(r[1].split(":")[1], 16) == port and r[3] == "01" and r[9] in inodes)


def cpu_seconds(pid):
    """(user, system), in steps of a tick."""
    fields = stat_fields(pid)
    return (int(fields[11]) / TICKS, int(fields[12]) / TICKS) if len(fields) > 12 else (0.0, 0.0)


def run_nanoseconds(pid):
    """Time on a CPU of all its threads, user and system together, exactly."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return 0
    fields = [read(pid, f"task/{thread}/schedstat").split() for thread in threads]
    return sum(int(f[0]) for f in fields if f)
