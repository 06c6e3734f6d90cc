"""Runs wrk, the load generator, with one of the scripts beside this file."""

import pathlib
import signal
import subprocess

FOLDER = pathlib.Path(__file__).parent
SECONDS = 6
THREADS = 2


def command(script, url, arguments, connections, seconds):
    return ["wrk", f"-t{THREADS}", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(FOLDER / script), url,
            "--", *arguments]


def wrk(script, url, *arguments, connections=16, seconds=SECONDS):
    """Requests as fast as they are answered. Rates are per second, latencies in milliseconds."""
    done = subprocess.run(
        command(script, url, arguments, connections, seconds), capture_output=True, text=True, check=True)
    return result(done.stdout)


def make(url, token, name, size, count, seconds=120):
    """Creates a number of ConfigMaps with `size` bytes of data each, and ends as soon as they are there."""
    load = subprocess.Popen(
        command("create.lua", url, [token, name, str(size), str(count // THREADS)], 16, seconds), stdout=subprocess.PIPE,
        text=True)
    made = 0
    lines = []
    for line in load.stdout:
        lines.append(line)
        made += line == "MADE\n"
        if made == THREADS:
            load.send_signal(signal.SIGINT)
            break
    lines += load.stdout.readlines()
    load.wait()
    found = result("".join(lines))
    assert found["count"] == count and not found["errors"], found
    return found


def result(text):
    line = next(line for line in text.splitlines() if line.startswith("RESULT"))
    requests, errors, duration, p50, p99 = map(int, line.split()[1:])
    return {"count": requests, "rate": requests / (duration / 1e6), "errors": errors, "p50": p50 / 1000, "p99": p99 / 1000}


def median_run(script, url, *arguments, runs=3, **options):
    """The run in the middle of several, by rate; each gets its number as last argument."""
    results = [wrk(script, url, *arguments, str(number), **options) for number in range(runs)]
    return sorted(results, key=lambda result: result["rate"])[runs // 2]


def rate(result):
    """`5566/s, p50 2.5 ms, p99 10.5 ms`, and errors if there were any."""
    text = f"{result['rate']:.0f}/s, p50 {result['p50']:.1f} ms, p99 {result['p99']:.1f} ms"
    return text + (f", {result['errors']} errors" if result["errors"] else "")
