/** One notebook: what it is doing, its log, its events and its YAML. */

import { lazy, Suspense, useRef, type KeyboardEvent } from "react";
import { detailTabs, notebookPath, type DetailTab } from "../lib/routes";
import { newestEvent, shownStatus } from "../lib/status";
import { Button } from "../parts/Button";
import { Empty, Problem, Skeleton } from "../parts/Feedback";
import { OpenLink, PowerButton, useNotebookActions } from "../parts/NotebookActions";
import { Link, navigate } from "../parts/router";
import { useLive, useSession } from "../parts/session";
import { StatusLabel } from "../parts/StatusLabel";
import { NotebookEvents } from "../parts/NotebookEvents";
import { NotebookOverview } from "../parts/NotebookOverview";

const NotebookLogs = lazy(() => import("../parts/NotebookLogs"));
const NotebookYAML = lazy(() => import("../parts/NotebookYAML"));

const titles: Record<DetailTab, string> = { overview: "Overview", logs: "Logs", events: "Events", yaml: "YAML" };

export default function NotebookPage({ namespace, name, tab }: { namespace: string; name: string; tab: DetailTab }) {
    const { detail, events, failure, connection } = useLive();
    const { canEdit, retryLive } = useSession();
    const { askDelete, pending } = useNotebookActions();
    const failed = !detail && failure && connection === "lost";
    const notebook = detail === "gone" ? null : detail;
    const phase = notebook?.processed_status?.phase ?? "waiting";
    const shown = shownStatus(notebook?.processed_status, newestEvent(events ?? [], name));
    const target = { namespace, name };
    return (
        <div className="page">
            <nav className="breadcrumb" aria-label="Breadcrumb">
                <ol><li><Link to="/notebooks">Notebooks</Link></li><li aria-current="page">{name}</li></ol>
            </nav>
            <div className="page-head">
                <div className="detail-title">
                    <h1>{name}</h1>
                    {notebook && <StatusLabel shown={shown} detailed={false} />}
                </div>
                {notebook && (
                    <div className="page-actions">
                        <Button icon="trash" disabled={!canEdit || phase === "terminating"} busy={pending(name) === "delete"}
                            onClick={() => askDelete([target], () => navigate("/notebooks"))}>Delete</Button>
                        <PowerButton target={target} metadata={notebook.metadata} phase={phase} />
                        <OpenLink target={target} isReady={phase === "ready"} primary />
                    </div>
                )}
            </div>
            {failed && <Problem title="This notebook cannot be shown" error={failure} retry={retryLive} />}
            {!detail && !failed && <Skeleton rows={6} label="Loading notebook" tall />}
            {detail === "gone" && (
                <Empty icon="notebook" title="This notebook does not exist" action={<Link to="/notebooks" className="button plain"><span>All notebooks</span></Link>}>
                    There is no notebook <strong>{name}</strong> in {namespace}. It may have been deleted.
                </Empty>
            )}
            {notebook && (
                <>
                    <Tabs namespace={namespace} name={name} tab={tab} />
                    <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab}`} className="tab-panel">
                        <Suspense fallback={<Skeleton rows={5} label="Loading" />}>
                            {tab === "overview" && <NotebookOverview notebook={notebook} shown={shown} events={events ?? []} />}
                            {tab === "logs" && <NotebookLogs namespace={namespace} name={name} phase={phase} />}
                            {tab === "events" && <NotebookEvents events={events} />}
                            {tab === "yaml" && <NotebookYAML namespace={namespace} name={name} revision={notebook.metadata.resourceVersion ?? ""} />}
                        </Suspense>
                    </div>
                </>
            )}
        </div>
    );
}

function Tabs({ namespace, name, tab }: { namespace: string; name: string; tab: DetailTab }) {
    const list = useRef<HTMLDivElement>(null);
    const keys = (event: KeyboardEvent) => {
        const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
        if (step === 0) return;
        const next = detailTabs[(detailTabs.indexOf(tab) + step + detailTabs.length) % detailTabs.length] ?? "overview";
        navigate(notebookPath(namespace, name, next));
        list.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
    };
    return (
        <div className="tabs" role="tablist" aria-label="Parts of the notebook" ref={list} onKeyDown={keys}>
            {detailTabs.map((one) => (
                <Link key={one} to={notebookPath(namespace, name, one)} role="tab" id={`tab-${one}`} aria-selected={one === tab}
                    aria-controls="tab-panel" tabIndex={one === tab ? 0 : -1}>{titles[one]}</Link>
            ))}
        </div>
    );
}
