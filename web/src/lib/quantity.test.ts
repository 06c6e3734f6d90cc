import assert from "node:assert/strict";
import { test } from "node:test";
import { coresInWords, formatCores, formatSize, gibibytes, parseQuantity } from "./quantity";

test("quantities are read with every suffix", () => {
    const cases: [string, number | null][] = [
        ["500m", 0.5], ["1.5", 1.5], [".5", 0.5], ["2Gi", 2 ** 31], ["1k", 1000], ["1e3", 1000], ["2E", 2e18], ["1Ei", 2 ** 60],
        ["-1", -1], ["", null], ["five", null], ["1.5GB", null], ["1 Gi", null],
    ];
    for (const [text, value] of cases) assert.equal(parseQuantity(text), value, text);
});

test("sizes are shown in binary units, cores as numbers", () => {
    assert.equal(formatSize("5Gi"), "5 GiB");
    assert.equal(formatSize("1.0Gi"), "1 GiB");
    assert.equal(formatSize("1536Mi"), "1.5 GiB");
    assert.equal(formatSize("500"), "500 B");
    assert.equal(formatSize("odd"), "odd");
    assert.equal(formatCores("500m"), "0.5");
    assert.equal(coresInWords("1"), "1 core");
    assert.equal(gibibytes("512Mi"), "0.5");
});
