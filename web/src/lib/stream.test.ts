import assert from "node:assert/strict";
import { test } from "node:test";
import { notebookPath, routeOf, withQuery } from "./routes";
import { ranked } from "./search";
import { backOff, removed, ServerEventParser, upserted } from "./stream";

test("server-sent events arrive whole, however they are cut", () => {
    const text = ": hello\n\nevent: notebooks\ndata: {\"a\":\ndata: 1}\n\ndata: plain\r\n\r\nevent: no-data\n\n";
    const expected = [{ event: "notebooks", data: "{\"a\":\n1}" }, { event: "message", data: "plain" }];
    for (let size = 1; size <= text.length; size += 1) {
        const parser = new ServerEventParser();
        const found = [];
        for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
        assert.deepEqual(found, expected, `chunks of ${size}`);
    }
});

test("rows change in place, new ones come last", () => {
    const key = (row: { n: string; v: number }) => row.n;
    const rows = [{ n: "a", v: 1 }, { n: "b", v: 1 }];
    assert.deepEqual(upserted(rows, { n: "a", v: 2 }, key), [{ n: "a", v: 2 }, { n: "b", v: 1 }]);
    assert.deepEqual(upserted(rows, { n: "c", v: 1 }, key).map(key), ["a", "b", "c"]);
    assert.deepEqual(removed(rows, "a", key).map(key), ["b"]);
});

test("waiting grows and has an end", () => {
    assert.equal(backOff(0, 0), 500);
    assert.equal(backOff(3, 0), 4000);
    assert.equal(backOff(30, 0), 15_000);
});

test("addresses are routes and back", () => {
    assert.deepEqual(routeOf("/"), { page: "home" });
    assert.deepEqual(routeOf("/notebooks/"), { page: "notebooks" });
    assert.deepEqual(routeOf("/notebooks/new"), { page: "new-notebook" });
    assert.deepEqual(routeOf("/notebooks/ns/lab"), { page: "notebook", namespace: "ns", name: "lab", tab: "overview" });
    assert.deepEqual(routeOf(notebookPath("ns", "lab", "yaml")), { page: "notebook", namespace: "ns", name: "lab", tab: "yaml" });
    for (const path of ["/notebooks/ns", "/notebooks/ns/lab/odd", "/notebooks/ns/lab/logs/x", "/volumes/x", "/%zz"]) {
        assert.equal(routeOf(path).page, "not-found", path);
    }
});

test("a query keeps what is not changed", () => {
    assert.equal(withQuery("?ns=a&q=x", { q: null }), "?ns=a");
    assert.equal(withQuery("", { q: "a b" }), "?q=a%20b");
    assert.equal(withQuery("?q=x", { q: "" }), "");
});

test("search puts the best first", () => {
    const titles = ["Volumes", "New volume", "value-model", "Notebooks"].map((title) => ({ title }));
    assert.deepEqual(ranked("vol", titles).map((one) => one.title).slice(0, 2), ["Volumes", "New volume"]);
    assert.equal(ranked("", titles).length, 4);
    assert.equal(ranked("zzz", titles).length, 0);
    assert.equal(ranked("scipy", [{ title: "lab", keywords: "jupyter-scipy" }]).length, 1);
});
