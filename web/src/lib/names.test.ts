import assert from "node:assert/strict";
import { test } from "node:test";
import { describeImage, imageProblem, splitImage } from "./image";
import { freeName, longestNotebookName, nameProblem, namespaceFor, viewerName } from "./names";

const problem = (name: string) => nameProblem(name, longestNotebookName, ["taken"], "Notebook");

test("a good name has no problem", () => {
    for (const name of ["a", "my-lab", "lab2", "x".repeat(52)]) assert.equal(problem(name), null, name);
});

test("every slip is named", () => {
    const cases: [string, RegExp][] = [
        ["", /Give it a name/], ["Lab", /lower case/], ["my lab", /space/], ["my_lab", /“_”/], ["2lab", /Start with a letter/], ["-lab", /Start with/],
        ["lab-", /End with/], ["x".repeat(53), /At most 52 characters; this has 53/], ["taken", /exists already/],
    ];
    for (const [name, message] of cases) assert.match(problem(name) ?? "", message);
});

test("a free name counts on", () => {
    assert.equal(freeName("notebook", []), "notebook");
    assert.equal(freeName("notebook", ["notebook", "notebook-2"]), "notebook-3");
});

test("a viewer is called like its volume where a Service can be", () => {
    assert.equal(viewerName("data"), "data");
    assert.equal(viewerName("x".repeat(53)), "x".repeat(53));
    for (const name of ["x".repeat(54), "a.b"]) assert.equal(viewerName(name), null, name);
});

test("image references are split; a registry's port is no tag", () => {
    assert.deepEqual(splitImage("localhost:5000/team/lab"), { path: "localhost:5000/team/lab", name: "lab", tag: "" });
    assert.equal(splitImage(`a/b:v1@sha256:${"0".repeat(64)}`).tag, "v1");
    assert.equal(describeImage("ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-scipy:v1.10.0").title, "JupyterLab SciPy");
    assert.equal(describeImage("example.com/odd:1").short, "odd:1");
});

test("image references are checked for slips", () => {
    assert.equal(imageProblem("python:3.11"), null);
    assert.equal(imageProblem("localhost:5000/team/lab:v1"), null);
    assert.match(imageProblem("my image") ?? "", /spaces/);
    assert.match(imageProblem("https://x/y") ?? "", /not an image reference/);
    assert.match(imageProblem("") ?? "", /Name an image/);
});

test("a namespace is called like its user, as far as that can be", () => {
    assert.equal(namespaceFor("Ada.Lovelace@example.com"), "ada-lovelace");
    assert.equal(namespaceFor("42_bob!"), "bob");
    assert.equal(namespaceFor("@example.com"), "");
    assert.equal(namespaceFor(`${"a".repeat(62)}.b`), "a".repeat(62));
});
