/** Who may work in the namespace, and who decides about that. What one changes is there at once: KFAM reads what it wrote. */

import { useMemo, useState } from "react";
import { messageOf } from "../api/client";
import { addMember, bindings as readBindings, changeRole, namespaceOwner, removeMember } from "../api/team";
import { keyOf, memberProblem, members, roleLabel, roles, type Member, type MemberKind, type Role } from "../lib/team";
import { Button, IconButton } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { Empty, Note, Problem, Skeleton } from "../parts/Feedback";
import { SearchField, Segments, SelectField, TextField } from "../parts/Fields";
import { Icon } from "../parts/Icon";
import { PersonName } from "../parts/PersonName";
import { replaceQuery, useAddress } from "../parts/router";
import { useSession } from "../parts/session";
import { PageHead } from "../parts/Shell";
import { Table, type Column } from "../parts/Table";
import { useToast } from "../parts/Toasts";
import { useData } from "../parts/useData";

export default function ContributorsPage() {
    const { namespace, namespaces, me } = useSession();
    const toast = useToast();
    const params = new URLSearchParams(useAddress().query);
    const filter = params.get("q") ?? "";
    const { data, error, reload } = useData(namespace, async (signal) => {
        const [bindings, owner] = await Promise.all([readBindings(namespace, signal), namespaceOwner(namespace, signal).catch(() => null)]);
        return members(bindings, owner);
    });
    const [busy, setBusy] = useState<string | null>(null);
    const [removing, setRemoving] = useState<Member | null>(null);
    const canManage = me.isAdmin || namespaces.some((one) => one.namespace === namespace && one.role === "owner");
    const change = async (member: Member, role: Role) => {
        setBusy(keyOf(member));
        try {
            await changeRole(namespace, member, role);
            toast({ tone: "good", text: `${member.name} is ${roleLabel(role).toLowerCase()} now.` });
        } catch (failure) {
            toast({ tone: "bad", text: `The role of ${member.name} could not be changed: ${messageOf(failure)}` });
        }
        setBusy(null);
        reload();
    };
    const columns = useMemo(() => columnsFor(me.user, canManage, busy, change, setRemoving), [me.user, canManage, busy, namespace]);
    const found = (data ?? []).filter((one) => one.name.toLowerCase().includes(filter.toLowerCase()));
    return (
        <div className="page">
            <PageHead title="Contributors" count={data?.length ?? null} lead={<>Who may work in <strong>{namespace}</strong>.</>}>
                {canManage && <Button look="primary" icon="plus" onClick={() => replaceQuery({ new: "1" })}>Add contributor</Button>}
            </PageHead>
            {error !== null && !data && <Problem title="The contributors cannot be listed" error={error} retry={reload} />}
            {error !== null && data && <Note tone="warn">The list could not be refreshed: {messageOf(error)}</Note>}
            {!data && error === null && <Skeleton rows={4} label="Loading contributors" tall />}
            {data && !canManage && <div className="page-note"><Note>You see your own role. The owner of {namespace} sees everybody’s and can change them.</Note></div>}
            {data?.length === 0 && (
                <Empty icon="team" title="Nobody contributes here yet">
                    Contributors share notebooks, volumes and everything else in this namespace, as far as their role goes.
                </Empty>
            )}
            {data && data.length > 0 && (
                <>
                    <div className="filter-row"><SearchField label="Filter contributors" value={filter} onChange={(value) => replaceQuery({ q: value })} /></div>
                    {found.length === 0
                        ? <Empty icon="search" title="Nobody matches" action={<Button onClick={() => replaceQuery({ q: null })}>Clear the filter</Button>} />
                        : <Table caption="Contributors" columns={columns} rows={found} keyOf={keyOf} nameOf={(row) => row.name}
                            sort={params.get("sort") ?? ""} onSort={(next) => replaceQuery({ sort: next })} />}
                </>
            )}
            {canManage && params.has("new") && data && <AddMember known={data} onClose={() => replaceQuery({ new: null })} onAdded={reload} />}
            {removing && <RemoveMember member={removing} onClose={() => setRemoving(null)} onRemoved={reload} />}
        </div>
    );
}

