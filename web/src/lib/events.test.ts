import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeEvent } from "../api/types";
import { byNewest, latestOfEach, presentRun, startSteps, withoutRepeats } from "./events";
import { clean, concerns, newestEvent, percentIn, shownStatus } from "./status";

let number = 0;
function event(reason: string, second: number, message = "", kind = "Notebook", name = "lab", type = "Normal"): KubeEvent {
    const lastTimestamp = new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
    return { metadata: { name: `e${number++}` }, involvedObject: { kind, name }, type, reason, message, lastTimestamp };
}

test("a percentage is found in a message, and only a percentage", () => {
    assert.equal(percentIn("Building environment: 42% (12 of 28)"), 42);
    assert.equal(percentIn("100 % done"), 100);
    assert.equal(percentIn("42.7% done"), 42);
    assert.equal(percentIn("no number"), null);
    assert.equal(percentIn("1234% odd"), null);
});

test("the controller's prefix is taken off", () => {
    assert.equal(clean("Reissued from pod/lab-0: Started container"), "Started container");
    assert.equal(clean("plain"), "plain");
});

test("an event about the notebook, its StatefulSet or its Pod concerns it; one of a longer name does not", () => {
    assert.ok(concerns(event("A", 1, "", "Pod", "lab-0"), "lab"));
    assert.ok(concerns(event("A", 1, "", "StatefulSet", "lab"), "lab"));
    assert.ok(!concerns(event("A", 1, "", "Pod", "lab-2-0"), "lab"));
    assert.ok(!concerns(event("A", 1, "", "PersistentVolumeClaim", "lab"), "lab"));
});

test("status phases become words", () => {
    assert.equal(shownStatus({ phase: "ready", message: "Running" }).word, "Running");
    assert.equal(shownStatus({ phase: "waiting", message: "Notebook Server is stopping." }).word, "Stopping");
    assert.equal(shownStatus({ phase: "warning", message: "ContainerCreating" }).word, "Starting");
    assert.equal(shownStatus({ phase: "warning", message: "ErrImagePull: no environment" }).word, "Needs attention");
    assert.equal(shownStatus(undefined).word, "Starting");
    const building = shownStatus({ phase: "waiting" }, event("Pulling", 1, "Reissued from pod/lab-0: Building: 30%"));
    assert.deepEqual([building.message, building.percent], ["Building: 30%", 30]);
    const own = shownStatus({ phase: "waiting", message: "Building environment (42 %): numpy" }, event("Pulling", 1, "Building environment (40 %): x"));
    assert.equal(own.percent, 42);
    const failed = shownStatus({ phase: "warning" }, event("Failed", 1, "no such image", "Notebook", "lab", "Warning"));
    assert.deepEqual([failed.word, failed.message], ["Needs attention", "no such image"]);
    const told = shownStatus({ phase: "warning", message: "ErrImagePull: add an entry" }, event("BackOff", 1, "Back-off", "Notebook", "lab", "Warning"));
    assert.equal(told.message, "ErrImagePull: add an entry");
});

test("events of an earlier run are left out", () => {
    const events = [event("Started", 1), event("Killing", 5), event("Scheduled", 8)];
    assert.deepEqual(presentRun(events).map((one) => one.reason), ["Scheduled"]);
    assert.equal(newestEvent(events, "lab")?.reason, "Scheduled");
    assert.equal(newestEvent(events.slice(0, 2), "lab"), undefined);
});

test("a Pod's event that the controller repeated is shown once", () => {
    const events = [event("Started", 1, "go", "Pod", "lab-0"), event("Started", 1, "Reissued from pod/lab-0: go")];
    assert.deepEqual(withoutRepeats(events).map((one) => one.involvedObject.kind), ["Notebook"]);
});

test("newest first, equal times in a stable order", () => {
    const [a, b, c] = [event("A", 1), event("B", 3), event("C", 1)];
    assert.deepEqual(byNewest([c, b, a]).map((one) => one.reason), ["B", "A", "C"]);
});

test("the steps of a start follow the events, missing ones are filled in", () => {
    const states = (events: KubeEvent[], running = false) => startSteps(null, events, [], running, clean).map((step) => step.state).join(" ");
    assert.equal(states([]), "done active pending pending pending");
    assert.equal(states([event("Scheduled", 1), event("Pulling", 2, "10%")]), "done done active pending pending");
    assert.equal(states([event("Started", 9)]), "done done done done active");
    assert.equal(states([event("Scheduled", 1), event("Failed", 2, "", "Notebook", "lab", "Warning")]), "done done failed pending pending");
    assert.equal(states([], true), "done done done done done");
});

test("of a progress, the newest step is kept", () => {
    const events = [event("Pulling", 3, "30 %"), event("Pulling", 2, "20 %"), event("Scheduled", 1)];
    assert.deepEqual(latestOfEach(events).map((one) => one.message), ["30 %", ""]);
});
