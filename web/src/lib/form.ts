/** The new-notebook form: its values, what is wrong with them, the request they make, and the manifest they become. */

import type { ConfiguredVolume, SpawnerConfig } from "../api/types";
import { imageProblem } from "./image";
import { longestNotebookName, nameProblem } from "./names";
import { gibibytes } from "./quantity";
import { toYAML, type JSONValue } from "./yaml";

export type ServerType = "jupyter" | "group-one" | "group-two";

export interface VolumeForm {
    /** Stable key of the row, never sent. */
    id: number;
    kind: "new" | "existing" | "none";
    /** May hold `{notebook-name}`. */
    name: string;
    existing: string;
    sizeGiB: string;
    mode: string;
    storageClass: string;
    mount: string;
}

export interface NotebookForm {
    name: string;
    serverType: ServerType;
    image: string;
    isCustom: boolean;
    customImage: string;
    pullPolicy: string;
    cpu: string;
    cpuLimit: string;
    memoryGiB: string;
    memoryLimitGiB: string;
    gpuCount: string;
    gpuVendor: string;
    workspace: VolumeForm;
    data: VolumeForm[];
    configurations: string[];
    shm: boolean;
    affinity: string;
    tolerations: string;
}

export interface ImageChoice { image: string; serverType: ServerType }

export function imageChoices(config: SpawnerConfig): ImageChoice[] {
    const groups: [ServerType, SpawnerConfig["image"]][] = [
        ["jupyter", config.image], ["group-one", config.imageGroupOne], ["group-two", config.imageGroupTwo],
    ];
    return groups.flatMap(([serverType, group]) => {
        const options = group?.options ?? [];
        const images = group?.readOnly ? [group.value] : options.length > 0 ? options : group?.value ? [group.value] : [];
        return images.map((image) => ({ image, serverType }));
    });
}

let nextID = 1;

export function volumeForm(configured?: ConfiguredVolume | null, kind?: VolumeForm["kind"]): VolumeForm {
    const claim = configured?.newPvc;
    const existing = configured?.existingSource?.persistentVolumeClaim?.claimName ?? "";
    return {
        id: nextID++,
        kind: kind ?? (existing ? "existing" : configured ? "new" : "none"),
        name: claim?.metadata.name ?? "{notebook-name}-workspace",
        existing,
        sizeGiB: gibibytes(claim?.spec.resources?.requests?.storage ?? "5Gi"),
        mode: claim?.spec.accessModes?.[0] ?? "ReadWriteOnce",
        storageClass: claim?.spec.storageClassName ?? "",
        mount: configured?.mount ?? "/home/jovyan",
    };
}

export function initialForm(config: SpawnerConfig, name: string): NotebookForm {
    const choices = imageChoices(config);
    const first = choices.find((choice) => choice.image === config.image?.value) ?? choices[0];
    return {
        name,
        serverType: first?.serverType ?? "jupyter",
        image: first?.image ?? "",
        isCustom: choices.length === 0,
        customImage: "",
        pullPolicy: config.imagePullPolicy?.value ?? "IfNotPresent",
        cpu: config.cpu?.value ?? "0.5",
        cpuLimit: "",
        memoryGiB: gibibytes(config.memory?.value ?? "1Gi"),
        memoryLimitGiB: "",
        gpuCount: config.gpus?.value.num || "none",
        gpuVendor: config.gpus?.value.vendor ?? "",
        workspace: volumeForm(config.workspaceVolume ? config.workspaceVolume.value : null),
        data: (config.dataVolumes?.value ?? []).map((volume) => volumeForm(volume)),
        configurations: config.configurations?.value ?? [],
        shm: config.shm?.value ?? true,
        affinity: config.affinityConfig?.value ?? "",
        tolerations: config.tolerationGroup?.value ?? "",
    };
}

/** The name a volume gets: the form shows the placeholder filled in. */
export function volumeName(volume: VolumeForm, notebook: string): string {
    return volume.kind === "existing" ? volume.existing : volume.name.replaceAll("{notebook-name}", notebook);
}

export interface FormContext { notebooks: readonly string[]; volumes: readonly string[] }

