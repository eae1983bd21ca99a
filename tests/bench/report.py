# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Medians, ratios to the better peer, the table and the JSON file."""

import datetime
import json
import os
import platform
import statistics
import subprocess

import pictures


def median_figures(rounds):
    """[{figure: value}] -> {figure: median}."""
    return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}


def median_ratio(rounds, others, figure):
    """The median of the ratios within each round: what slows the machine for a while slows the neighbours in a round alike."""
    ratios = [a[figure] / b[figure] for a, b in zip(rounds, others, strict=True) if b[figure] > 0]
    return statistics.median(ratios) if ratios else None


def summarise(row, measured):
    """measured: {proxy: [figures of each round]}."""
    medians = {proxy: median_figures(rounds) for proxy, rounds in measured.items()}
    main = next(iter(next(iter(medians.values()))))
    out = {"row": row.name, "text": row.text, "unit": row.unit, "figure": main, "asked": row.limit, "medians": medians,
           "rounds": measured}
    ratios = {proxy: median_ratio(measured["rsp"], rounds, main) for proxy, rounds in measured.items() if proxy != "rsp"} if "rsp" in measured else {}
    out["times_floor"] = ratios.pop("floor", None)
    out["ratio"] = max((r for r in ratios.values() if r is not None), default=None)
    if "rsp" in measured and row.limit and (ratios or row.limit.startswith("=")):
        out["reached"] = reaches(row, medians["rsp"][main], out["ratio"])
    out["spread"] = {proxy: [min(r[main] for r in rounds), max(r[main] for r in rounds)] for proxy, rounds in measured.items()}
    return out


def reaches(row, value, ratio):
    if row.limit.startswith("="):
        return value <= float(row.limit[1:])
    return ratio is not None and ratio <= float(row.limit)


def print_table(results, names):
    print(f"\n{'':56}" + "".join(f"{n:>18}" for n in names) + f"{'ratio':>9}{'asked':>8}")
    for r in results:
        line = f"{r['text'] + ', ' + r['unit']:<56}" + "".join(f"{cell(r, n):>18}" for n in names)
        ratio = r.get("ratio")
        line += f"{ratio:>9.2f}" if ratio is not None else f"{'-':>9}"
        asked = ("<= " + r["asked"].lstrip("=")) if "reached" in r else "-"
        print(line + f"{asked:>8}" + ("" if r.get("reached", True) else "  not reached"))
    for r in results:
        if r["times_floor"] is not None:
            print(f"{r['text']}: {r['times_floor']:.2f} times the floor (raw epoll, recv, send and llhttp; nothing else)")
        if "late" in r["medians"].get("rsp", {}):
            print(f"{r['text']}: at {r['medians']['rsp']['rate']:.0f} requests a second; the generator itself was late (99th percentile, us): "
                  + ", ".join(f"{name} {m['late']:.0f}" for name, m in r["medians"].items()) + "; what is not well above that says nothing of a proxy")
    print("(in brackets: user time; ratio: rsp to the better of the others, median of the rounds' own ratios; asked: a ratio, or for memory and times the figure itself)")


def cell(result, name):
    medians = result["medians"].get(name)
    if not medians:
        return "-"
    text = f"{medians[result['figure']]:.2f}"
    return text + (f" ({medians['user']:.2f})" if "user" in medians else "")


def first_line(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.splitlines()[0].strip() if done.stdout else "unknown"


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        models = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return {"processor": models[0] if models else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release()}


def write_json(results, folder, options):
    """The options without the command of rsp: it names folders of this machine."""
    os.makedirs(folder, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    path = os.path.join(folder, now.strftime("%Y-%m-%dT%H%M%SZ") + ".json")
    written = {
        "time": now.isoformat(timespec="seconds"),
        "revision": first_line("git", "-C", folder, "rev-parse", "--short", "HEAD"),
        "machine": machine(),
        "versions": {"nginx": first_line("nginx", "-v"), "haproxy": first_line("haproxy", "-v"), "varnish": first_line("varnishd", "-V"),
                     "hitch": first_line("hitch", "--version"), "openssl": first_line("openssl", "version")},
        "options": {name: value for name, value in options.items() if name != "rsp"},
        "results": results,
    }
    with open(path, "w", encoding="utf-8") as f:
        json.dump(written, f, indent=1)
        f.write("\n")
    with open(path.removesuffix("json") + "svg", "w", encoding="utf-8") as f:
        f.write(pictures.bars(results))
    return os.path.relpath(path)
