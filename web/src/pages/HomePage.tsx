/** What one comes back to: what runs, what is used, what happened. */

import { quota as readQuota } from "../api/platform";
import type { NotebookRow, Quota } from "../api/types";
import { byNewest, latestOfEach, withoutRepeats } from "../lib/events";
import { describeImage } from "../lib/image";
import { coresInWords, formatSize, parseQuantity } from "../lib/quantity";
import { notebookPath } from "../lib/routes";
import { newestEvent, shownStatus } from "../lib/status";
import { greeting, parseTime } from "../lib/time";
import { Button } from "../parts/Button";
import { EventList } from "../parts/EventList";
import { Empty, Problem, Skeleton } from "../parts/Feedback";
import { Icon } from "../parts/Icon";
import { OpenLink, PowerButton } from "../parts/NotebookActions";
import { Link, navigate } from "../parts/router";
import { useLive, useSession } from "../parts/session";
import { PageHead } from "../parts/Shell";
import { StatusLabel } from "../parts/StatusLabel";
import { useData } from "../parts/useData";
import { useNow, When } from "../parts/When";

export function HomePage() {
    const { me, canEdit } = useSession();
    const { rows, connection, failure } = useLive();
    const now = useNow();
    const running = rows?.filter((row) => row.status.phase === "ready").length ?? 0;
    const lead = !rows ? "\u00a0" : rows.length === 0 ? "Nothing runs here yet."
        : `${running} of ${rows.length} ${rows.length === 1 ? "notebook" : "notebooks"} running.`;
    return (
        <div className="page">
            <PageHead title={`${greeting(now)}, ${firstName(me.user)}`} lead={lead}>
                {canEdit && <Button icon="volume" onClick={() => navigate("/volumes?new=1")}>New volume</Button>}
                {canEdit && <Button look="primary" icon="plus" onClick={() => navigate("/notebooks/new")}>New notebook</Button>}
            </PageHead>
            {failure && !rows && connection === "lost" && <StreamProblem />}
            <div className="home-grid">
                <section className="card" aria-labelledby="recent-notebooks">
                    <header className="card-head">
                        <h2 id="recent-notebooks">Recent notebooks</h2>
                        <Link to="/notebooks" className="quiet-link">All notebooks<Icon name="chevron-right" size={14} /></Link>
                    </header>
                    <RecentNotebooks rows={rows} />
                </section>
                <div className="home-side">
                    <Usage />
                    <RecentEvents />
                </div>
            </div>
        </div>
    );
}

function StreamProblem() {
    const { failure } = useLive();
    const { retryLive } = useSession();
    return <Problem title="This namespace cannot be shown" error={failure} retry={retryLive} />;
}

/** "ada.lovelace@example.com" is Ada; an account without a name in it is left as it is. */
function firstName(user: string): string {
    const name = user.split("@")[0]?.split(/[._-]/)[0] ?? user;
    return name.charAt(0).toUpperCase() + name.slice(1);
}

function RecentNotebooks({ rows }: { rows: NotebookRow[] | null }) {
    const { events } = useLive();
    const { canEdit } = useSession();
    if (!rows) return <Skeleton rows={3} label="Loading notebooks" tall />;
    if (rows.length === 0) {
        return (
            <Empty icon="notebook" title="No notebooks yet"
                action={canEdit && <Button icon="plus" onClick={() => navigate("/notebooks/new")}>Make the first one</Button>}>
                A notebook is a JupyterLab of your own, with the CPU and memory you ask for and files that stay when it stops.
            </Empty>
        );
    }
    const order = (row: NotebookRow) => Math.max(
        parseTime(row.last_activity)?.getTime() ?? 0, parseTime(row.metadata.creationTimestamp ?? row.age)?.getTime() ?? 0);
    const recent = [...rows].sort((one, other) => order(other) - order(one)).slice(0, 5);
    return (
        <ul className="notebook-list">
            {recent.map((row) => {
                const shown = shownStatus(row.status, newestEvent(events ?? [], row.name));
                return (
                    <li key={row.name}>
                        <div className="notebook-id">
                            <Link to={notebookPath(row.namespace, row.name)} className="strong-link">{row.name}</Link>
                            <span className="muted">{describeImage(row.image).title} · {row.last_activity ? <>active <When time={row.last_activity} /></> : <>created <When time={row.metadata.creationTimestamp ?? row.age} /></>}</span>
                        </div>
                        <StatusLabel shown={shown} detailed={shown.tone !== "good"} />
                        <div className="row-actions">
                            {row.status.phase === "stopped"
                                ? <PowerButton small target={row} metadata={row.metadata} phase={row.status.phase} />
                                : <OpenLink target={row} isReady={row.status.phase === "ready"} />}
                        </div>
                    </li>
                );
            })}
        </ul>
    );
}

const meters: { title: string; keys: string[]; show: (text: string) => string }[] = [
    { title: "CPU", keys: ["requests.cpu", "cpu", "limits.cpu"], show: coresInWords },
    { title: "Memory", keys: ["requests.memory", "memory", "limits.memory"], show: formatSize },
    { title: "Storage", keys: ["requests.storage"], show: formatSize },
    { title: "GPUs", keys: ["requests.nvidia.com/gpu", "requests.amd.com/gpu"], show: String },
    { title: "Volumes", keys: ["persistentvolumeclaims"], show: String },
    { title: "Pods", keys: ["pods", "count/pods"], show: String },
];

/** Only where there is a quota: without one there is nothing to run out of. */
function Usage() {
    const { namespace } = useSession();
    const { data } = useData(namespace, (signal) => readQuota(namespace, signal));
    const shown = data ? meters.flatMap((meter) => meterOf(meter, data)) : [];
    if (shown.length === 0) return null;
    return (
        <section className="card" aria-labelledby="usage">
            <header className="card-head"><h2 id="usage">Quota</h2></header>
            <ul className="meters">
                {shown.map((meter) => (
                    <li key={meter.title}>
                        <div><span>{meter.title}</span><span className="number">{meter.text}</span></div>
                        <div className={meter.share >= 0.9 ? "meter full" : "meter"} role="meter" aria-label={meter.title}
                            aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(meter.share * 100)} aria-valuetext={meter.text}>
                            <div style={{ width: `${Math.min(100, meter.share * 100)}%` }} />
                        </div>
                    </li>
                ))}
            </ul>
        </section>
    );
}

function meterOf({ title, keys, show }: (typeof meters)[number], quota: Quota) {
    const key = keys.find((one) => quota.hard?.[one] !== undefined);
    const hard = key && quota.hard[key];
    if (!key || !hard) return [];
    const used = quota.used?.[key] ?? "0";
    const share = (parseQuantity(used) ?? 0) / (parseQuantity(hard) || 1);
    return [{ title, share, text: `${show(used).replace(/ cores?$/, "")} of ${show(hard)}` }];
}

function RecentEvents() {
    const { events } = useLive();
    const { namespace } = useSession();
    const recent = events && latestOfEach(byNewest(withoutRepeats(events))).slice(0, 6);
    return (
        <section className="card" aria-labelledby="recent-events">
            <header className="card-head"><h2 id="recent-events">Recent events</h2></header>
            {!recent && <Skeleton rows={4} label="Loading events" />}
            {recent?.length === 0 && <p className="card-none muted">Nothing happened in the last hour.</p>}
            {recent && recent.length > 0 && <EventList events={recent} named namespace={namespace} />}
        </section>
    );
}
