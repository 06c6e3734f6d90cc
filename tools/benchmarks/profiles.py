"""A thousand Profiles with three contributors each: who one is, who works in a namespace, and a new namespace."""

import concurrent.futures
import os
import pathlib
import statistics
import sys
import threading
import time

import requests
from report import ROOT, row

sys.path.insert(0, str(ROOT / "tests"))

from support import people  # noqa: E402
from support.platform import Platform  # noqa: E402

PROFILES = int(os.environ.get("MARTLET_BENCH_PROFILES", 1000))
ADMINISTRATOR = "boss@example.com"


def profiles(folder):
    platform = Platform(folder / "platform", pathlib.Path(os.environ.get("MARTLET_TEST_CACHE", folder / "caches")))
    try:
        platform.start()
        measure(platform)
    finally:
        platform.destroy()


def measure(platform):
    platform.wait("--for=condition=Successful", f"profile/{platform.user_namespace}")
    people.add(platform, ADMINISTRATOR)
    people.make_administrator(platform, ADMINISTRATOR)
    people.add(platform, owner(7))
    admin = people.sign_in(platform, ADMINISTRATOR)
    fill(platform, admin)
    user = people.sign_in(platform, owner(7))
    amount = f"{PROFILES} Profiles with 3 contributors each"

    def timed(session, path, count=200):
        """Milliseconds of each of some requests, one after another."""
        times = []
        for _ in range(count):
            began = time.perf_counter()
            answer = session.get(platform.gateway + path, timeout=60)
            times.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
        return times, answer.json()

    def timed_empty():
        """What a request costs by itself on this machine: the gateway's answer to /healthz."""
        times = []
        for _ in range(200):
            began = time.perf_counter()
            user.get(f"{platform.gateway}/healthz", timeout=60).raise_for_status()
            times.append((time.perf_counter() - began) * 1000)
        return times

    beside = f"`/healthz` in the same run: {shown(timed_empty())}"
    times, info = timed(user, "/api/workgroup/env-info")
    assert [one["namespace"] for one in info["namespaces"]] == [name(7)], info
    row(f"env-info, {amount}", shown(times), "20 ms", beside)
    times, info = timed(admin, "/api/workgroup/env-info")
    assert info["isClusterAdmin"], info
    row("the same as an administrator", shown(times), "20 ms")
    times, found = timed(user, f"/api/workgroup/get-contributors/{name(7)}")
    assert len(found) == 3, found
    row("List of a namespace's contributors", shown(times), "20 ms")
    times, found = timed(admin, "/kfam/v1/bindings", 20)
    assert len(found["bindings"]) >= 4 * PROFILES, len(found["bindings"])
    row(f"KFAM's list of all {len(found['bindings'])} bindings", shown(times), "-")
    times, found = timed(admin, "/api/admin/profiles", 20)
    assert len(found["profiles"]) > PROFILES
    row("All Profiles with contributors, quota and use", shown(times), "-")

    times = [new_namespace(platform, admin, number) for number in range(20)]
    row("New Profile to usable namespace", shown(times), "500 ms")


def name(number):
    return f"team-{number:04}"


def owner(number):
    return f"owner-{number:04}@example.com"


def shown(times):
    ordered = sorted(times)
    return f"p50 {statistics.median(ordered):.1f} ms, p99 {ordered[int(len(ordered) * 0.99) - 1]:.1f} ms"


def fill(platform, admin):
    """Makes the Profiles and, through KFAM, their contributors."""
    own = threading.local()

    def ask(method, path, body):
        if not hasattr(own, "session"):
            own.session = requests.Session()
            own.session.cookies.update(admin.cookies)
            own.session.headers.update(admin.headers)
        answer = own.session.request(method, platform.gateway + path, json=body, timeout=120)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text[:300]}"

    def make(number):
        ask("POST", "/kfam/v1/profiles", {
            "metadata": {"name": name(number)}, "spec": {"owner": {"kind": "User", "name": owner(number)}}})
        for member in range(3):
            ask("POST", "/kfam/v1/bindings", {
                "user": {"kind": "User", "name": f"member-{number * 7 % PROFILES}-{member}@example.com"},
                "referredNamespace": name(number), "RoleRef": {"apiGroup": "", "kind": "ClusterRole", "name": "edit"}})

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(PROFILES)))
    print(f"  (made {PROFILES} Profiles and {3 * PROFILES} contributors in {time.monotonic() - began:.0f} s)", flush=True)


def new_namespace(platform, admin, number):
    """Milliseconds until the owner of a new Profile may make a notebook in it."""
    new, user = f"fresh-{number}", f"fresh-{number}@example.com"
    began = time.perf_counter()
    answer = admin.post(f"{platform.gateway}/api/workgroup/create", json={"namespace": new, "user": user}, timeout=60)
    elapsed = (time.perf_counter() - began) * 1000
    answer.raise_for_status()
    platform.kubectl("get", "serviceaccount", "default-editor", "-n", new)
    may = platform.kubectl("auth", "can-i", "create", "notebooks.kubeflow.org", "-n", new, "--as", user, check=False)
    assert may.stdout.strip() == "yes", may.stdout + may.stderr
    return elapsed