function columnsFor(
    me: string, canManage: boolean, busy: string | null, change: (member: Member, role: Role) => void, ask: (member: Member) => void,
): Column<Member>[] {
    const rank = (member: Member) => (member.isOwner ? 0 : 3 - roles.findIndex((role) => role.value === member.role));
    return [
        {
            key: "name", title: "Name", className: "cell-name", hideTitle: true, order: (row) => row.name,
            cell: (row) => (
                <span className="with-icon"><Icon name={row.kind === "Group" ? "team" : "user"} />
                    <strong id={`member-${keyOf(row)}`}><PersonName name={row.name} /></strong>{row.name === me && row.kind === "User" && <span className="tag">You</span>}
                </span>
            ),
        },
        { key: "kind", title: "Kind", order: (row) => row.kind, cell: (row) => row.kind },
        {
            key: "role", title: "Role", className: "cell-role", order: rank,
            cell: (row) => (row.isOwner ? <span>Owner</span> : canManage
                ? <SelectField label={`Role of ${row.name}`} hideLabel value={row.role} disabled={busy !== null} aria-busy={busy === keyOf(row) || undefined}
                    options={roles.map(({ value, label }) => ({ value, label }))} onChange={(event) => change(row, event.target.value as Role)} />
                : <span>{roleLabel(row.role)}</span>),
        },
        {
            key: "actions", title: "Actions", className: "cell-actions", hideTitle: true,
            cell: (row) => (canManage && !row.isOwner
                ? <div className="row-actions"><IconButton label="Remove" icon="trash" aria-describedby={`member-${keyOf(row)}`} onClick={() => ask(row)} /></div>
                : null),
        },
    ];
}

function AddMember({ known, onClose, onAdded }: { known: Member[]; onClose: () => void; onAdded: () => void }) {
    const { namespace } = useSession();
    const toast = useToast();
    const [kind, setKind] = useState<MemberKind>("User");
    const [name, setName] = useState("");
    const [role, setRole] = useState<Role>("edit");
    const [touched, setTouched] = useState(false);
    const [busy, setBusy] = useState(false);
    const [refusal, setRefusal] = useState<string | null>(null);
    const wrong = memberProblem(kind, name, role, busy ? [] : known);
    const add = async () => {
        setTouched(true);
        if (wrong || busy) return;
        setBusy(true);
        setRefusal(null);
        try {
            await addMember(namespace, kind, name, role);
            onAdded();
            onClose();
            toast({ tone: "good", text: `${name} may work in ${namespace} now, as ${roleLabel(role).toLowerCase()}.` });
        } catch (error) {
            setBusy(false);
            setRefusal(messageOf(error));
        }
    };
    const problem = refusal ?? (touched || name.includes("*") ? wrong : null);
    return (
        <Dialog title="Add contributor" onClose={onClose} onSubmit={add} footer={<>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" type="submit" busy={busy}>Add contributor</Button>
        </>}>
            <Segments label="Kind" value={kind} onChange={(value) => { setKind(value); setRefusal(null); }}
                options={[{ value: "User", label: "User" }, { value: "Group", label: "Group" }]} />
            <TextField label={kind === "User" ? "User name" : "Group name"} value={name} data-autofocus maxLength={300} problem={problem ?? undefined}
                help={kind === "User" ? "As the person signs in, usually an e-mail address." : "As your identity provider calls it. All its members get the role."}
                onChange={(event) => { setName(event.target.value); setRefusal(null); }} />
            <SelectField label="Role" value={role} options={roles.map(({ value, label }) => ({ value, label }))}
                help={roles.find((one) => one.value === role)?.help} onChange={(event) => { setRole(event.target.value as Role); setRefusal(null); }} />
        </Dialog>
    );
}

function RemoveMember({ member, onClose, onRemoved }: { member: Member; onClose: () => void; onRemoved: () => void }) {
    const { namespace } = useSession();
    const toast = useToast();
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const remove = async () => {
        setBusy(true);
        setProblem(null);
        try {
            await removeMember(namespace, member);
            onRemoved();
            onClose();
            const again = async () => {
                try {
                    await addMember(namespace, member.kind, member.name, member.role);
                } catch (error) {
                    toast({ tone: "bad", text: `${member.name} could not be added again: ${messageOf(error)}` });
                }
                onRemoved();
            };
            toast({ tone: "info", text: `${member.name} was removed.`, action: { label: "Undo", run: () => { void again(); } } });
        } catch (error) {
            setBusy(false);
            setProblem(messageOf(error));
        }
    };
    return (
        <Dialog title={`Remove ${member.name}?`} onClose={onClose} footer={<>
            <Button onClick={onClose} data-autofocus>Cancel</Button>
            <Button look="danger" busy={busy} onClick={remove}>Remove</Button>
        </>}>
            <p>{member.kind === "Group" ? "All its members lose" : "This person loses"} access to everything in <strong>{namespace}</strong>. What they made there stays.</p>
            {problem && <Note tone="bad">{problem}</Note>}
        </Dialog>
    );
}
