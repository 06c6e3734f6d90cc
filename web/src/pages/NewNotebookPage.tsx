/** The form that makes a notebook, from the administrator's configuration. */

import { useMemo, useRef, useState, type ReactNode } from "react";
import { messageOf, RequestError } from "../api/client";
import { createNotebook, gpuVendors, podDefaults, spawnerConfig } from "../api/platform";
import type { PodDefault, SpawnerConfig } from "../api/types";
import { formProblems, imageChoices, initialForm, limitOf, manifest, placedProblems, requestBody, volumeForm, type NotebookForm } from "../lib/form";
import { describeImage } from "../lib/image";
import { freeName } from "../lib/names";
import { notebookPath } from "../lib/routes";
import { Button, CopyButton } from "../parts/Button";
import { CodeView } from "../parts/Code";
import { Dialog } from "../parts/Dialog";
import { Note, Problem, Skeleton } from "../parts/Feedback";
import { Checkbox, SelectField, TextField } from "../parts/Fields";
import { Link, navigate } from "../parts/router";
import { useLive, useSession } from "../parts/session";
import { PageHead } from "../parts/Shell";
import { useData } from "../parts/useData";
import { VolumeFields } from "../parts/VolumeFields";

interface Offer { config: SpawnerConfig; vendors: string[]; podDefaults: PodDefault[] }

/** GPU vendors and configurations are extras: the form is useful without them. */
async function readOffer(namespace: string, signal: AbortSignal): Promise<Offer> {
    const [config, vendors, defaults] = await Promise.all([
        spawnerConfig(signal),
        gpuVendors(signal).catch(() => []),
        podDefaults(namespace, signal).catch(() => []),
    ]);
    return { config, vendors, podDefaults: defaults };
}

export default function NewNotebookPage() {
    const { namespace, canEdit } = useSession();
    const { rows } = useLive();
    const { data, error, reload } = useData(namespace, (signal) => readOffer(namespace, signal));
    return (
        <div className="page narrow">
            <Breadcrumb />
            <PageHead title="New notebook" lead={<>In namespace <strong>{namespace}</strong></>} />
            {!canEdit && <Note tone="warn">You may only view this namespace: choose one of your own above.</Note>}
            {error !== null && !data && <Problem title="The form cannot be shown" error={error} retry={reload} />}
            {!data && error === null && <Skeleton rows={5} label="Loading the form" tall />}
            {data && rows && <NotebookFormView offer={data} names={rows.map((row) => row.name)} />}
            {data && !rows && <Skeleton rows={5} label="Loading the form" tall />}
        </div>
    );
}

function Breadcrumb() {
    return (
        <nav className="breadcrumb" aria-label="Breadcrumb">
            <ol><li><Link to="/notebooks">Notebooks</Link></li><li aria-current="page">New</li></ol>
        </nav>
    );
}

