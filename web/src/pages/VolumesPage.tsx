/** The volumes (PersistentVolumeClaims) of the namespace. */

import { useMemo, useState } from "react";
import { messageOf, RequestError } from "../api/client";
import { createVolume, deleteViewer, deleteVolume } from "../api/platform";
import type { VolumeRow } from "../api/types";
import { freeName, nameProblem } from "../lib/names";
import { formatSize, parseQuantity } from "../lib/quantity";
import { notebookPath } from "../lib/routes";
import type { Shown } from "../lib/status";
import { Button, IconButton } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { Empty, Note, Problem, Skeleton } from "../parts/Feedback";
import { SearchField, SelectField, TextField } from "../parts/Fields";
import { Link, replaceQuery, useAddress } from "../parts/router";
import { useLive, useSession } from "../parts/session";
import { PageHead } from "../parts/Shell";
import { StatusLabel } from "../parts/StatusLabel";
import { Table, type Column } from "../parts/Table";
import { useToast } from "../parts/Toasts";
import { CloseViewer, VolumeFiles } from "../parts/VolumeFiles";

const modes: Record<string, string> = {
    ReadWriteOnce: "One node, read and write", RWO: "One node, read and write",
    ReadWriteMany: "Many nodes, read and write", RWX: "Many nodes, read and write",
    ReadOnlyMany: "Many nodes, read only", ROX: "Many nodes, read only",
    ReadWriteOncePod: "One Pod, read and write", RWOP: "One Pod, read and write",
};

/** The claim's phase, or the web apps' status object. */
function shownVolume(row: VolumeRow): Shown {
    const phase = typeof row.status === "string" ? row.status : row.status?.phase ?? "";
    const message = typeof row.status === "object" ? row.status.message ?? "" : "";
    const of = (tone: Shown["tone"], word: string): Shown => ({ tone, word, message: tone === "good" ? "" : message, percent: null });
    switch (phase.toLowerCase()) {
    case "": case "bound": case "ready": return of("good", "Ready");
    case "pending": case "waiting": return of("busy", "Preparing");
    case "unavailable": return of("idle", "Made at first use");
    case "terminating": return of("busy", "Deleting");
    case "lost": case "error": return of("bad", "Lost");
    default: return of("warn", "Needs attention");
    }
}

export default function VolumesPage() {
    const { volumes, failure, connection } = useLive();
    const { canEdit, retryLive, namespace } = useSession();
    const { query } = useAddress();
    const params = new URLSearchParams(query);
    const filter = params.get("q") ?? "";
    const [deleting, setDeleting] = useState<VolumeRow | null>(null);
    const columns = useMemo(() => columnsFor(namespace, canEdit, setDeleting), [namespace, canEdit]);
    const found = (volumes ?? []).filter((row) => row.name.includes(filter.toLowerCase()));
    const failed = !volumes && failure && connection === "lost";
    return (
        <div className="page">
            <PageHead title="Volumes" count={volumes?.length ?? null}>
                {canEdit && <Button look="primary" icon="plus" onClick={() => replaceQuery({ new: "1" })}>New volume</Button>}
            </PageHead>
            {failed && <Problem title="Volumes cannot be listed" error={failure} retry={retryLive} />}
            {!volumes && !failed && <Skeleton rows={4} label="Loading volumes" tall />}
            {volumes?.length === 0 && (
                <Empty icon="volume" title="No volumes yet" action={canEdit && <Button icon="plus" onClick={() => replaceQuery({ new: "1" })}>Make the first one</Button>}>
                    A volume keeps files apart from any notebook: they stay when it stops, and several can share them.
                </Empty>
            )}
            {volumes && volumes.length > 0 && (
                <>
                    <div className="filter-row"><SearchField label="Filter volumes" value={filter} onChange={(value) => replaceQuery({ q: value })} /></div>
                    {found.length === 0
                        ? <Empty icon="search" title="No volume matches" action={<Button onClick={() => replaceQuery({ q: null })}>Clear the filter</Button>} />
                        : <Table caption="Volumes" columns={columns} rows={found} keyOf={(row) => row.name} nameOf={(row) => row.name}
                            sort={params.get("sort") ?? "name"} onSort={(next) => replaceQuery({ sort: next === "name" ? null : next })} />}
                </>
            )}
            {canEdit && params.has("new") && <NewVolume onClose={() => replaceQuery({ new: null })} />}
            {deleting && <DeleteVolume row={deleting} onClose={() => setDeleting(null)} />}
        </div>
    );
}

