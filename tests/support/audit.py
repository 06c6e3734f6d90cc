"""The audit logs of a running platform: the API server's, and what the gateway refused by itself."""

import itertools
import json
import time

from .waiting import eventually

_numbers = itertools.count(1)


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
    """The log is written behind the answers."""
    def newest():
        found = [entry for entry in entries(file, wanted.get("id", "")) if all(entry.get(key) == value for key, value in wanted.items())]
        return found[-1] if found else None

    return eventually(newest, 20, f"a line {wanted} in {file}")


def api(platform, **wanted):
    """The newest line of the API server's log with these fields."""
    return _find(platform.data / "audit.log", wanted)


def gateway(platform, folder=None, **wanted):
    """The newest line of the gateway's log of refusals with these fields; `folder` is the state of a gateway of one's own."""
    return _find((folder or platform.data / "gateway") / "audit.log", wanted)


def service(platform, request_id):
    """The line in which a service says that it refused a request."""
    def refusal():
        lines = (platform.data / "logs" / "martlet.log").read_text(errors="replace").splitlines()
        return next((line for line in lines if "refused" in line and f"id={request_id}" in line), None)

    return eventually(refusal, 20, f"a refusal of {request_id} in the log")


def request_id():
    """An id that nobody else uses."""
    return f"attack-{next(_numbers)}-{time.time_ns()}"