/** Messages by field; field names are those of the request, so that the server's own messages find their place. */
export function formProblems(form: NotebookForm, context: FormContext): Record<string, string> {
    const found: Record<string, string> = {};
    const check = (field: string, problem: string | null) => { if (problem) found[field] ??= problem; };
    check("name", nameProblem(form.name, longestNotebookName, context.notebooks, "Notebook"));
    if (form.isCustom) check("customImage", imageProblem(form.customImage));
    else if (form.image === "") check("image", "Choose an image.");
    check("cpu", amountProblem(form.cpu, "cores"));
    check("cpuLimit", limitProblem(form.cpuLimit, form.cpu, "cores"));
    check("memory", amountProblem(form.memoryGiB, "GiB"));
    check("memoryLimit", limitProblem(form.memoryLimitGiB, form.memoryGiB, "GiB"));
    if (form.gpuCount !== "none" && form.gpuVendor === "") check("gpus", "Choose the vendor.");
    const mounts = new Set<string>();
    const names = new Set<string>();
    [form.workspace, ...form.data].forEach((volume, index) => {
        const key = index === 0 ? "workspace" : `datavols[${index - 1}]`;
        if (volume.kind === "none") return;
        const name = volumeName(volume, form.name);
        if (volume.kind === "new") {
            const problem = nameProblem(name, 63, context.volumes, "Volume");
            // While the notebook has no good name, the volume named after it has none either: one message is enough.
            if (!(found.name && volume.name.includes("{notebook-name}"))) check(`${key}.name`, problem);
            check(`${key}.size`, amountProblem(volume.sizeGiB, "GiB"));
        } else {
            check(`${key}.name`, volume.existing === "" ? "Choose a volume." : null);
        }
        if (name !== "" && names.has(name)) check(`${key}.name`, "This volume is mounted already.");
        names.add(name);
        check(`${key}.mount`, mountProblem(volume.mount, mounts));
        mounts.add(volume.mount);
    });
    return found;
}

function amountProblem(text: string, unit: string): string | null {
    const value = Number(text);
    if (text.trim() === "" || Number.isNaN(value)) return `A number of ${unit}.`;
    return value > 0 ? null : "More than nothing.";
}

function limitProblem(text: string, request: string, unit: string): string | null {
    if (text.trim() === "") return null;
    return amountProblem(text, unit) ?? (Number(text) < Number(request) ? "Not less than what is requested." : null);
}

function mountProblem(path: string, taken: ReadonlySet<string>): string | null {
    if (!path.startsWith("/")) return "An absolute path, such as /home/jovyan/data.";
    if (path === "/" || path.split("/").includes("..")) return "This path cannot be used.";
    if (path.includes(":")) return "A path cannot hold a colon.";
    return taken.has(path) ? "Another volume is mounted here." : null;
}

/** A limit that was left empty is the request times the configured factor, as the server computes it. */
export function limitOf(request: string, limit: string, factor: string | undefined): string {
    if (limit.trim() !== "") return limit.trim();
    if (!factor || factor === "none") return "";
    const value = Number(request) * Number(factor);
    return Number.isFinite(value) ? String(Math.round(value * 10) / 10) : "";
}

/** The body of the request. A field that the administrator fixed is not sent: the server would refuse it. */
export function requestBody(form: NotebookForm, config: SpawnerConfig, namespace: string): Record<string, unknown> {
    const body: Record<string, unknown> = { name: form.name, namespace, serverType: form.serverType };
    const set = (key: string, setting: { readOnly?: boolean } | undefined, value: unknown) => {
        if (setting && !setting.readOnly) body[key] = value;
    };
    if (form.isCustom) {
        Object.assign(body, { image: form.customImage.trim(), customImage: form.customImage.trim(), customImageCheck: true });
    } else if (!config.image?.readOnly || form.serverType !== "jupyter") {
        body.image = form.image;
    }
    set("imagePullPolicy", config.imagePullPolicy, form.pullPolicy);
    set("cpu", config.cpu, form.cpu.trim());
    set("cpuLimit", config.cpu, form.cpuLimit.trim());
    set("memory", config.memory, `${form.memoryGiB.trim()}Gi`);
    set("memoryLimit", config.memory, form.memoryLimitGiB.trim() === "" ? "" : `${form.memoryLimitGiB.trim()}Gi`);
    set("gpus", config.gpus, { num: form.gpuCount, vendor: form.gpuCount === "none" ? "" : form.gpuVendor });
    set("tolerationGroup", config.tolerationGroup, form.tolerations || "none");
    set("affinityConfig", config.affinityConfig, form.affinity || "none");
    set("configurations", config.configurations, form.configurations);
    set("shm", config.shm, form.shm);
    set("environment", config.environment, {});
    if (form.workspace.kind !== "none") set("workspace", config.workspaceVolume, volumeBody(form.workspace, form.name));
    set("datavols", config.dataVolumes, form.data.filter((one) => one.kind !== "none").map((one) => volumeBody(one, form.name)));
    return body;
}