function NotebookFormView({ offer, names }: { offer: Offer; names: string[] }) {
    const { config } = offer;
    const { me, namespace, canEdit } = useSession();
    const { volumes } = useLive();
    const [form, setForm] = useState(() => initialForm(config, freeName("notebook", names)));
    const [tried, setTried] = useState(false);
    const [touched, setTouched] = useState<ReadonlySet<string>>(new Set(["name"]));
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<RequestError | null>(null);
    const [preview, setPreview] = useState(false);
    const element = useRef<HTMLFormElement>(null);

    const context = useMemo(() => ({ notebooks: names, volumes: (volumes ?? []).map((one) => one.name) }), [names, volumes]);
    // While the request runs the new notebook may arrive by the stream: its own name is not a clash.
    const own = busy ? {} : formProblems(form, context);
    const theirs = failure ? placedProblems(failure.fields) : {};
    const problem = (field: string) => theirs[field] ?? (tried || touched.has(field) ? own[field] : undefined);
    const change = (part: Partial<NotebookForm>, ...fields: string[]) => {
        setForm((known) => ({ ...known, ...part }));
        setTouched((known) => new Set([...known, ...Object.keys(part), ...fields]));
        setFailure(null);
    };

    const submit = async () => {
        setTried(true);
        setFailure(null);
        if (Object.keys(own).length > 0) {
            focusFirstProblem();
            return;
        }
        setBusy(true);
        try {
            await createNotebook(namespace, requestBody(form, config, namespace));
            navigate(notebookPath(namespace, form.name));
        } catch (error) {
            setFailure(error instanceof RequestError ? error : new RequestError(messageOf(error), 0));
            setBusy(false);
            focusFirstProblem();
        }
    };
    const focusFirstProblem = () => setTimeout(() => {
        const wrong = element.current?.querySelector<HTMLElement>("[aria-invalid=true]");
        wrong?.closest("details")?.setAttribute("open", "");
        wrong?.focus();
    });
    const placed = Object.keys(theirs).some((field) => knownFields.test(field));

    return (
        <form ref={element} className="form" noValidate onSubmit={(event) => { event.preventDefault(); void submit(); }}>
            <FormSection title="Basics">
                <TextField label="Name" value={form.name} problem={problem("name")} maxLength={63} autoFocus
                    help="Part of the notebook's address. Lower case letters, digits and hyphens."
                    onChange={(event) => change({ name: event.target.value.trimStart() })} />
                <ImageFields form={form} config={config} problem={problem} change={change} />
            </FormSection>
            <FormSection title="Resources">
                <ResourceFields form={form} config={config} problem={problem} change={change} />
                {config.gpus && <GPUFields form={form} config={config} vendors={offer.vendors} problem={problem} change={change} />}
            </FormSection>
            <FormSection title="Storage">
                <VolumeFields title="Workspace" field="workspace" volume={form.workspace} notebook={form.name} problem={problem} allowNone
                    isFixed={config.workspaceVolume?.readOnly} offered={volumes ?? []}
                    onChange={(workspace) => change({ workspace }, "workspace.name", "workspace.size", "workspace.mount")} />
                {form.data.map((volume, index) => (
                    <VolumeFields key={volume.id} title={`Data volume ${index + 1}`} field={`datavols[${index}]`} volume={volume} notebook={form.name}
                        problem={problem} isFixed={config.dataVolumes?.readOnly} offered={volumes ?? []}
                        onChange={(next) => change({ data: form.data.map((one) => (one.id === next.id ? next : one)) },
                            `datavols[${index}].name`, `datavols[${index}].size`, `datavols[${index}].mount`)}
                        onRemove={() => change({ data: form.data.filter((one) => one.id !== volume.id) })} />
                ))}
                {config.dataVolumes && !config.dataVolumes.readOnly && (
                    <div><Button small icon="plus" onClick={() => change({ data: [...form.data, newDataVolume(form, volumes?.map((one) => one.name) ?? [])] })}>Add a data volume</Button></div>
                )}
            </FormSection>
            <Advanced form={form} offer={offer} problem={problem} change={change} />
            {failure && !placed && <Note tone="bad"><strong>The notebook was not created.</strong> {failure.message}</Note>}
            {failure && placed && <Note tone="bad">The notebook was not created: see the marked fields.</Note>}
            <div className="form-foot">
                <Button icon="code" onClick={() => setPreview(true)}>View YAML</Button>
                <span className="spacer" />
                <Button onClick={() => navigate("/notebooks")}>Cancel</Button>
                <Button look="primary" type="submit" busy={busy} disabled={!canEdit}>Create notebook</Button>
            </div>
            {preview && <Preview text={manifest(form, config, namespace, me.user)} onClose={() => setPreview(false)} />}
        </form>
    );
}

const knownFields = /^(name|image|customImage|cpu|cpuLimit|memory|memoryLimit|gpus|workspace\..*|datavols\[\d+\]\..*)$/;

function newDataVolume(form: NotebookForm, taken: string[]) {
    const number = form.data.length + 1;
    const existing = taken.length > 0 ? "existing" : "new";
    return { ...volumeForm({ mount: `/home/jovyan/data-${number}` }, existing), name: `{notebook-name}-data-${number}`, sizeGiB: "10" };
}

