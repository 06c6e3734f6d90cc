"""The audit logs of a running platform: the API server's, and what the gateway refused by itself."""

import itertools
import json
import time

_numbers = itertools.count(1)


def eventually(holds, limit=60):
    """Waits for another service's view of a change; the limit only ends a failing test."""
    deadline = time.monotonic() + limit
    while not (value := holds()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
    return value


def entries(file, having=""):
    """The lines of a log that is written while it is read, oldest first."""
    files = [file.with_name(f"{file.name}.{number}") for number in range(4, 0, -1)] + [file]
    for one in files:
        if one.exists():
            for line in one.read_text(errors="replace").splitlines():
                try:
                    if having in line:
                        yield json.loads(line)
                except ValueError:
                    pass  # it is being written


def _find(file, wanted):
    """The log is written behind the answers; the limit only ends a failing test."""
    deadline = time.monotonic() + 20
    while True:
        found = [entry for entry in entries(file, wanted.get("id", "")) if all(entry.get(key) == value for key, value in wanted.items())]
        if found:
            return found[-1]
        assert time.monotonic() < deadline, f"no line {wanted} in {file}"
        time.sleep(0.02)


def api(platform, **wanted):
    """The newest line of the API server's log with these fields."""
    return _find(platform.data / "audit.log", wanted)


def gateway(platform, **wanted):
    """The newest line of the gateway's log of refusals with these fields."""
    return _find(platform.data / "gateway" / "audit.log", wanted)


def service(platform, request_id):
    """The line in which a service says that it refused a request."""
    deadline = time.monotonic() + 20
    while True:
        for line in (platform.data / "logs" / "martlet.log").read_text(errors="replace").splitlines():
            if "refused" in line and f"id={request_id}" in line:
                return line
        assert time.monotonic() < deadline, f"no refusal of {request_id} in the log"
        time.sleep(0.02)


def request_id():
    """An id that nobody else uses."""
    return f"attack-{next(_numbers)}-{time.time_ns()}"
