"""Waiting for what another process is about to do."""

import time


def eventually(holds, limit=60, what="it"):
    """Asks until the answer is true, and returns it; the limit only ends a failing test."""
    deadline = time.monotonic() + limit
    while not (value := holds()):
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.02)
    return value
