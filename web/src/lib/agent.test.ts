import assert from "node:assert/strict";
import { test } from "node:test";
import { describeAgent } from "./agent";

test("browsers and systems are told from one another", () => {
    const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";
    assert.equal(describeAgent(chrome), "Chrome on Linux");
    assert.equal(describeAgent(`${chrome} Edg/130.0.0.0`), "Edge on Linux");
    assert.equal(describeAgent("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"), "Safari on macOS");
    assert.equal(describeAgent("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"), "Firefox on Windows");
});

test("programs are called by their names", () => {
    assert.equal(describeAgent("curl/8.5.0"), "curl");
    assert.equal(describeAgent("kfp/2.0"), "kfp/2.0");
    assert.equal(describeAgent(undefined), "An unknown program");
});
