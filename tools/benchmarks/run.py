"""Measures the numbers of BENCHMARKS.md against peers in the same run, and writes that file.

usage: run.py [--only NAME[,NAME...]] [--list]
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("MARTLET_TEST_BUILD", "release")

import report  # noqa: E402
from api import create, get  # noqa: E402
from collection import collection  # noqa: E402
from json_times import json_times  # noqa: E402
from platform_times import platform  # noqa: E402
from pod_times import pods  # noqa: E402
from profiles import profiles  # noqa: E402
from proxying import proxying  # noqa: E402
from watchers import watchers  # noqa: E402
from workloads import workloads  # noqa: E402

PARTS = {
    "json": json_times, "create": create, "get": get, "collection": collection, "watchers": watchers,
    "workloads": workloads, "platform": platform, "pods": pods,
    "profiles": profiles, "proxying": proxying,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAMES", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--list", action="store_true", help="name the parts and end")
    options = parser.parse_args()
    if options.list:
        print("\n".join(PARTS))
        return 0
    names = options.only.split(",") if options.only else list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    failed = []
    for name in names:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="martlet-bench-") as folder:
            try:
                PARTS[name](pathlib.Path(folder))
            except Exception as error:  # one part that fails does not take the others with it
                failed.append(name)
                print(f"{name} failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        print(f"  ({name}: {time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    if not options.only and not failed:
        report.write()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
