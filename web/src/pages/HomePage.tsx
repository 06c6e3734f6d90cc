/** What one comes back to: what runs, what is used, what happened. */

import { quota as readQuota } from "../api/platform";
import { podMetrics as readPodMetrics } from "../api/team";
import type { NotebookRow } from "../api/types";
import { byNewest, latestOfEach, withoutRepeats } from "../lib/events";
import { describeImage } from "../lib/image";
import { notebookPath } from "../lib/routes";
import { newestEvent, shownStatus } from "../lib/status";
import { greeting, parseTime } from "../lib/time";
import { usageRows } from "../lib/usage";
import { Button } from "../parts/Button";
import { EventList } from "../parts/EventList";
import { Empty, Problem, Skeleton } from "../parts/Feedback";
import { Icon } from "../parts/Icon";
import { OpenLink, PowerButton } from "../parts/NotebookActions";
import { Link, navigate } from "../parts/router";
import { useLive, useSession } from "../parts/session";
import { PageHead } from "../parts/Shell";
import { StatusLabel } from "../parts/StatusLabel";
import { useDashboardLinks, type ShownLink } from "../parts/useDashboardLinks";
import { useData, useRefresh } from "../parts/useData";
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
                {canEdit && <Button look="primary" icon="plus" onClick={() => navigate("/notebooks/new")}>New notebook</Button>}
            </PageHead>
            {failure && !rows && connection === "lost" && <StreamProblem />}
            <QuickLinks />
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

/** What the namespace may reserve, what it has reserved, and what it uses this moment. */
function Usage() {
    const { namespace } = useSession();
    const quota = useData(namespace, (signal) => readQuota(namespace, signal));
    const usage = useData(`usage ${namespace}`, (signal) => readPodMetrics(namespace, signal));
    useRefresh(quota.reload, 30_000);
    useRefresh(usage.reload, 15_000);
    const shown = usageRows(quota.data, usage.data);
    const isWaiting = !quota.data && quota.error === null;
    return (
        <section className="card" aria-labelledby="usage">
            <header className="card-head"><h2 id="usage">Usage</h2></header>
            {isWaiting && <Skeleton rows={2} label="Loading usage" />}
            {quota.error !== null && !quota.data && (
                <p className="card-none muted">The quota cannot be read. <button type="button" className="text-button" onClick={quota.reload}>Try again</button></p>
            )}
            {quota.data && shown.length === 0 && <p className="card-none muted">Nothing runs, and no quota limits this namespace.</p>}
            {shown.length > 0 && (
                <ul className="meters">
                    {shown.map((row) => (
                        <li key={row.title}>
                            <div><span>{row.title}</span><span className="number">{row.text}</span></div>
                            {row.share !== null && (
                                <div className={row.share >= 0.9 ? "meter full" : "meter"} role="meter" aria-label={row.title}
                                    aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, Math.round(row.share * 100))} aria-valuetext={row.text}>
                                    <div style={{ width: `${Math.min(100, row.share * 100)}%` }} />
                                </div>
                            )}
                        </li>
                    ))}
                </ul>
            )}
            {quota.data && shown.length > 0 && shown.every((row) => row.share === null) && <p className="card-none muted">No quota limits this namespace.</p>}
        </section>
    );
}

/** What one often wants next; what administrators put into the dashboard's ConfigMap follows our own. */
function QuickLinks() {
    const { canEdit } = useSession();
    const links = useDashboardLinks();
    const own: ShownLink[] = canEdit ? [
        { text: "New notebook", description: "A JupyterLab of your own", to: "/notebooks/new", isOutside: false },
        { text: "New volume", description: "Files that outlive notebooks", to: "/volumes?new=1", isOutside: false },
        { text: "Contributors", description: "Share this namespace with others", to: "/contributors", isOutside: false },
    ] : [{ text: "Activity", description: "What happens in this namespace", to: "/activity", isOutside: false }];
    const known = new Set(own.map((link) => link.to));
    const shown = [...own, ...(links?.quick ?? []).filter((link) => !known.has(link.to)), ...(links?.documentation ?? [])].slice(0, 9);
    return (
        <nav className="quick-links" aria-label="Quick links">
            {shown.map((link) => {
                const inside = <><span className="quick-text"><strong>{link.text}</strong>{link.description && <span className="muted">{link.description}</span>}</span>
                    <Icon name={link.isOutside ? "open" : "chevron-right"} size={16} /></>;
                return link.isOutside
                    ? <a key={`${link.text} ${link.to}`} href={link.to} target="_blank" rel="noopener noreferrer">{inside}</a>
                    : <Link key={`${link.text} ${link.to}`} to={link.to}>{inside}</Link>;
            })}
        </nav>
    );
}

function RecentEvents() {
    const { events } = useLive();
    const { namespace } = useSession();
    const recent = events && latestOfEach(byNewest(withoutRepeats(events))).slice(0, 6);
    return (
        <section className="card" aria-labelledby="recent-events">
            <header className="card-head"><h2 id="recent-events">Activity</h2>
                <Link to="/activity" className="quiet-link">All activity<Icon name="chevron-right" size={14} /></Link></header>
            {!recent && <Skeleton rows={4} label="Loading events" />}
            {recent?.length === 0 && <p className="card-none muted">Nothing happened in the last hour.</p>}
            {recent && recent.length > 0 && <EventList events={recent} named namespace={namespace} />}
        </section>
    );
}
