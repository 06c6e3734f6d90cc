import assert from "node:assert/strict";
import { test } from "node:test";
import { usageRows } from "./usage";

const pods = [{ containers: [{ usage: { cpu: "100m", memory: "64Mi" } }, { usage: { cpu: "150000000n", memory: "64Mi" } }] }];

test("reserved of the quota, and what is in use", () => {
    const rows = usageRows({ hard: { cpu: "4", "requests.storage": "10Gi" }, used: { cpu: "1500m", "requests.storage": "10Gi" } }, pods);
    assert.deepEqual(rows, [
        { title: "CPU", share: 0.375, text: "1.5 of 4 cores reserved, 0.25 cores in use" },
        { title: "Memory", share: null, text: "128 MiB in use" },
        { title: "Storage", share: 1, text: "10 GiB of 10 GiB" },
    ]);
});

test("without a quota and without Pods there is nothing to show", () => {
    assert.deepEqual(usageRows({ hard: {}, used: {} }, []), []);
    assert.deepEqual(usageRows(null, null), []);
});

test("a quota of nothing is used up by anything", () => {
    assert.equal(usageRows({ hard: { pods: "0" }, used: { pods: "1" } }, null)[0]?.share, 1);
    assert.equal(usageRows({ hard: { pods: "0" }, used: {} }, null)[0]?.share, 0);
});
