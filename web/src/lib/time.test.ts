import assert from "node:assert/strict";
import { test } from "node:test";
import { greeting, parseTime, relativeTime } from "./time";

const now = new Date("2026-03-10T12:00:00Z");
const before = (seconds: number) => new Date(now.getTime() - seconds * 1000);

test("ages are said as people say them", () => {
    assert.equal(relativeTime(before(3), now), "just now");
    assert.equal(relativeTime(before(-30), now), "just now");
    assert.equal(relativeTime(before(60), now), "1 min ago");
    assert.equal(relativeTime(before(3599), now), "60 min ago");
    assert.equal(relativeTime(before(2 * 3600), now), "2 h ago");
    assert.equal(relativeTime(before(30 * 3600), now), "yesterday");
    assert.equal(relativeTime(before(5 * 86_400), now), "5 days ago");
    assert.match(relativeTime(new Date("2024-02-01T12:00:00Z"), now), /2024/);
});

test("what is not a time is null", () => {
    assert.equal(parseTime(""), null);
    assert.equal(parseTime("soon"), null);
    assert.equal(parseTime("2026-03-10T12:00:00Z")?.getTime(), now.getTime());
});

test("the greeting follows the hour", () => {
    assert.equal(greeting(new Date(2026, 1, 1, 9)), "Good morning");
    assert.equal(greeting(new Date(2026, 1, 1, 15)), "Good afternoon");
    assert.equal(greeting(new Date(2026, 1, 1, 2)), "Good evening");
});
