import type { Condition, Container, KubeEvent, Notebook, PodVolume } from "../api/types";
import { presentRun, startSteps, withoutRepeats, type Step } from "../lib/events";
import { describeImage } from "../lib/image";
import { coresInWords, formatSize } from "../lib/quantity";
import { clean, percentIn, type Shown } from "../lib/status";
import { parseTime } from "../lib/time";
import { CopyButton } from "./Button";
import { Note } from "./Feedback";
import { Icon, type IconName } from "./Icon";
import { Link } from "./router";
import { Progress } from "./StatusLabel";
import { useLive } from "./session";
import { When } from "./When";

export function NotebookOverview({ notebook, shown, events }: { notebook: Notebook; shown: Shown; events: readonly KubeEvent[] }) {
    const { metadata, spec, status } = notebook;
    const container = spec.template.spec.containers[0];
    const stopped = metadata.annotations?.["kubeflow-resource-stopped"];
    const created = parseTime(metadata.creationTimestamp);
    const showsStart = shown.tone === "busy" && shown.word === "Starting" || shown.tone === "warn" || shown.tone === "bad";
    return (
        <div className="overview">
            {shown.tone === "warn" && shown.message !== "" && <Note tone="warn"><strong>{shown.word}.</strong> {shown.message}</Note>}
            {stopped && shown.word === "Stopped" && (
                <Note>Stopped <When time={stopped} otherwise="" />. Files on its volumes are kept; start it to go on.</Note>
            )}
            {showsStart && <Start steps={startSteps(created, presentRun(withoutRepeats(events)), status?.conditions ?? [], false, clean)} />}
            <div className="overview-grid">
                <section className="card" aria-labelledby="about">
                    <header className="card-head"><h2 id="about">About</h2></header>
                    <About notebook={notebook} container={container} />
                </section>
                <section className="card" aria-labelledby="resources">
                    <header className="card-head"><h2 id="resources">Resources</h2></header>
                    {container && <Resources container={container} />}
                </section>
            </div>
            <section className="card" aria-labelledby="volumes">
                <header className="card-head"><h2 id="volumes">Volumes</h2></header>
                <Volumes container={container} volumes={spec.template.spec.volumes ?? []} />
            </section>
            <section className="card" aria-labelledby="conditions">
                <header className="card-head"><h2 id="conditions">Conditions</h2></header>
                <Conditions conditions={status?.conditions ?? []} />
            </section>
        </div>
    );
}

const stepIcons: Record<Step["state"], IconName> = { done: "check-circle", active: "spinner", failed: "warn-triangle", pending: "circle" };
const stepWords: Record<Step["state"], string> = { done: "done", active: "under way", failed: "needs attention", pending: "not yet" };

function Start({ steps }: { steps: Step[] }) {
    return (
        <section className="card" aria-labelledby="start">
            <header className="card-head"><h2 id="start">Start</h2></header>
            <ol className="steps" aria-live="polite">
                {steps.map((step) => {
                    const percent = step.state === "active" ? percentIn(step.detail) : null;
                    return (
                        <li key={step.title} className={step.state}>
                            <Icon name={stepIcons[step.state]} size={18} className={step.state === "active" ? "spin" : undefined} />
                            <div>
                                <p><strong>{step.title}</strong><span className="visually-hidden">: {stepWords[step.state]}</span>
                                    {percent !== null && <span className="number muted"> {percent} %</span>}</p>
                                {step.state !== "pending" && step.detail !== "" && <p className="muted">{step.detail}</p>}
                                {percent !== null && <Progress value={percent} label={step.detail} />}
                            </div>
                            {step.state !== "pending" && step.time && <span className="muted"><When time={step.time} /></span>}
                        </li>
                    );
                })}
            </ol>
        </section>
    );
}

function About({ notebook, container }: { notebook: Notebook; container: Container | undefined }) {
    const { metadata } = notebook;
    const image = describeImage(container?.image ?? "");
    const command = `kubectl -n ${metadata.namespace} describe notebook ${metadata.name}`;
    const activity = metadata.annotations?.["notebooks.kubeflow.org/last-activity"];
    return (
        <dl className="facts">
            <dt>Image</dt><dd><div>{image.title}</div><div className="with-copy"><code className="muted">{container?.image}</code><CopyButton text={container?.image ?? ""} label="Copy image" /></div></dd>
            <dt>Created</dt><dd><When time={metadata.creationTimestamp} />{metadata.annotations?.["notebooks.kubeflow.org/creator"] && <span className="muted"> by {metadata.annotations["notebooks.kubeflow.org/creator"]}</span>}</dd>
            {activity && <><dt>Last activity</dt><dd><When time={activity} /></dd></>}
            <dt>Namespace</dt><dd>{metadata.namespace}</dd>
            <dt>In a terminal</dt><dd><div className="with-copy"><code className="muted">{command}</code><CopyButton text={command} label="Copy command" /></div></dd>
        </dl>
    );
}

