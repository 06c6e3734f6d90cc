/** The notebooks of everybody, and stopping them. For administrators. */

import { useMemo, useState } from "react";
import { workspaces as readWorkspaces, type WorkspaceRow } from "../api/admin";
import { messageOf, RequestError } from "../api/client";
import { setStopped } from "../api/platform";
import { describeImage } from "../lib/image";
import { coresInWords, formatSize, parseQuantity } from "../lib/quantity";
import { notebookPath } from "../lib/routes";
import { shownStatus } from "../lib/status";
import { parseTime } from "../lib/time";
import { Button } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { Empty, Problem, Skeleton } from "../parts/Feedback";
import { SearchField, Segments } from "../parts/Fields";
import { Icon } from "../parts/Icon";
import { OnlyAdmins } from "../parts/OnlyAdmins";
import { Link, replaceQuery, useAddress } from "../parts/router";
import { PersonName } from "../parts/PersonName";
import { PageHead } from "../parts/Shell";
import { StatusLabel } from "../parts/StatusLabel";
import { Table, type Column } from "../parts/Table";
import { useToast } from "../parts/Toasts";
import { useData, useRefresh } from "../parts/useData";
import { When } from "../parts/When";

const keyOf = (row: WorkspaceRow) => `${row.namespace}/${row.name}`;
const isOn = (row: WorkspaceRow) => row.status.phase !== "stopped" && row.status.phase !== "terminating";

export default function AdminWorkspacesPage() {
    return <OnlyAdmins><Workspaces /></OnlyAdmins>;
}

function Workspaces() {
    const { data, error, reload } = useData("workspaces", readWorkspaces);
    useRefresh(reload, 5_000);
    const params = new URLSearchParams(useAddress().query);
    const filter = params.get("q") ?? "";
    const which = params.get("which") ?? "running";
    const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
    const [asked, setAsked] = useState<WorkspaceRow[] | null>(null);
    const columns = useMemo(() => columnsFor((row) => setAsked([row])), []);
    const found = (data ?? []).filter((row) => (which === "all" || isOn(row)) && matches(row, filter));
    const selected = found.filter((row) => chosen.has(keyOf(row)) && isOn(row));
    const running = data?.filter(isOn).length ?? null;
    return (
        <div className="page wide">
            <PageHead title="Workspaces" count={running} lead="The notebooks of everybody. Stopping one frees its CPU and memory and keeps the files on its volumes." />
            {error !== null && !data && <Problem title="The workspaces cannot be listed" error={error} retry={reload} />}
            {!data && error === null && <Skeleton rows={5} label="Loading workspaces" tall />}
            {data?.length === 0 && <Empty icon="notebook" title="Nobody has a notebook yet">Notebooks appear here when somebody makes one, whoever owns them.</Empty>}
            {data && data.length > 0 && (
                <>
                    <div className="filter-row">
                        <SearchField label="Filter workspaces" placeholder="Name, namespace or owner" value={filter} onChange={(value) => replaceQuery({ q: value })} />
                        <Segments label="Which" value={which} onChange={(value) => replaceQuery({ which: value === "running" ? null : value })}
                            options={[{ value: "running", label: "Running" }, { value: "all", label: "All" }]} />
                        {selected.length > 0 && (
                            <div className="bulk" role="group" aria-label="Actions for the selected workspaces">
                                <span>{selected.length} selected</span>
                                <Button small icon="stop" onClick={() => setAsked(selected)}>Stop selected</Button>
                            </div>
                        )}
                        {error !== null && <span className="stale-note"><Icon name="warn-triangle" size={14} />Not refreshed: {messageOf(error)}</span>}
                    </div>
                    {found.length === 0
                        ? <Empty icon="search" title={filter === "" ? "Nothing runs just now" : "No workspace matches"}
                            action={<Button onClick={() => replaceQuery({ q: null, which: "all" })}>Show all {data.length}</Button>} />
                        : <Table caption="Workspaces" columns={columns} rows={found} keyOf={keyOf} nameOf={keyOf} selection={{ chosen, set: setChosen }}
                            sort={params.get("sort") ?? "name"} onSort={(next) => replaceQuery({ sort: next === "name" ? null : next })} />}
                </>
            )}
            {asked && <StopWorkspaces rows={asked} onClose={() => setAsked(null)} onDone={() => { setChosen(new Set()); reload(); }} />}
        </div>
    );
}

