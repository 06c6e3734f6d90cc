"""The rows of BENCHMARKS.md."""

import datetime
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
rows = []


def row(what, measured, goal, beside=""):
    """Notes one measurement, and prints it at once."""
    rows.append((what, measured, goal, beside))
    print(f"{what}: {measured} (goal {goal}){'; ' + beside if beside else ''}", flush=True)


def write():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    total = int(open("/proc/meminfo").readline().split()[1]) >> 20
    lines = [
        "# Benchmarks", "",
        f"Measured by `make bench` on {datetime.date.today()}: release build, {os.cpu_count()} cores of {model}, {total} GiB, "
        f"Linux {os.uname().release}; the load generators run on the same cores. `tools/bench --only create,get` measures a "
        "part and leaves this file alone; `tools/bench --list` names the parts.", "",
        "| what | measured | goal | beside it |", "|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    (ROOT / "BENCHMARKS.md").write_text("\n".join(lines) + "\n")
