/** The notebooks of the namespace, live. */

import { useMemo, useState } from "react";
import type { NotebookRow } from "../api/types";
import { describeImage } from "../lib/image";
import { formatCores, formatSize, parseQuantity } from "../lib/quantity";
import { notebookPath } from "../lib/routes";
import { newestEvent, shownStatus, type Shown } from "../lib/status";
import { parseTime } from "../lib/time";
import { Button, IconButton } from "../parts/Button";
import { Empty, Problem, Skeleton } from "../parts/Feedback";
import { SearchField } from "../parts/Fields";
import { OpenLink, PowerButton, useNotebookActions } from "../parts/NotebookActions";
import { Link, navigate, replaceQuery, useAddress } from "../parts/router";
import { useLive, useSession } from "../parts/session";
import { PageHead } from "../parts/Shell";
import { StatusLabel } from "../parts/StatusLabel";
import { Table, type Column } from "../parts/Table";
import { When } from "../parts/When";

type Line = NotebookRow & { shown: Shown };

const order = { bad: 0, warn: 1, busy: 2, good: 3, idle: 4 };
const time = (text: string | null | undefined) => parseTime(text)?.getTime() ?? 0;
const created = (row: NotebookRow) => row.metadata.creationTimestamp ?? row.age;

const columns: Column<Line>[] = [
    { key: "name", title: "Name", className: "cell-name", order: (row) => row.name, hideTitle: true, cell: (row) => <NameCell row={row} /> },
    { key: "status", title: "Status", className: "cell-status", order: (row) => order[row.shown.tone], cell: (row) => <StatusLabel shown={row.shown} /> },
    { key: "cpu", title: "CPU", className: "cell-number", order: (row) => parseQuantity(row.cpu) ?? 0, cell: (row) => formatCores(row.cpu) || "–" },
    { key: "memory", title: "Memory", className: "cell-number", order: (row) => parseQuantity(row.memory) ?? 0, cell: (row) => formatSize(row.memory) || "–" },
    { key: "age", title: "Created", className: "cell-time", order: (row) => time(created(row)), cell: (row) => <When time={created(row)} /> },
    { key: "activity", title: "Last activity", className: "cell-time cell-extra", order: (row) => time(row.last_activity), cell: (row) => <When time={row.last_activity} /> },
    { key: "actions", title: "Actions", className: "cell-actions", hideTitle: true, cell: (row) => <RowActions row={row} /> },
];

function NameCell({ row }: { row: NotebookRow }) {
    const image = describeImage(row.image);
    return (
        <div className="two-lines">
            <Link to={notebookPath(row.namespace, row.name)} className="strong-link" id={`notebook-${row.name}`}>{row.name}</Link>
            <span className="muted" title={row.image}>{image.short}{row.gpus && row.gpus.count > 0 ? ` · ${row.gpus.message || `${row.gpus.count} GPU`}` : ""}</span>
        </div>
    );
}

function RowActions({ row }: { row: NotebookRow }) {
    const { askDelete, pending } = useNotebookActions();
    const { canEdit } = useSession();
    const id = `notebook-${row.name}`;
    return (
        <div className="row-actions">
            <OpenLink target={row} isReady={row.status.phase === "ready"} describedBy={id} />
            <PowerButton small target={row} metadata={row.metadata} phase={row.status.phase} describedBy={id} />
            <IconButton label="Delete" icon="trash" aria-describedby={id} busy={pending(row.name) === "delete"}
                disabled={!canEdit || row.status.phase === "terminating"} onClick={() => askDelete([row])} />
        </div>
    );
}

export default function NotebooksPage() {
    const { rows, events, failure, connection } = useLive();
    const { canEdit, retryLive } = useSession();
    const { query } = useAddress();
    const params = new URLSearchParams(query);
    const filter = params.get("q") ?? "";
    const sort = params.get("sort") ?? "name";
    const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
    const lines = useMemo<Line[] | null>(
        () => rows && rows.map((row) => ({ ...row, shown: shownStatus(row.status, newestEvent(events ?? [], row.name)) })),
        [rows, events]);
    const found = useMemo(() => lines && lines.filter((row) => matches(row, filter)), [lines, filter]);
    const selected = (found ?? []).filter((row) => chosen.has(row.name));
    return (
        <div className="page">
            <PageHead title="Notebooks" count={rows?.length ?? null}>
                {canEdit && <Button look="primary" icon="plus" onClick={() => navigate("/notebooks/new")}>New notebook</Button>}
            </PageHead>
            {!lines && failure && connection === "lost" && <Problem title="Notebooks cannot be listed" error={failure} retry={retryLive} />}
            {!lines && !(failure && connection === "lost") && <Skeleton rows={5} label="Loading notebooks" tall />}
            {lines?.length === 0 && <NoNotebooks canEdit={canEdit} />}
            {found && lines && lines.length > 0 && (
                <>
                    <div className="filter-row">
                        <SearchField label="Filter notebooks" value={filter} onChange={(value) => replaceQuery({ q: value })} />
                        {selected.length > 0 && <Bulk selected={selected} clear={() => setChosen(new Set())} />}
                    </div>
                    {found.length === 0
                        ? <Empty icon="search" title="No notebook matches" action={<Button onClick={() => replaceQuery({ q: null })}>Clear the filter</Button>}>
                            None of the {lines.length} has “{filter}” in its name, image or status.
                        </Empty>
                        : <Table caption="Notebooks" columns={columns} rows={found} keyOf={(row) => row.name} nameOf={(row) => row.name} sort={sort}
                            onSort={(next) => replaceQuery({ sort: next === "name" ? null : next })}
                            selection={canEdit ? { chosen, set: setChosen } : undefined} />}
                </>
            )}
        </div>
    );
}

function matches(row: Line, filter: string): boolean {
    const text = `${row.name} ${row.image} ${row.shown.word}`.toLowerCase();
    return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function Bulk({ selected, clear }: { selected: Line[]; clear: () => void }) {
    const { setStopped, askDelete } = useNotebookActions();
    const running = selected.filter((row) => row.status.phase !== "stopped" && row.status.phase !== "terminating");
    return (
        <div className="bulk" role="group" aria-label="Actions for the selected notebooks">
            <span>{selected.length} selected</span>
            <Button small icon="stop" disabled={running.length === 0} onClick={() => { setStopped(running, true); clear(); }}>Stop selected</Button>
            <Button small icon="trash" onClick={() => askDelete(selected, clear)}>Delete selected</Button>
            <IconButton label="Clear the selection" icon="close" onClick={clear} />
        </div>
    );
}

function NoNotebooks({ canEdit }: { canEdit: boolean }) {
    return (
        <Empty icon="notebook" title="No notebooks yet"
            action={canEdit && <Button icon="plus" onClick={() => navigate("/notebooks/new")}>Make the first one</Button>}>
            A notebook is a JupyterLab of your own, with the CPU and memory you ask for and files that stay when it stops.
        </Empty>
    );
}