function volumeBody(volume: VolumeForm, notebook: string) {
    const name = volumeName(volume, notebook);
    if (volume.kind === "existing") {
        return { mount: volume.mount, existingSource: { persistentVolumeClaim: { claimName: name } } };
    }
    return { mount: volume.mount, newPvc: { metadata: { name }, spec: claimSpec(volume) } };
}

function claimSpec(volume: VolumeForm): { [key: string]: JSONValue | undefined } {
    return {
        accessModes: [volume.mode],
        resources: { requests: { storage: `${volume.sizeGiB.trim()}Gi` } },
        storageClassName: volume.storageClass || undefined,
    };
}

/** What the form will create, as `kubectl apply -f` would take it. */
export function manifest(form: NotebookForm, config: SpawnerConfig, namespace: string, user: string): string {
    const name = form.name || "my-notebook";
    const volumes = [form.workspace, ...form.data].filter((volume) => volume.kind !== "none");
    const documents: JSONValue[] = volumes.filter((volume) => volume.kind === "new").map((volume) => ({
        apiVersion: "v1", kind: "PersistentVolumeClaim",
        metadata: { name: volumeName(volume, name), namespace }, spec: claimSpec(volume),
    }));
    documents.push(notebookManifest(form, config, name, namespace, user, volumes));
    return documents.map(toYAML).join("---\n");
}

function notebookManifest(
    form: NotebookForm, config: SpawnerConfig, name: string, namespace: string, user: string, volumes: VolumeForm[],
): JSONValue {
    const cpuLimit = limitOf(form.cpu, form.cpuLimit, config.cpu?.limitFactor);
    const memoryLimit = limitOf(form.memoryGiB, form.memoryLimitGiB, config.memory?.limitFactor);
    const gpus = form.gpuCount !== "none" && form.gpuVendor ? { [form.gpuVendor]: form.gpuCount } : {};
    const limits: { [key: string]: JSONValue | undefined } = {
        cpu: cpuLimit || undefined, memory: memoryLimit ? `${memoryLimit}Gi` : undefined, ...gpus,
    };
    const sources: JSONValue[] = volumes.map((volume) => {
        const claimName = volumeName(volume, name);
        return { name: claimName, persistentVolumeClaim: { claimName } };
    });
    const mounts: JSONValue[] = volumes.map((volume) => ({ name: volumeName(volume, name), mountPath: volume.mount }));
    if (form.shm) {
        sources.push({ name: "dshm", emptyDir: { medium: "Memory" } });
        mounts.push({ name: "dshm", mountPath: "/dev/shm" });
    }
    return {
        apiVersion: "kubeflow.org/v1", kind: "Notebook",
        metadata: {
            name, namespace,
            labels: { app: name, ...Object.fromEntries(form.configurations.map((label) => [label, "true"])) },
            annotations: {
                "notebooks.kubeflow.org/server-type": form.serverType,
                "notebooks.kubeflow.org/creator": user,
                "notebooks.kubeflow.org/http-rewrite-uri": form.serverType === "jupyter" ? undefined : "/",
            },
        },
        spec: { template: { spec: {
            serviceAccountName: "default-editor",
            containers: [{
                name,
                image: form.isCustom ? form.customImage.trim() : form.image,
                imagePullPolicy: form.pullPolicy,
                resources: { requests: { cpu: form.cpu, memory: `${form.memoryGiB}Gi` }, limits },
                volumeMounts: mounts.length > 0 ? mounts : undefined,
            }],
            volumes: sources.length > 0 ? sources : undefined,
        } } },
    };
}

/** The server names fields as the request does; a few names of its own are brought to the form's. */
export function placedProblems(fields: Record<string, string>): Record<string, string> {
    const names: Record<string, string> = { "metadata.name": "name", gpus: "gpus", "workspace.newPvc": "workspace.size" };
    const placed: Record<string, string> = {};
    for (const [field, message] of Object.entries(fields)) {
        const plain = field.replace(/\.newPvc\.metadata\.name$|\.existingSource.*$/, ".name")
            .replace(/\.newPvc\.spec\.resources.*$/, ".size").replace(/^datavols\.(\d+)/, "datavols[$1]")
            .replace(/^(workspace|datavols\[\d+\])$/, "$1.name");
        placed[names[plain] ?? plain] = message;
    }
    return placed;
}