function columnsFor(namespace: string, canEdit: boolean, ask: (row: VolumeRow) => void): Column<VolumeRow>[] {
    return [
        { key: "name", title: "Name", className: "cell-name", hideTitle: true, order: (row) => row.name, cell: (row) => <strong id={`volume-${row.name}`}>{row.name}</strong> },
        { key: "status", title: "Status", className: "cell-status", order: (row) => shownVolume(row).word, cell: (row) => <StatusLabel shown={shownVolume(row)} /> },
        { key: "size", title: "Size", className: "cell-number", order: (row) => parseQuantity(row.size) ?? 0, cell: (row) => formatSize(row.size) },
        { key: "mode", title: "Access", order: (row) => row.mode, cell: (row) => <span title={row.mode}>{modes[row.mode] ?? row.mode}</span> },
        { key: "used", title: "Used by", order: (row) => row.usedBy?.length ?? 0, cell: (row) => <UsedBy row={row} namespace={namespace} /> },
        {
            key: "actions", title: "Actions", className: "cell-actions", hideTitle: true,
            cell: (row) => (
                <div className="row-actions">
                    {canEdit && <CloseViewer row={row} namespace={namespace} describedBy={`volume-${row.name}`} />}
                    {canEdit && <VolumeFiles row={row} namespace={namespace} describedBy={`volume-${row.name}`} />}
                    <IconButton label="Delete" icon="trash" aria-describedby={`volume-${row.name}`} disabled={!canEdit} onClick={() => ask(row)} />
                </div>
            ),
        },
    ];
}

function UsedBy({ row, namespace }: { row: VolumeRow; namespace: string }) {
    if (!row.usedBy || row.usedBy.length === 0) return <span className="muted">Nothing</span>;
    return (
        <span>
            {row.usedBy.map((name, index) => (
                <span key={name}>{index > 0 && ", "}<Link to={notebookPath(namespace, name)} className="quiet-link">{name}</Link></span>
            ))}
        </span>
    );
}

function NewVolume({ onClose }: { onClose: () => void }) {
    const { volumes } = useLive();
    const { namespace } = useSession();
    const toast = useToast();
    const taken = (volumes ?? []).map((one) => one.name);
    const [name, setName] = useState(() => freeName("data", taken));
    const [size, setSize] = useState("10");
    const [mode, setMode] = useState("ReadWriteOnce");
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<RequestError | null>(null);
    const fieldFailure = Object.entries(failure?.fields ?? {});
    const nameWrong = nameProblem(name, 63, busy ? [] : taken, "Volume")
        ?? fieldFailure.find(([field]) => field.startsWith("metadata"))?.[1] ?? undefined;
    const sizeWrong = Number(size) > 0 ? fieldFailure.find(([field]) => field.startsWith("spec.resources"))?.[1] : "A number of GiB, more than 0.";
    const create = async () => {
        if (nameProblem(name, 63, taken, "Volume") || !(Number(size) > 0)) return;
        setBusy(true);
        setFailure(null);
        try {
            await createVolume(namespace, name, `${size.trim()}Gi`, mode);
            toast({ tone: "good", text: `Created volume ${name}.` });
            onClose();
        } catch (error) {
            setFailure(error instanceof RequestError ? error : new RequestError(messageOf(error), 0));
            setBusy(false);
        }
    };
    return (
        <Dialog title="New volume" onClose={onClose} onSubmit={create}
            footer={<><Button onClick={onClose}>Cancel</Button><Button look="primary" type="submit" busy={busy}>Create volume</Button></>}>
            <div className="form-grid">
                <TextField label="Name" value={name} problem={nameWrong} data-autofocus
                    onChange={(event) => { setName(event.target.value); setFailure(null); }} />
                <TextField label="Size" unit="GiB" inputMode="decimal" value={size} problem={sizeWrong} onChange={(event) => setSize(event.target.value)} />
                <SelectField label="Access" value={mode} onChange={(event) => setMode(event.target.value)}
                    options={["ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany"].map((value) => ({ value, label: modes[value] ?? value }))} />
            </div>
            {failure && fieldFailure.length === 0 && <Note tone="bad">{failure.message}</Note>}
        </Dialog>
    );
}

function DeleteVolume({ row, onClose }: { row: VolumeRow; onClose: () => void }) {
    const { namespace } = useSession();
    const toast = useToast();
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const users = row.usedBy ?? [];
    const run = async () => {
        setBusy(true);
        try {
            // A volume stays while somebody uses it, and its viewer is of no use without it.
            if (row.viewer) await deleteViewer(namespace, row.viewer.name);
            await deleteVolume(namespace, row.name);
            toast({ tone: "good", text: `Deleted volume ${row.name}.` });
            onClose();
        } catch (error) {
            setProblem(messageOf(error));
            setBusy(false);
        }
    };
    return (
        <Dialog title={`Delete volume ${row.name}?`} onClose={onClose} onSubmit={run}
            footer={<><Button onClick={onClose} data-autofocus>Cancel</Button><Button look="danger" type="submit" busy={busy} disabled={users.length > 0}>Delete</Button></>}>
            {users.length > 0
                ? <Note tone="warn">It is used by {users.join(", ")}. Delete {users.length === 1 ? "that notebook" : "those notebooks"} first.</Note>
                : <p>All files on it ({formatSize(row.size)}) are lost. <strong>This cannot be undone.</strong></p>}
            {problem && <Note tone="bad">{problem}</Note>}
        </Dialog>
    );
}
