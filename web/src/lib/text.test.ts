import assert from "node:assert/strict";
import { test } from "node:test";
import { LineBuffer, plain, spansOf } from "./ansi";
import { diffLines, hasChanges } from "./diff";
import { toYAML, tokensOf, withoutManagedFields } from "./yaml";

test("YAML is written in block style, and text that looks like something else is quoted", () => {
    const value = { a: { b: [1, { c: "x", d: ["z"] }, []], e: {}, gone: undefined }, t: "true", num: "0.5", e: "", k: "a: b", url: "ghcr.io/a/b:v1", date: "2026-01-01", h: "# no" };
    const lines = [
        "a:", "  b:", "  - 1", "  - c: x", "    d:", "    - z", "  - []", "  e: {}", "t: \"true\"", "num: \"0.5\"", "e: \"\"", "k: \"a: b\"",
        "url: ghcr.io/a/b:v1", "date: \"2026-01-01\"", "h: \"# no\"", "",
    ];
    assert.equal(toYAML(value), lines.join("\n"));
    assert.equal(toYAML({ script: "a\nb\n" }), "script: |\n  a\n  b\n");
});

test("managed fields go, everything else stays", () => {
    const text = "kind: X\nmetadata:\n  managedFields:\n  - manager: a\n    fieldsV1: {}\n  name: x\nspec:\n  managedFields: kept\n";
    assert.equal(withoutManagedFields(text), "kind: X\nmetadata:\n  name: x\nspec:\n  managedFields: kept\n");
});

test("the coloured tokens of a line are the line", () => {
    for (const line of ["", "a: b", "  - name: x # note", "key: \"a: b # c\"", "- 5", "url: http://x:80/#a", "  notebooks.kubeflow.org/x: y", "plain text", "a.b/c:d: e"]) {
        assert.equal(tokensOf(line).map((token) => token.text).join(""), line);
    }
    assert.deepEqual(tokensOf("cpu: 2").map((token) => token.kind), ["key", "mark", "number"]);
});

test("a diff names what was added and removed, and folds what is equal", () => {
    const before = Array.from({ length: 20 }, (_, index) => `line ${index}`).join("\n");
    const lines = diffLines(before, before.replace("line 10", "changed").replace("line 11\n", ""));
    const kinds = lines.map((line) => (line.kind === "gap" ? `gap ${line.count}` : line.kind));
    assert.deepEqual(kinds, ["gap 7", "same", "same", "same", "removed", "removed", "added", "same", "same", "same", "gap 5"]);
    assert.ok(!hasChanges(diffLines("a\nb\n", "a\nb")));
    assert.ok(hasChanges(diffLines("", "a")));
});

test("ANSI colours become spans, and never markup", () => {
    const spans = spansOf("\u001b[31mred <b>\u001b[0m plain \u001b[38;5;208morange\u001b[0m");
    assert.deepEqual(spans.map((span) => span.text), ["red <b>", " plain ", "orange"]);
    assert.equal(spans[0]?.classes, "ansi-red-fg");
    assert.match(spans[2]?.color ?? "", /^rgb\(\d+,\d+,\d+\)$/);
    assert.equal(plain("\u001b[31mred\u001b[0m"), "red");
});

test("log text is cut into lines, capped, and progress bars are their last drawing", () => {
    const buffer = new LineBuffer(3);
    let lines = buffer.push([], "a\nb");
    assert.deepEqual(lines, ["a"]);
    lines = buffer.push(lines, "c\r\n10%\r50%\r100%\nd\n");
    assert.deepEqual(lines, ["bc", "100%", "d"]);
    assert.equal(buffer.dropped, 1);
    assert.deepEqual(buffer.end(buffer.push(lines, "rest")), ["100%", "d", "rest"]);
});
