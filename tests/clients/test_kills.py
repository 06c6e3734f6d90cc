"""SIGKILL again and again under sixteen writers: nothing that was acknowledged is lost, no version is given out twice,
and watchers go on where they were."""

import collections
import http.client
import json
import random
import ssl
import threading
import time
import urllib.parse

from control_plane import ControlPlane

KILLS = 20
WRITERS = 16
PATH = "/api/v1/namespaces/default/configmaps"
Change = collections.namedtuple("Change", "version kind name value")


class Connection:
    """One kept connection; every failure of it means that the server is gone."""

    def __init__(self, plane):
        session, server = plane.session()
        context = ssl.create_default_context(cafile=session.verify)
        context.load_cert_chain(*session.cert)
        address = urllib.parse.urlsplit(server)
        self.connection = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=30)

    def ask(self, method, path, body=None):
        self.connection.request(
            method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"} if body else {})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def lines(self, path):
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        assert answer.status == 200
        while line := answer.readline():
            yield json.loads(line)


GONE = (OSError, http.client.HTTPException, ValueError)


class Writer:
    """Creates, changes and deletes objects of its own, one after the other, and remembers what it was told."""

    def __init__(self, number):
        self.number, self.count = number, 0
        self.random = random.Random(number)
        self.known = {}  # name -> (version, value), as acknowledged
        self.open = None  # the change under way when the server died: (name, value or None)
        self.acknowledged = []

    def run(self, plane, stop):
        try:
            connection = Connection(plane)
            while not stop.is_set():
                self.step(connection)
        except GONE:
            pass

    def step(self, connection):
        self.count += 1
        name = f"w{self.number}-{self.random.randrange(12)}"
        # Some longer than a block of the disk; not all, for the watchers beside the writers must not fall behind the history.
        value = f"{self.count}/" + "x" * self.random.randrange(16_000 if self.random.random() < 0.1 else 600)
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}}
        if name not in self.known:
            self.open = (name, value)
            status, answer = connection.ask("POST", PATH, body)
            expected, kind = 201, "ADDED"
        elif self.random.random() < 0.25:
            self.open = (name, None)
            status, answer = connection.ask("DELETE", f"{PATH}/{name}")
            expected, kind = 200, "DELETED"
        else:
            body["metadata"]["resourceVersion"] = str(self.known[name][0])
            self.open = (name, value)
            status, answer = connection.ask("PUT", f"{PATH}/{name}", body)
            expected, kind = 200, "MODIFIED"
        assert status == expected, answer
        self.open = None
        if kind == "DELETED":
            del self.known[name]
            self.acknowledged.append(Change(None, kind, name, None))
        else:
            version = int(answer["metadata"]["resourceVersion"])
            self.known[name] = (version, value)
            self.acknowledged.append(Change(version, kind, name, value))

    def check(self, found):
        """Compares with what is stored after a start; the change under way may have been made or not."""
        for name, item in list(found.items()):
            if not name.startswith(f"w{self.number}-"):
                continue
            stored = (int(item["metadata"]["resourceVersion"]), item["data"]["value"])
            if self.open and self.open[0] == name and self.open[1] == stored[1]:
                self.known[name] = stored
            assert self.known.get(name) == stored, f"{name} is not what was acknowledged"
        for name in list(self.known):
            if name not in found:
                assert self.open == (name, None), f"{name} is lost"
                del self.known[name]
        self.open = None


class Watcher:
    """Follows all changes, from where it was when the server died."""

    def __init__(self, version):
        self.version, self.seen = version, []
        self.failure = None

    def run(self, plane, until=None):
        try:
            query = f"?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion={self.version}"
            for event in Connection(plane).lines(PATH + query):
                kind, item = event["type"], event["object"]
                if kind == "ERROR":
                    self.failure = item
                    return
                version = int(item["metadata"]["resourceVersion"])
                if kind != "BOOKMARK":
                    self.seen.append(Change(version, kind, item["metadata"]["name"], item["data"]["value"]))
                self.version = version
                if until and version >= until:
                    return
        except GONE:
            pass


def start_threads(targets):
    threads = [threading.Thread(target=target, args=arguments) for target, *arguments in targets]
    for thread in threads:
        thread.start()
    return threads


def test_twenty_kills_under_sixteen_writers(tmp_path):
    chance = random.Random()
    plane = ControlPlane(tmp_path / "data", "--no-controllers").start()
    first = int(Connection(plane).ask("GET", PATH)[1]["metadata"]["resourceVersion"])
    writers = [Writer(number) for number in range(WRITERS)]
    watchers = [Watcher(first) for _ in range(2)]
    highest = first
    try:
        for kill in range(KILLS):
            stop = threading.Event()
            threads = start_threads([(w.run, plane, stop) for w in writers] + [(w.run, plane) for w in watchers])
            time.sleep(chance.uniform(0.2, 1.5))  # the random moment
            plane.process.kill()
            plane.process.wait(30)
            stop.set()
            for thread in threads:
                thread.join()
            if kill % 4 == 3:  # killed while it starts, too
                plane.start_only()
                time.sleep(chance.uniform(0, 0.4))
                plane.process.kill()
                plane.process.wait(30)
            plane.start()
            status, listing = Connection(plane).ask("GET", PATH)
            assert status == 200
            version = int(listing["metadata"]["resourceVersion"])
            told = max([c.version for w in writers for c in w.acknowledged if c.version] + [w.version for w in watchers])
            assert version >= told and version >= highest, "versions went back"
            highest = version
            found = {item["metadata"]["name"]: item for item in listing["items"]}
            for writer in writers:
                writer.check(found)
        last = Connection(plane).ask("POST", PATH, {"metadata": {"name": "last"}, "data": {"value": ""}})[1]
        for watcher in watchers:
            watcher.run(plane, until=int(last["metadata"]["resourceVersion"]))
    finally:
        plane.process.kill()
        plane.process.wait(30)

    versions = [c.version for w in writers for c in w.acknowledged if c.version]
    assert len(versions) == len(set(versions)) and len(versions) > 500
    for writer in writers:
        own = [c.version for c in writer.acknowledged if c.version]
        assert own == sorted(own)
    for watcher in watchers:
        assert watcher.failure is None
        seen = [change.version for change in watcher.seen]
        assert seen == sorted(set(seen)), "a change came twice or out of order"
        by_version = {change.version: change for change in watcher.seen}
        for writer in writers:
            for change in writer.acknowledged:
                if change.version:
                    assert by_version[change.version] == change, "a watcher missed a change"
            deleted = collections.Counter(c.name for c in writer.acknowledged if c.kind == "DELETED")
            told = collections.Counter(c.name for c in watcher.seen if c.kind == "DELETED")
            assert all(told[name] >= count for name, count in deleted.items()), "a watcher missed a deletion"
        # Played one after the other, the changes give what is stored.
        state = {}
        for change in watcher.seen:
            if change.kind == "DELETED":
                state.pop(change.name)
            else:
                assert (change.kind == "ADDED") == (change.name not in state)
                state[change.name] = (change.version, change.value)
        state.pop("last")
        assert state == {name: stored for writer in writers for name, stored in writer.known.items()}
    assert [c.version for c in watchers[0].seen] == [c.version for c in watchers[1].seen]