function matches(row: WorkspaceRow, filter: string): boolean {
    const text = `${row.name} ${row.namespace} ${row.owner ?? ""}`.toLowerCase();
    return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function columnsFor(stop: (row: WorkspaceRow) => void): Column<WorkspaceRow>[] {
    return [
        {
            key: "name", title: "Notebook", className: "cell-name", hideTitle: true, order: keyOf,
            cell: (row) => (
                <div className="two-lines">
                    <Link to={notebookPath(row.namespace, row.name)} className="strong-link">{row.name}</Link>
                    <span className="muted">{row.namespace}</span>
                </div>
            ),
        },
        { key: "owner", title: "Owner", className: "cell-wide cell-person", order: (row) => row.owner ?? "", cell: (row) => (row.owner && <PersonName name={row.owner} />) ?? <span className="muted">–</span> },
        { key: "status", title: "Status", className: "cell-status", order: (row) => shownStatus(row.status).word, cell: (row) => <StatusLabel shown={shownStatus(row.status)} /> },
        { key: "image", title: "Image", className: "cell-extra", order: (row) => row.shortImage, cell: (row) => <span title={row.image}>{describeImage(row.image).title}</span> },
        { key: "cpu", title: "CPU", className: "cell-number", order: (row) => parseQuantity(row.usage?.cpu) ?? -1, cell: (row) => <Amount now={row.usage?.cpu} asked={row.cpu} show={coresInWords} /> },
        { key: "memory", title: "Memory", className: "cell-number", order: (row) => parseQuantity(row.usage?.memory) ?? -1, cell: (row) => <Amount now={row.usage?.memory} asked={row.memory} show={formatSize} /> },
        { key: "active", title: "Last active", className: "cell-time", order: (row) => parseTime(row.last_activity ?? row.age)?.getTime() ?? 0, cell: (row) => <When time={row.last_activity ?? row.age} /> },
        {
            key: "actions", title: "Actions", className: "cell-actions", hideTitle: true,
            cell: (row) => <div className="row-actions">{isOn(row) && <Button small icon="stop" aria-label={`Stop ${keyOf(row)}`} onClick={() => stop(row)}>Stop</Button>}</div>,
        },
    ];
}

/** What is used now, and what was asked for. */
function Amount({ now, asked, show }: { now: string | undefined; asked: string; show: (text: string) => string }) {
    return (
        <div className="two-lines">
            <span>{now ? show(now) : <span className="muted">–</span>}</span>
            {asked !== "" && <span className="muted">of {show(asked)}</span>}
        </div>
    );
}

function StopWorkspaces({ rows, onClose, onDone }: { rows: WorkspaceRow[]; onClose: () => void; onDone: () => void }) {
    const toast = useToast();
    const [busy, setBusy] = useState(false);
    const what = rows.length === 1 ? keyOf(rows[0] as WorkspaceRow) : `${rows.length} workspaces`;
    const stop = async () => {
        setBusy(true);
        const results = await Promise.allSettled(rows.map((row) => setStopped(row.namespace, row.name, true)));
        let stopped = 0;
        results.forEach((result, index) => {
            const row = rows[index];
            const isStopped = result.status === "fulfilled" || (result.reason instanceof RequestError && result.reason.status === 409);
            if (isStopped) stopped += 1;
            else if (row) toast({ tone: "bad", text: `${keyOf(row)} could not be stopped: ${messageOf(result.reason)}` });
        });
        const again = async () => {
            await Promise.allSettled(rows.map((row) => setStopped(row.namespace, row.name, false)));
            onDone();
        };
        if (stopped > 0) toast({ tone: "info", text: `Stopping ${what}.`, action: { label: "Undo", run: () => { void again(); } } });
        onDone();
        onClose();
    };
    return (
        <Dialog title={`Stop ${what}?`} onClose={onClose} footer={<>
            <Button onClick={onClose} data-autofocus>Cancel</Button>
            <Button look="danger" busy={busy} onClick={stop}>Stop</Button>
        </>}>
            <p>What runs there is interrupted and what is only in memory is lost. Files on volumes stay, and the owner can start it again.</p>
            {rows.length > 1 && <ul className="name-list">{rows.map((row) => <li key={keyOf(row)}>{keyOf(row)}</li>)}</ul>}
        </Dialog>
    );
}