function Resources({ container }: { container: Container }) {
    const requests = container.resources?.requests ?? {};
    const limits = container.resources?.limits ?? {};
    const keys = [...new Set(["cpu", "memory", ...Object.keys(requests), ...Object.keys(limits)])];
    const show = (key: string, text: string | undefined) => {
        if (text === undefined) return "–";
        return key === "cpu" ? coresInWords(text) : key === "memory" ? formatSize(text) : text;
    };
    const names: Record<string, string> = { cpu: "CPU", memory: "Memory", "nvidia.com/gpu": "NVIDIA GPUs", "amd.com/gpu": "AMD GPUs" };
    return (
        <table className="small-table">
            <thead><tr><th scope="col"><span className="visually-hidden">Resource</span></th><th scope="col">Requested</th><th scope="col">Limit</th></tr></thead>
            <tbody>
                {keys.map((key) => (
                    <tr key={key}><th scope="row">{names[key] ?? key}</th><td className="number">{show(key, requests[key])}</td><td className="number">{show(key, limits[key])}</td></tr>
                ))}
            </tbody>
        </table>
    );
}

function Volumes({ container, volumes }: { container: Container | undefined; volumes: PodVolume[] }) {
    const { volumes: rows } = useLive();
    const mounts = container?.volumeMounts ?? [];
    if (mounts.length === 0) return <p className="card-none muted">None: files are lost when it stops.</p>;
    return (
        <table className="small-table">
            <thead><tr><th scope="col">Path</th><th scope="col">Volume</th><th scope="col">Size</th></tr></thead>
            <tbody>
                {mounts.map((mount) => {
                    const volume = volumes.find((one) => one.name === mount.name);
                    const claim = volume?.persistentVolumeClaim?.claimName;
                    const size = rows?.find((row) => row.name === claim)?.size ?? volume?.emptyDir?.sizeLimit;
                    return (
                        <tr key={mount.mountPath}>
                            <td><code>{mount.mountPath}</code>{mount.readOnly && <span className="muted"> read only</span>}</td>
                            <td>{claim ? <Link to={`/volumes?q=${encodeURIComponent(claim)}`} className="quiet-link">{claim}</Link> : sourceOf(volume)}</td>
                            <td className="number">{size ? formatSize(size) : "–"}</td>
                        </tr>
                    );
                })}
            </tbody>
        </table>
    );
}

function sourceOf(volume: PodVolume | undefined): string {
    if (!volume) return "–";
    if (volume.emptyDir) return volume.emptyDir.medium === "Memory" ? "Shared memory" : "Scratch, lost at a stop";
    if (volume.configMap) return `ConfigMap ${volume.configMap.name}`;
    if (volume.secret) return `Secret ${volume.secret.secretName}`;
    return volume.name;
}

function Conditions({ conditions }: { conditions: Condition[] }) {
    if (conditions.length === 0) return <p className="card-none muted">None yet.</p>;
    return (
        <table className="small-table conditions">
            <thead><tr><th scope="col">Condition</th><th scope="col">Status</th><th scope="col">Reason</th><th scope="col">Since</th></tr></thead>
            <tbody>
                {conditions.map((one) => (
                    <tr key={one.type}>
                        <th scope="row">{one.type}</th>
                        <td><span className={`status-word ${one.status === "True" ? "good" : "idle"}`}><Icon name={one.status === "True" ? "check-circle" : "circle"} />{one.status === "True" ? "Yes" : one.status === "False" ? "No" : one.status}</span></td>
                        <td><div>{one.reason ?? ""}</div>{one.message && <div className="muted">{one.message}</div>}</td>
                        <td><When time={one.lastTransitionTime ?? one.lastProbeTime} /></td>
                    </tr>
                ))}
            </tbody>
        </table>
    );
}
