import assert from "node:assert/strict";
import { test } from "node:test";
import { linkTarget, needsNamespace, parts, routeOf } from "./routes";

test("places have the names of Kubeflow's dashboard besides their own", () => {
    assert.equal(routeOf("/contributors").page, "contributors");
    assert.equal(routeOf("/manage-users").page, "contributors");
    assert.equal(routeOf("/admin").page, "admin-profiles");
    assert.equal(routeOf("/admin/audit").page, "admin-audit");
    assert.equal(routeOf("/admin/nothing").page, "not-found");
    assert.deepEqual(routeOf("/_/app/list/"), { page: "frame", target: "/app/list/" });
});

test("links lead to our pages, into a frame or outside, and never run", () => {
    assert.deepEqual(linkTarget("/jupyter/new?namespace={ns}", "a", true), { to: "/notebooks/new", isOutside: false });
    assert.deepEqual(linkTarget("/app/{ns}/", "a/b", true), { to: "/_/app/a%2Fb/", isOutside: false });
    assert.deepEqual(linkTarget("https://example.com/x", "a", false), { to: "https://example.com/x", isOutside: true });
    assert.equal(linkTarget("javascript:alert(1)", "a", false), null);
    assert.equal(linkTarget("//elsewhere", "a", true), null);
});

test("a hash stays behind the query", () => {
    assert.deepEqual(parts("/_/pipeline/?x=1#/runs?y"), { path: "/_/pipeline/", query: "?x=1", hash: "#/runs?y" });
    assert.deepEqual(parts("/_/pipeline/#/runs"), { path: "/_/pipeline/", query: "", hash: "#/runs" });
    assert.deepEqual(parts("/"), { path: "/", query: "", hash: "" });
});

test("one's account and the administration need no namespace", () => {
    assert.equal(needsNamespace(routeOf("/account")), false);
    assert.equal(needsNamespace(routeOf("/admin/audit")), false);
    assert.equal(needsNamespace(routeOf("/contributors")), true);
    assert.equal(routeOf("/constructor").page, "not-found");
});
