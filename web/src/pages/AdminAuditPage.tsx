/** Who did what: the API server's audit log, newest first, with filter and export. For administrators. */

import { useEffect, useMemo, useState } from "react";
import { auditPage, type AuditEntry } from "../api/admin";
import { isAborted } from "../api/client";
import { auditQuery, describeAction } from "../lib/audit";
import { Button } from "../parts/Button";
import { Empty, Problem, Skeleton } from "../parts/Feedback";
import { SearchField, Segments, SelectField } from "../parts/Fields";
import { Icon } from "../parts/Icon";
import { PersonName } from "../parts/PersonName";
import { OnlyAdmins } from "../parts/OnlyAdmins";
import { replaceQuery, useAddress } from "../parts/router";
import { PageHead } from "../parts/Shell";
import { StatusLabel } from "../parts/StatusLabel";
import { Table, type Column } from "../parts/Table";
import { When } from "../parts/When";

export default function AdminAuditPage() {
    return <OnlyAdmins><Audit /></OnlyAdmins>;
}

/** Senders choose ids, so equal ones occur. */
type Row = AuditEntry & { key: string };

interface Loaded { query: string; entries: Row[]; next: string | null }

const verbs = ["create", "update", "patch", "delete", "deletecollection", "get", "list", "watch"];
const spans = [["", "Any time"], ["1", "Last hour"], ["24", "Last day"], ["168", "Last week"]] as const;

function Audit() {
    const params = new URLSearchParams(useAddress().query);
    const value = (key: string) => params.get(key) ?? "";
    const [text, setText] = useState(value("q"));
    const [round, setRound] = useState(0);
    const query = useMemo(
        () => auditQuery({ q: value("q"), verb: value("verb"), decision: value("decision"), hours: value("hours"), by: value("by"), log: value("log") }, new Date()),
        [params.toString(), round]);
    const { loaded, error, busy, more } = useAudit(query);

    // A word is looked for once it stands, not at every letter.
    useEffect(() => {
        const timer = setTimeout(() => { if (text !== value("q")) replaceQuery({ q: text }); }, 250);
        return () => clearTimeout(timer);
    }, [text]);

    const isGateway = value("log") === "gateway";
    const clear = () => {
        setText("");
        replaceQuery({ q: null, verb: null, decision: null, hours: null, by: "all" });
    };
    return (
        <div className="page wide">
            <PageHead title="Audit log" lead={isGateway ? "What the gateway refused: sign-ins, forged requests, pages and services that are not for the caller."
                : "Every change, every refusal, and every look at a secret or into a Pod."}>
                <Button icon="refresh" onClick={() => setRound((known) => known + 1)} aria-label="Refresh" />
                <a className="button plain" href={`/api/admin/audit/export?format=csv&${query}`} download="audit.csv"><Icon name="download" /><span>Export CSV</span></a>
                <a className="button plain" href={`/api/admin/audit/export?format=jsonl&${query}`} download="audit.jsonl"><Icon name="download" /><span>Export JSON</span></a>
            </PageHead>
            <div className="filter-row">
                <SearchField label="Filter the audit log" placeholder="User, object, address…" value={text} onChange={setText} />
                <Segments label="Which log" value={isGateway ? "gateway" : "cluster"} onChange={(next) => replaceQuery({ log: next === "gateway" ? next : null })}
                    options={[{ value: "cluster", label: "Cluster" }, { value: "gateway", label: "Gateway" }]} />
                {!isGateway && <Segments label="Whose acts" value={value("by") === "all" ? "all" : "people"} onChange={(next) => replaceQuery({ by: next === "all" ? next : null })}
                    options={[{ value: "people", label: "People" }, { value: "all", label: "Everything" }]} />}
                {!isGateway && <div className="filter-select">
                    <SelectField label="Action" hideLabel value={value("verb")} onChange={(event) => replaceQuery({ verb: event.target.value })}
                        options={[{ value: "", label: "All actions" }, ...verbs.map((one) => ({ value: one, label: one }))]} />
                </div>}
                {!isGateway && <div className="filter-select">
                    <SelectField label="Result" hideLabel value={value("decision")} onChange={(event) => replaceQuery({ decision: event.target.value })}
                        options={[{ value: "", label: "All results" }, { value: "allow", label: "Allowed" }, { value: "forbid", label: "Refused" }]} />
                </div>}
                <div className="filter-select">
                    <SelectField label="Time" hideLabel value={value("hours")} onChange={(event) => replaceQuery({ hours: event.target.value })}
                        options={spans.map(([one, label]) => ({ value: one, label }))} />
                </div>
            </div>
            {error !== null && <Problem title="The audit log cannot be shown" error={error} retry={() => setRound((known) => known + 1)} />}
            {!loaded && error === null && <Skeleton rows={6} label="Loading the audit log" tall />}
            {loaded?.entries.length === 0 && (
                <Empty icon="list" title="Nothing matches" action={<Button onClick={clear}>Show everything</Button>}>
                    No entry of the log is about that. Old entries go when the log grows.
                </Empty>
            )}
            {loaded && loaded.entries.length > 0 && (
                <>
                    <Table caption="Audit log" columns={columns} rows={loaded.entries} keyOf={(row) => row.key} nameOf={(row) => row.id ?? row.time} sort="" onSort={() => undefined} />
                    <p className="table-foot">
                        {loaded.next
                            ? <Button busy={busy} onClick={more}>Load older entries</Button>
                            : <span className="muted">That is all.</span>}
                    </p>
                </>
            )}
        </div>
    );
}

