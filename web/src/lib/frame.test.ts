import assert from "node:assert/strict";
import { test } from "node:test";
import { framedAddress, framedURL, isElsewhere, messagesFor, showsAllNamespaces } from "./frame";

test("hash and query go to the frame, the namespace does not", () => {
    assert.equal(framedURL("/app/", "?ns=a&x=1", "#/runs"), "/app/?x=1#/runs");
    assert.equal(framedURL("/app/", "?ns=a", ""), "/app/");
});

test("where the frame went is the page's address", () => {
    assert.equal(framedAddress({ pathname: "/app/two", search: "?x=1", hash: "#h" }, "a"), "/_/app/two?x=1&ns=a#h");
    assert.equal(framedAddress({ pathname: "blank", search: "", hash: "" }, "a"), null);
});

test("a frame follows the page's address, whatever namespace is in its own", () => {
    const inside = { pathname: "/app/", search: "?ns=b&x=1", hash: "#/runs" };
    assert.equal(isElsewhere(inside, "/app/?x=1#/runs"), false);
    assert.equal(isElsewhere(inside, "/app/?x=1#/pipelines"), true);
});

test("an application is told the namespace once there is one, or all of them", () => {
    assert.deepEqual(messagesFor("a", null), [{ type: "namespace-selected", value: "a" }]);
    assert.deepEqual(messagesFor("", null), []);
    assert.deepEqual(messagesFor("a", ["a", "b"]), [{ type: "all-namespaces", value: ["a", "b"] }]);
});

test("all namespaces are for applications that can show them", () => {
    assert.equal(showsAllNamespaces("/katib/"), true);
    assert.equal(showsAllNamespaces("/models"), true);
    assert.equal(showsAllNamespaces("/pipeline/"), false);
    assert.equal(showsAllNamespaces("/modelship/"), false);
});
