"""The JSON parser and writer."""

import os
import re
import subprocess

from report import ROOT, row


def json_times(_):
    binaries = ROOT / ".build" / os.environ["MARTLET_TEST_BUILD"]
    text = subprocess.run([binaries / "bench-json"], capture_output=True, text=True, check=True).stdout
    for what, goal in (("parse", "6 us"), ("write", "3 us")):
        row(f"JSON {what} of a 1.4 KB Pod", re.search(rf"{what} ([\d.]+ us)", text).group(1), goal)