/** The pages of the log that were asked for so far; a new query begins anew. */
function useAudit(query: string): { loaded: Loaded | null; error: unknown; busy: boolean; more: () => void } {
    const [loaded, setLoaded] = useState<Loaded | null>(null);
    const [error, setError] = useState<unknown>(null);
    const [busy, setBusy] = useState(false);
    useEffect(() => {
        const control = new AbortController();
        setError(null);
        auditPage(query, control.signal).then(
            (page) => setLoaded({ query, entries: named(page.entries, 0), next: page.next }),
            (failure: unknown) => { if (!isAborted(failure)) setError(failure); });
        return () => control.abort();
    }, [query]);
    const more = () => {
        if (!loaded?.next || busy) return;
        setBusy(true);
        auditPage(`${query}&before=${encodeURIComponent(loaded.next)}`).then(
            (page) => setLoaded((known) => (known?.query === query ? { query, entries: [...known.entries, ...named(page.entries, known.entries.length)], next: page.next } : known)),
            setError,
        ).finally(() => setBusy(false));
    };
    return { loaded, error, busy, more };
}

/** Each row needs a name of its own. */
const named = (entries: AuditEntry[], from: number): Row[] =>
    entries.map((entry, index) => ({ ...entry, key: `${entry.time} ${from + index}` }));

const columns: Column<Row>[] = [
    { key: "time", title: "When", className: "cell-time", cell: (row) => <When time={row.time} /> },
    {
        key: "user", title: "Who", className: "cell-wide cell-person",
        cell: (row) => (
            <div className="two-lines">
                <span><PersonName name={row.user || "anonymous"} /></span>
                {row.impersonatedBy && <span className="muted wrap">through {row.impersonatedBy.replace("system:serviceaccount:", "")}</span>}
            </div>
        ),
    },
    {
        key: "what", title: "What", className: "cell-wide",
        cell: (row) => {
            const { action, object } = describeAction(row);
            return <div className="two-lines"><span>{action}</span><span className="muted wrap">{object}</span>{row.reason && <span className="muted wrap">{row.reason}</span>}</div>;
        },
    },
    {
        key: "result", title: "Result", className: "cell-result",
        cell: (row) => {
            const refused = row.decision === "forbid";
            const failed = !refused && (row.code ?? 0) >= 400;
            return <StatusLabel detailed={false} shown={{ tone: refused ? "bad" : failed ? "warn" : "good", word: `${refused ? "Refused" : failed ? "Failed" : "Done"} ${row.code ?? ""}`.trim(), message: "", percent: null }} />;
        },
    },
    { key: "address", title: "From", className: "cell-extra", cell: (row) => <span title={row.agent}>{row.address ?? "–"}</span> },
];
