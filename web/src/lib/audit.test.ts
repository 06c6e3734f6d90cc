import assert from "node:assert/strict";
import { test } from "node:test";
import { auditQuery, describeAction } from "./audit";

test("an entry is told in words", () => {
    assert.deepEqual(describeAction({ verb: "delete", resource: "notebooks", namespace: "a", name: "lab" }), { action: "Deleted notebooks", object: "a/lab" });
    assert.deepEqual(describeAction({ verb: "create", resource: "pods", subresource: "exec", namespace: "a", name: "p" }), { action: "Ran a command in pods", object: "a/p" });
    assert.deepEqual(describeAction({ verb: "patch", resource: "notebooks", subresource: "status", name: "x" }), { action: "Changed status of notebooks", object: "x" });
    assert.deepEqual(describeAction({ verb: "get", path: "/metrics" }), { action: "Asked for", object: "/metrics" });
    assert.deepEqual(describeAction({ verb: "post", path: "/login" }), { action: "Sent something to", object: "/login" });
});

test("a filter becomes a query, hours become a time", () => {
    const now = new Date("2026-01-02T12:00:00.500Z");
    assert.equal(auditQuery({ q: "", verb: "", decision: "", hours: "", by: "all", log: "" }, now), "by=all");
    assert.equal(auditQuery({ q: "x", verb: "create", decision: "allow", hours: "", by: "", log: "gateway" }, now), "log=gateway&q=x");
    assert.equal(auditQuery({ q: "a b", verb: "create", decision: "forbid", hours: "24", by: "", log: "" }, now),
        "by=people&q=a+b&verb=create&decision=forbid&from=2026-01-01T12%3A00%3A00Z");
});
