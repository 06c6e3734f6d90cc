/** All Profiles: whose they are, who works there, what they may use and do use. For administrators. */

import { useMemo, useState } from "react";
import { createProfile, deleteProfile, profiles as readProfiles, setQuota, transferProfile, type ProfileRow } from "../api/admin";
import { isAborted, messageOf, RequestError } from "../api/client";
import { nameProblem } from "../lib/names";
import { coresInWords, formatSize, gibibytes, parseQuantity } from "../lib/quantity";
import { roleLabel, type Role } from "../lib/team";
import { Button, IconButton } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { Empty, Note, Problem, Skeleton } from "../parts/Feedback";
import { SearchField, Segments, TextField } from "../parts/Fields";
import { Icon } from "../parts/Icon";
import { OnlyAdmins } from "../parts/OnlyAdmins";
import { replaceQuery, useAddress } from "../parts/router";
import { PersonName } from "../parts/PersonName";
import { PageHead } from "../parts/Shell";
import { StatusLabel } from "../parts/StatusLabel";
import { Table, type Column } from "../parts/Table";
import { useToast } from "../parts/Toasts";
import { useData, useRefresh } from "../parts/useData";
import { Meter } from "../parts/Meter";
import { When } from "../parts/When";

type Asked = { kind: "transfer" | "quota" | "delete"; row: ProfileRow };

export default function AdminProfilesPage() {
    return <OnlyAdmins><Profiles /></OnlyAdmins>;
}

function Profiles() {
    const { data, error, reload } = useData("profiles", readProfiles);
    // What is being made or deleted is looked at more often.
    useRefresh(reload, data?.some((row) => row.state !== "Successful" && row.state !== "Failed") ? 1_000 : 10_000);
    const params = new URLSearchParams(useAddress().query);
    const filter = params.get("q") ?? "";
    const [asked, setAsked] = useState<Asked | null>(null);
    const columns = useMemo(() => columnsFor(setAsked), []);
    const found = (data ?? []).filter((row) => matches(row, filter));
    const close = () => setAsked(null);
    return (
        <div className="page wide">
            <PageHead title="Profiles" count={data?.length ?? null} lead="Every namespace of the platform, with its owner, contributors, quota and use.">
                <Button look="primary" icon="plus" onClick={() => replaceQuery({ new: "1" })}>New profile</Button>
            </PageHead>
            {error !== null && !data && <Problem title="The profiles cannot be listed" error={error} retry={reload} />}
            {!data && error === null && <Skeleton rows={5} label="Loading profiles" tall />}
            {data?.length === 0 && (
                <Empty icon="namespace" title="No profiles yet" action={<Button icon="plus" onClick={() => replaceQuery({ new: "1" })}>Make the first one</Button>}>
                    A profile gives somebody a namespace, with roles and a quota.
                </Empty>
            )}
            {data && data.length > 0 && (
                <>
                    <div className="filter-row">
                        <SearchField label="Filter profiles" placeholder="Name, owner or contributor" value={filter} onChange={(value) => replaceQuery({ q: value })} />
                        {error !== null && <span className="stale-note"><Icon name="warn-triangle" size={14} />Not refreshed: {messageOf(error)}</span>}
                    </div>
                    {found.length === 0
                        ? <Empty icon="search" title="No profile matches" action={<Button onClick={() => replaceQuery({ q: null })}>Clear the filter</Button>} />
                        : <Table caption="Profiles" columns={columns} rows={found} keyOf={(row) => row.name} nameOf={(row) => row.name}
                            sort={params.get("sort") ?? "name"} onSort={(next) => replaceQuery({ sort: next === "name" ? null : next })} />}
                </>
            )}
            {params.has("new") && <NewProfile taken={(data ?? []).map((row) => row.name)} onClose={() => replaceQuery({ new: null })} onDone={reload} />}
            {asked?.kind === "transfer" && <TransferProfile row={asked.row} onClose={close} onDone={reload} />}
            {asked?.kind === "quota" && <ChangeQuota row={asked.row} onClose={close} onDone={reload} />}
            {asked?.kind === "delete" && <DeleteProfile row={asked.row} onClose={close} onDone={reload} />}
        </div>
    );
}