export interface FieldProps {
    form: NotebookForm;
    problem: (field: string) => string | undefined;
    change: (part: Partial<NotebookForm>, ...fields: string[]) => void;
}

function FormSection({ title, children }: { title: string; children: ReactNode }) {
    return <section className="form-section"><h2>{title}</h2><div className="form-content">{children}</div></section>;
}

function ImageFields({ form, config, problem, change }: FieldProps & { config: SpawnerConfig }) {
    const choices = imageChoices(config);
    const isFixed = Boolean(config.image?.readOnly);
    return (
        <fieldset className="image-choice">
            <legend>Image</legend>
            <div className="cards">
                {choices.map((choice) => {
                    const about = describeImage(choice.image);
                    return (
                        <label key={choice.image} className="choice-card">
                            <input type="radio" name="image" value={choice.image} disabled={isFixed} checked={!form.isCustom && form.image === choice.image}
                                onChange={() => change({ image: choice.image, serverType: choice.serverType, isCustom: false })} />
                            <span className="choice-title">{about.title}</span>
                            <span className="choice-detail">{about.detail}</span>
                            <span className="choice-tag" title={choice.image}>{about.short}</span>
                        </label>
                    );
                })}
                {config.allowCustomImage && !isFixed && (
                    <label className="choice-card">
                        <input type="radio" name="image" value="" checked={form.isCustom} onChange={() => change({ isCustom: true })} />
                        <span className="choice-title">Another image</span>
                        <span className="choice-detail">Any image that Martlet has an environment for, or that a registry holds.</span>
                    </label>
                )}
            </div>
            {form.isCustom && (
                <TextField label="Image reference" value={form.customImage} problem={problem("customImage")} placeholder="registry.example.com/team/image:tag"
                    autoFocus onChange={(event) => change({ customImage: event.target.value })} />
            )}
            {problem("image") && <p className="field-problem">{problem("image")}</p>}
        </fieldset>
    );
}

function ResourceFields({ form, config, problem, change }: FieldProps & { config: SpawnerConfig }) {
    const cpuLimit = limitOf(form.cpu, "", config.cpu?.limitFactor);
    const memoryLimit = limitOf(form.memoryGiB, "", config.memory?.limitFactor);
    const limitProblem = problem("cpuLimit") ?? problem("memoryLimit");
    return (
        <>
            <div className="form-grid">
                <TextField label="CPU" unit="cores" inputMode="decimal" value={form.cpu} problem={problem("cpu")} readOnly={config.cpu?.readOnly}
                    onChange={(event) => change({ cpu: event.target.value })} />
                <TextField label="Memory" unit="GiB" inputMode="decimal" value={form.memoryGiB} problem={problem("memory")} readOnly={config.memory?.readOnly}
                    onChange={(event) => change({ memoryGiB: event.target.value }, "memory")} />
            </div>
            <details className="fold" open={limitProblem ? true : undefined}>
                <summary>Limits<span className="muted"> {form.cpuLimit || cpuLimit || "no"} cores, {form.memoryLimitGiB || memoryLimit || "no"} GiB</span></summary>
                <div className="form-grid">
                    <TextField label="CPU limit" unit="cores" inputMode="decimal" value={form.cpuLimit} placeholder={cpuLimit || "none"} problem={problem("cpuLimit")}
                        readOnly={config.cpu?.readOnly} help="It gets no more than this, however idle the machine is."
                        onChange={(event) => change({ cpuLimit: event.target.value })} />
                    <TextField label="Memory limit" unit="GiB" inputMode="decimal" value={form.memoryLimitGiB} placeholder={memoryLimit || "none"} problem={problem("memoryLimit")}
                        readOnly={config.memory?.readOnly} help="A kernel that wants more is ended."
                        onChange={(event) => change({ memoryLimitGiB: event.target.value }, "memoryLimit")} />
                </div>
            </details>
        </>
    );
}

