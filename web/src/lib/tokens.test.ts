import assert from "node:assert/strict";
import { test } from "node:test";
import { expiryOf, scopeLabel, tokenProblems } from "./tokens";

test("a token needs a purpose and something it may do", () => {
    assert.deepEqual(tokenProblems(" ", []), { name: "Say what it is for.", scopes: "Choose what it may do." });
    assert.deepEqual(tokenProblems("nightly", ["read"]), { name: null, scopes: null });
    assert.equal(tokenProblems("x".repeat(101), ["read"]).name, "At most 100 characters.");
    assert.equal(scopeLabel("notebooks"), "Notebooks");
});

test("a token that ends within a week says so", () => {
    const now = new Date("2026-01-01T00:00:00Z");
    assert.equal(expiryOf("2025-12-31T23:59:59Z", now), "expired");
    assert.equal(expiryOf("2026-01-06T00:00:00Z", now), "soon");
    assert.equal(expiryOf("2026-02-01T00:00:00Z", now), "later");
});