function matches(row: ProfileRow, filter: string): boolean {
    const text = [row.name, row.owner.name ?? "", ...row.contributors.map((one) => one.name)].join(" ").toLowerCase();
    return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function columnsFor(ask: (asked: Asked) => void): Column<ProfileRow>[] {
    return [
        {
            key: "name", title: "Profile", className: "cell-name", hideTitle: true, order: (row) => row.name,
            cell: (row) => (
                <div className="two-lines">
                    <strong id={`profile-${row.name}`}>{row.name}</strong>
                    {row.state === "Successful" ? <span className="muted">made <When time={row.created} /></span> : <StatusLabel shown={shownState(row)} />}
                </div>
            ),
        },
        {
            key: "owner", title: "Owner", className: "cell-wide cell-person", order: (row) => row.owner.name ?? "",
            cell: (row) => <span className="with-icon"><Icon name={row.owner.kind === "Group" ? "team" : "user"} /><span><PersonName name={row.owner.name ?? "nobody"} /></span></span>,
        },
        { key: "team", title: "Contributors", className: "cell-wide cell-person", order: (row) => row.contributors.length, cell: (row) => <Team row={row} /> },
        {
            key: "notebooks", title: "Notebooks", className: "cell-number", order: (row) => row.notebooks.running * 1000 + row.notebooks.total,
            cell: (row) => (row.notebooks.total === 0 ? <span className="muted">None</span> : `${row.notebooks.running} of ${row.notebooks.total} on`),
        },
        { key: "cpu", title: "CPU", className: "cell-meter", order: (row) => parseQuantity(row.usage?.cpu) ?? 0, cell: (row) => <Used row={row} keys={["requests.cpu", "cpu"]} use="cpu" show={coresInWords} title="CPU" /> },
        { key: "memory", title: "Memory", className: "cell-meter", order: (row) => parseQuantity(row.usage?.memory) ?? 0, cell: (row) => <Used row={row} keys={["requests.memory", "memory"]} use="memory" show={formatSize} title="Memory" /> },
        {
            key: "actions", title: "Actions", className: "cell-actions", hideTitle: true,
            cell: (row) => (
                <div className="row-actions">
                    <IconButton label="Transfer" icon="transfer" aria-describedby={`profile-${row.name}`} onClick={() => ask({ kind: "transfer", row })} />
                    <IconButton label="Change quota" icon="edit" aria-describedby={`profile-${row.name}`} onClick={() => ask({ kind: "quota", row })} />
                    <IconButton label="Delete" icon="trash" aria-describedby={`profile-${row.name}`} onClick={() => ask({ kind: "delete", row })} />
                </div>
            ),
        },
    ];
}

function shownState(row: ProfileRow) {
    const message = row.message;
    if (row.state === "Failed") return { tone: "bad" as const, word: "Failed", message, percent: null };
    return { tone: "busy" as const, word: row.state === "Deleting" ? "Deleting" : "Preparing", message, percent: null };
}

function Team({ row }: { row: ProfileRow }) {
    if (row.contributors.length === 0) return <span className="muted">None</span>;
    const all = row.contributors.map((one) => `${one.name} (${roleLabel(one.role as Role).toLowerCase()})`);
    return (
        <span title={all.join("\n")}>
            {row.contributors.slice(0, 2).map((one, index) => <span key={`${one.kind}/${one.name}`}>{index > 0 && ", "}<PersonName name={one.name} /></span>)}
            {row.contributors.length > 2 && <span className="muted"> and {row.contributors.length - 2} more</span>}
        </span>
    );
}

function Used({ row, keys, use, show, title }: {
    row: ProfileRow; keys: string[]; use: "cpu" | "memory"; show: (text: string) => string; title: string;
}) {
    const key = keys.find((one) => row.quota.hard[one] !== undefined);
    const now = row.usage?.[use];
    const hard = key && row.quota.hard[key];
    if (!key || !hard) return <div className="two-lines"><span className="number">{now ? show(now) : "–"}</span><span className="muted">no quota</span></div>;
    const reserved = row.quota.used[key] ?? "0";
    return (
        <div className="used">
            <Meter label={`${title} reserved by ${row.name}`} value={parseQuantity(reserved) ?? 0} limit={parseQuantity(hard) ?? 0} text={`${show(reserved).replace(/ cores?$/, "")} of ${show(hard)}`} />
            {now && <span className="muted number">{show(now)} in use</span>}
        </div>
    );
}

interface OwnerFields { kind: "User" | "Group"; name: string }

function OwnerField({ owner, onChange, problem }: { owner: OwnerFields; onChange: (owner: OwnerFields) => void; problem?: string | undefined }) {
    return (
        <>
            <Segments label="Kind of owner" value={owner.kind} onChange={(kind) => onChange({ ...owner, kind })}
                options={[{ value: "User", label: "User" }, { value: "Group", label: "Group" }]} />
            <TextField label="Owner" value={owner.name} problem={problem} maxLength={253}
                help={owner.kind === "User" ? "As the person signs in, usually an e-mail address." : "Every member of the group owns the profile."}
                onChange={(event) => onChange({ ...owner, name: event.target.value })} />
        </>
    );
}

function ownerProblem(owner: OwnerFields): string | undefined {
    if (owner.name.trim() === "") return "Say whose it is.";
    if (owner.name.includes("*")) return "A “*” would match others too.";
    return owner.name === owner.name.trim() ? undefined : "Leave out the spaces at the ends.";
}

interface QuotaField { key: string; label: string; unit?: string; wire: (text: string) => string; shown: (wire: string) => string }

const plain = (text: string) => text;
const inGiB = (text: string) => `${text}Gi`;
const quotaFields: QuotaField[] = [
    { key: "cpu", label: "CPU", unit: "cores", wire: plain, shown: (wire) => String(parseQuantity(wire) ?? wire) },
    { key: "memory", label: "Memory", unit: "GiB", wire: inGiB, shown: gibibytes },
    { key: "requests.storage", label: "Storage", unit: "GiB", wire: inGiB, shown: gibibytes },
];

function NewProfile({ taken, onClose, onDone }: { taken: string[]; onClose: () => void; onDone: () => void }) {
    const toast = useToast();
    const [name, setName] = useState("");
    const [owner, setOwner] = useState<OwnerFields>({ kind: "User", name: "" });
    const [quota, setQuota] = useState<Record<string, string>>({});
    const [touched, setTouched] = useState(false);
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const nameWrong = nameProblem(name, 63, busy ? [] : taken, "Profile");
    const ownerWrong = ownerProblem(owner);
    const amountWrong = (text: string | undefined) => (text && !(Number(text) > 0) ? "A number above zero, or nothing." : undefined);
    const create = async () => {
        setTouched(true);
        if (busy || nameWrong || ownerWrong || quotaFields.some((field) => amountWrong(quota[field.key]))) return;
        setBusy(true);
        setProblem(null);
        const hard = Object.fromEntries(quotaFields.filter((field) => quota[field.key]).map((field) => [field.key, field.wire(quota[field.key] ?? "")]));
        try {
            await createProfile(name, owner, hard);
            onDone();
            onClose();
            toast({ tone: "good", text: `${name} is being prepared for ${owner.name}.` });
        } catch (error) {
            if (isAborted(error)) return;
            setBusy(false);
            setProblem(messageOf(error));
        }
    };
    return (
        <Dialog title="New profile" onClose={onClose} onSubmit={create} footer={<>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" type="submit" busy={busy}>Create profile</Button>
        </>}>
            <TextField label="Name" value={name} data-autofocus help="Also the name of its namespace." onChange={(event) => setName(event.target.value)}
                problem={(touched || name !== "") && nameWrong ? nameWrong : undefined} />
            <OwnerField owner={owner} onChange={setOwner} problem={touched || owner.name.includes("*") ? ownerWrong : undefined} />
            <fieldset className="plain-set">
                <legend>Quota</legend>
                <p className="field-help">How much all of the namespace may reserve. Leave empty what is not limited.</p>
                <div className="form-grid thirds">
                    {quotaFields.map((field) => (
                        <TextField key={field.key} label={field.label} unit={field.unit} inputMode="decimal" value={quota[field.key] ?? ""}
                            problem={amountWrong(quota[field.key])} onChange={(event) => setQuota({ ...quota, [field.key]: event.target.value.trim() })} />
                    ))}
                </div>
            </fieldset>
            {problem && <Note tone="bad">{problem}</Note>}
        </Dialog>
    );
}

/** The fields that every profile has, and those of what else its quota limits, in the words of Kubernetes. */
function fieldsOf(row: ProfileRow): QuotaField[] {
    const others = Object.keys(row.quota.hard).filter((key) => !quotaFields.some((field) => field.key === key)).sort();
    return [...quotaFields, ...others.map((key) => ({ key, label: key, wire: plain, shown: plain }))];
}

function ChangeQuota({ row, onClose, onDone }: { row: ProfileRow; onClose: () => void; onDone: () => void }) {
    const toast = useToast();
    const fields = useMemo(() => fieldsOf(row), [row]);
    const before = useMemo(() => Object.fromEntries(fields.map((field) => {
        const hard = row.quota.hard[field.key];
        return [field.key, hard === undefined ? "" : field.shown(hard)];
    })), [fields, row]);
    const [quota, setFields] = useState<Record<string, string>>(before);
    const [refused, setRefused] = useState<Record<string, string>>({});
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const wrong = (field: QuotaField) => {
        const text = quota[field.key] ?? "";
        if (text === "" || text === before[field.key]) return refused[field.key];
        const amount = parseQuantity(field.wire(text));
        return amount === null || amount < 0 ? "A number that is not below zero, or nothing." : refused[field.key];
    };
    const used = (field: QuotaField) => {
        const now = row.quota.used[field.key];
        return now === undefined ? undefined : `${field.shown(now)} reserved now`;
    };
    // What is there stays; only new things are not admitted any more.
    const isTight = fields.some((field) => {
        const amount = parseQuantity(field.wire(quota[field.key] ?? ""));
        return quota[field.key] !== "" && amount !== null && amount >= 0 && amount < (parseQuantity(row.quota.used[field.key]) ?? 0);
    });
    const change = async () => {
        if (busy || fields.some((field) => wrong(field) && !refused[field.key])) return;
        setBusy(true);
        setProblem(null);
        const hard = Object.fromEntries(fields.filter((field) => quota[field.key]).map((field) => {
            const text = quota[field.key] ?? "";
            return [field.key, text === before[field.key] ? row.quota.hard[field.key] ?? text : field.wire(text)];
        }));
        try {
            await setQuota(row.name, hard);
            onDone();
            onClose();
            toast({ tone: "good", text: Object.keys(hard).length === 0 ? `${row.name} is not limited any more.` : `The quota of ${row.name} is changed.` });
        } catch (error) {
            setBusy(false);
            const found = error instanceof RequestError ? error.fields : {};
            setRefused(found);
            if (!fields.some((field) => found[field.key])) setProblem(messageOf(error));
        }
    };
    return (
        <Dialog title={`Quota of ${row.name}`} onClose={onClose} onSubmit={change} footer={<>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" type="submit" busy={busy}>Save quota</Button>
        </>}>
            <p>How much all of the namespace may reserve. Leave empty what is not limited.</p>
            <div className="form-grid thirds">
                {fields.map((field, index) => (
                    <TextField key={field.key} label={field.label} {...(field.unit ? { unit: field.unit } : {})} inputMode="decimal" value={quota[field.key] ?? ""}
                        problem={wrong(field)} help={used(field)} {...(index === 0 ? { "data-autofocus": true } : {})} onChange={(event) => {
                            setFields({ ...quota, [field.key]: event.target.value.trim() });
                            setRefused({});
                        }} />
                ))}
            </div>
            {isTight && <Note tone="warn">More than that is reserved now. What runs goes on; nothing new starts until less is reserved.</Note>}
            {problem && <Note tone="bad">{problem}</Note>}
        </Dialog>
    );
}

function TransferProfile({ row, onClose, onDone }: { row: ProfileRow; onClose: () => void; onDone: () => void }) {
    const toast = useToast();
    const [owner, setOwner] = useState<OwnerFields>({ kind: "User", name: "" });
    const [touched, setTouched] = useState(false);
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const wrong = ownerProblem(owner)
        ?? (owner.name === row.owner.name && owner.kind === (row.owner.kind ?? "User") ? `${owner.name} owns it already.` : undefined);
    const transfer = async () => {
        setTouched(true);
        if (busy || wrong) return;
        setBusy(true);
        setProblem(null);
        try {
            await transferProfile(row.name, owner);
            onDone();
            onClose();
            toast({ tone: "good", text: `${row.name} belongs to ${owner.name} now.` });
        } catch (error) {
            setBusy(false);
            setProblem(messageOf(error));
        }
    };
    return (
        <Dialog title={`Transfer ${row.name}`} onClose={onClose} onSubmit={transfer} footer={<>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" type="submit" busy={busy}>Transfer</Button>
        </>}>
            <p>Everything in the namespace stays. <strong>{row.owner.name ?? "The present owner"}</strong> loses access, unless added as a contributor.</p>
            <OwnerField owner={owner} onChange={setOwner} problem={touched || owner.name.includes("*") ? wrong : undefined} />
            {problem && <Note tone="bad">{problem}</Note>}
        </Dialog>
    );
}

function DeleteProfile({ row, onClose, onDone }: { row: ProfileRow; onClose: () => void; onDone: () => void }) {
    const toast = useToast();
    const [typed, setTyped] = useState("");
    const [touched, setTouched] = useState(false);
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const wrong = typed === row.name ? undefined : `Type ${row.name} to go on.`;
    const remove = async () => {
        setTouched(true);
        if (busy || wrong) return;
        setBusy(true);
        setProblem(null);
        try {
            await deleteProfile(row.name);
            onDone();
            onClose();
            toast({ tone: "info", text: `${row.name} is being deleted with all that is in it.` });
        } catch (error) {
            setBusy(false);
            setProblem(messageOf(error));
        }
    };
    const count = row.notebooks.total;
    return (
        <Dialog title={`Delete profile ${row.name}?`} onClose={onClose} onSubmit={remove} footer={<>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="danger" type="submit" busy={busy}>Delete for good</Button>
        </>}>
            <Note tone="warn">
                The namespace goes with everything in it: {count === 0 ? "its volumes and their files" : `${count} ${count === 1 ? "notebook" : "notebooks"}, all volumes and their files`},
                secrets, and the access of {row.owner.name}{row.contributors.length > 0 && ` and ${row.contributors.length} ${row.contributors.length === 1 ? "contributor" : "contributors"}`}. This cannot be undone.
            </Note>
            <TextField label="Name of the profile" help={`Type ${row.name} to go on.`} value={typed} data-autofocus
                problem={touched ? wrong : undefined} onChange={(event) => setTyped(event.target.value)} />
            {problem && <Note tone="bad">{problem}</Note>}
        </Dialog>
    );
}
