import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpawnerConfig } from "../api/types";
import { formProblems, initialForm, limitOf, manifest, placedProblems, requestBody, volumeForm } from "./form";

const config: SpawnerConfig = {
    allowCustomImage: true,
    image: { value: "x/jupyter-scipy:v1", options: ["x/jupyter-scipy:v1", "x/jupyter-minimal:v1"] },
    imageGroupOne: { value: "x/codeserver:v1", options: ["x/codeserver:v1"] },
    imagePullPolicy: { value: "IfNotPresent" },
    cpu: { value: "0.5", limitFactor: "1.2" },
    memory: { value: "1.0Gi", limitFactor: "1.2" },
    gpus: { value: { num: "none" } },
    workspaceVolume: {
        value: { mount: "/home/jovyan", newPvc: { metadata: { name: "{notebook-name}-workspace" }, spec: { resources: { requests: { storage: "5Gi" } }, accessModes: ["ReadWriteOnce"] } } },
    },
    dataVolumes: { value: [] },
    affinityConfig: { value: "" }, tolerationGroup: { value: "" }, configurations: { value: [] }, shm: { value: true }, environment: { value: {} },
};
const none = { notebooks: [], volumes: [] };

test("the form begins with the administrator's values and has no problem", () => {
    const form = initialForm(config, "lab");
    assert.equal(form.image, "x/jupyter-scipy:v1");
    assert.deepEqual([form.cpu, form.memoryGiB, form.workspace.sizeGiB], ["0.5", "1", "5"]);
    assert.deepEqual(formProblems(form, none), {});
});

test("the request is the one of the Jupyter web app", () => {
    const body = requestBody(initialForm(config, "lab"), config, "ns");
    assert.deepEqual(body, {
        name: "lab", namespace: "ns", serverType: "jupyter", image: "x/jupyter-scipy:v1", imagePullPolicy: "IfNotPresent",
        cpu: "0.5", cpuLimit: "", memory: "1Gi", memoryLimit: "", gpus: { num: "none", vendor: "" },
        tolerationGroup: "none", affinityConfig: "none", configurations: [], shm: true, environment: {},
        workspace: {
            mount: "/home/jovyan",
            newPvc: { metadata: { name: "lab-workspace" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "5Gi" } }, storageClassName: undefined } },
        },
        datavols: [],
    });
});

test("a field that the administrator fixed is not sent", () => {
    const fixed: SpawnerConfig = { ...config, cpu: { value: "2", readOnly: true }, shm: { value: false, readOnly: true } };
    const body = requestBody(initialForm(fixed, "lab"), fixed, "ns");
    assert.ok(!("cpu" in body) && !("cpuLimit" in body) && !("shm" in body) && "memory" in body);
});

test("problems are found at their fields", () => {
    const form = initialForm(config, "Lab");
    form.cpu = "0";
    form.memoryLimitGiB = "0.5";
    form.data = [{ ...volumeForm({ mount: "/home/jovyan" }, "existing"), existing: "" }];
    const found = formProblems(form, none);
    assert.deepEqual(Object.keys(found).sort(), ["cpu", "datavols[0].mount", "datavols[0].name", "memoryLimit", "name"]);
    assert.match(formProblems(initialForm(config, "lab"), { notebooks: [], volumes: ["lab-workspace"] })["workspace.name"] ?? "", /exists already/);
    assert.match(formProblems({ ...initialForm(config, "lab"), isCustom: true }, none).customImage ?? "", /Name an image/);
});

test("limits are the request times the factor, as the server rounds", () => {
    assert.equal(limitOf("0.5", "", "1.2"), "0.6");
    assert.equal(limitOf("1", "3", "1.2"), "3");
    assert.equal(limitOf("1", "", "none"), "");
});

test("the manifest has the volume first and names the creator", () => {
    const text = manifest(initialForm(config, "lab"), config, "ns", "ada@example.com");
    const [claim = "", notebook = ""] = text.split("---\n");
    assert.match(claim, /kind: PersistentVolumeClaim\n[^]*name: lab-workspace/);
    assert.match(notebook, /kind: Notebook/);
    assert.match(notebook, /notebooks\.kubeflow\.org\/creator: ada@example\.com/);
    assert.match(notebook, /memory: 1\.2Gi/);
    assert.match(notebook, /mountPath: \/dev\/shm/);
});

test("the server's names of fields find the form's", () => {
    const placed = placedProblems({ "workspace.newPvc.metadata.name": "a", "datavols.0.newPvc.spec.resources.requests.storage": "b", "metadata.name": "c", cpu: "d", "datavols[1]": "e" });
    assert.deepEqual(placed, { "workspace.name": "a", "datavols[0].size": "b", name: "c", cpu: "d", "datavols[1].name": "e" });
});