function GPUFields({ form, config, vendors, problem, change }: FieldProps & { config: SpawnerConfig; vendors: string[] }) {
    const known = config.gpus?.value.vendors ?? [];
    const present = known.filter((one) => vendors.includes(one.limitsKey));
    const fixed = Boolean(config.gpus?.readOnly);
    return (
        <details className="fold" open={problem("gpus") ? true : undefined}>
            <summary>GPUs<span className="muted"> {form.gpuCount === "none" ? "none" : form.gpuCount}</span></summary>
            {present.length === 0
                ? <p className="muted">No node of this cluster has a GPU.</p>
                : <div className="form-grid">
                    <SelectField label="GPU count" value={form.gpuCount} disabled={fixed} options={["none", "1", "2", "4", "8"].map((value) => ({ value, label: value === "none" ? "None" : value }))}
                        onChange={(event) => change({ gpuCount: event.target.value, gpuVendor: form.gpuVendor || present[0]?.limitsKey || "" }, "gpus")} />
                    <SelectField label="GPU vendor" value={form.gpuVendor} disabled={fixed || form.gpuCount === "none"} problem={problem("gpus")}
                        options={[{ value: "", label: "Choose" }, ...present.map((one) => ({ value: one.limitsKey, label: one.uiName }))]}
                        onChange={(event) => change({ gpuVendor: event.target.value }, "gpus")} />
                </div>}
        </details>
    );
}

function Advanced({ form, offer, change }: FieldProps & { offer: Offer }) {
    const { config } = offer;
    const affinities = config.affinityConfig?.options ?? [];
    const tolerations = config.tolerationGroup?.options ?? [];
    const toggle = (label: string) => change({
        configurations: form.configurations.includes(label) ? form.configurations.filter((one) => one !== label) : [...form.configurations, label],
    });
    return (
        <section className="form-section">
            <h2>Advanced</h2>
            <div className="form-content">
                <details className="fold">
                    <summary>Configurations, shared memory, placement</summary>
                    {offer.podDefaults.length > 0 && (
                        <fieldset className="plain-set">
                            <legend>Configurations</legend>
                            {offer.podDefaults.map((one) => (
                                <Checkbox key={one.label} label={one.desc || one.label} help={one.desc ? one.label : undefined} checked={form.configurations.includes(one.label)}
                                    disabled={config.configurations?.readOnly} onChange={() => toggle(one.label)} />
                            ))}
                        </fieldset>
                    )}
                    {config.shm && <Checkbox label="Shared memory" help="Room in /dev/shm, which data loaders with several workers need." checked={form.shm}
                        disabled={config.shm.readOnly} onChange={(event) => change({ shm: event.target.checked })} />}
                    <div className="form-grid">
                        {affinities.length > 0 && <SelectField label="Affinity" value={form.affinity} disabled={config.affinityConfig?.readOnly}
                            options={[{ value: "", label: "None" }, ...affinities.map((one) => ({ value: one.configKey, label: one.displayName }))]}
                            onChange={(event) => change({ affinity: event.target.value })} />}
                        {tolerations.length > 0 && <SelectField label="Tolerations" value={form.tolerations} disabled={config.tolerationGroup?.readOnly}
                            options={[{ value: "", label: "None" }, ...tolerations.map((one) => ({ value: one.groupKey, label: one.displayName }))]}
                            onChange={(event) => change({ tolerations: event.target.value })} />}
                        {config.imagePullPolicy && <SelectField label="Pull the image" value={form.pullPolicy} disabled={config.imagePullPolicy.readOnly}
                            options={[{ value: "IfNotPresent", label: "When it is not there" }, { value: "Always", label: "Always" }, { value: "Never", label: "Never" }]}
                            onChange={(event) => change({ pullPolicy: event.target.value })} />}
                    </div>
                </details>
            </div>
        </section>
    );
}

function Preview({ text, onClose }: { text: string; onClose: () => void }) {
    const command = "kubectl apply -f notebook.yaml";
    return (
        <Dialog title="What will be created" onClose={onClose} wide footer={<Button onClick={onClose}>Close</Button>}>
            <p>Saved as <code>notebook.yaml</code>, this does the same:</p>
            <div className="command"><code>{command}</code><CopyButton text={command} label="Copy command" /></div>
            <CodeView text={text} label="YAML" />
        </Dialog>
    );
}
