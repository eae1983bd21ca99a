# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Medians, ratios to the better peer, the table and the JSON file."""

import datetime
import json
import os
import statistics
import subprocess


def median_figures(rounds):
    """[{figure: value}] -> {figure: median}."""
    return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}


def summarise(row, measured):
    """measured: {proxy: [figures of each round]}."""
    medians = {proxy: median_figures(rounds) for proxy, rounds in measured.items()}
    main = next(iter(next(iter(medians.values()))))
    peers = [m[main] for proxy, m in medians.items() if proxy != "rsp"]
    out = {"row": row.name, "text": row.text, "unit": row.unit, "figure": main, "asked": row.limit, "medians": medians,
           "rounds": measured}
    if "rsp" in medians and peers:
        out["ratio"] = medians["rsp"][main] / min(peers) if min(peers) > 0 else None
        out["reached"] = reaches(row, medians["rsp"][main], out["ratio"])
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
    print("(in brackets: user time; ratio: rsp to the better of the others; asked: a ratio, or for memory and times the figure itself)")


def cell(result, name):
    medians = result["medians"].get(name)
    if not medians:
        return "-"
    text = f"{medians[result['figure']]:.2f}"
    return text + (f" ({medians['user']:.2f})" if "user" in medians else "")


def write_json(results, folder, options):
    now = datetime.datetime.now(datetime.timezone.utc)
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=folder, check=False)
    path = os.path.join(folder, now.strftime("%Y-%m-%dT%H%M%SZ") + ".json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"time": now.isoformat(timespec="seconds"), "revision": revision.stdout.strip(), "options": options,
                   "results": results}, f, indent=1)
    return path
