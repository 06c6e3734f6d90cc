/** What somebody sees who has no part in any namespace: the way to one, where people may make their own. */

import { useState } from "react";
import { messageOf } from "../api/client";
import { createWorkgroup, workgroup } from "../api/team";
import { nameProblem, namespaceFor } from "../lib/names";
import { Button } from "./Button";
import { Empty, Note, Problem, Skeleton } from "./Feedback";
import { TextField } from "./Fields";
import { useSession } from "./session";
import { useData } from "./useData";

export function NoNamespace() {
    const { me } = useSession();
    const { data, error, reload } = useData("workgroup", workgroup);
    return (
        <div className="page narrow">
            {!data && error !== null && <Problem title="Your namespaces cannot be found" error={error} retry={reload} />}
            {!data && error === null && <Skeleton rows={4} label="Loading" tall />}
            {data?.registrationFlowAllowed && <Registration />}
            {data && !data.registrationFlowAllowed && (
                <>
                    <h1 className="visually-hidden">No namespace yet</h1>
                    <Empty icon="namespace" title="You have no namespace yet">
                        Everything one makes lives in a namespace. Ask an administrator to make one for <strong>{me.user}</strong>, or an
                        owner to add you as a contributor; this page goes on by itself.
                    </Empty>
                </>
            )}
        </div>
    );
}

function Registration() {
    const { me, reloadMe } = useSession();
    const [name, setName] = useState(() => namespaceFor(me.user));
    const [touched, setTouched] = useState(false);
    const [busy, setBusy] = useState(false);
    const [refusal, setRefusal] = useState<string | null>(null);
    const wrong = nameProblem(name, 63, [], "Namespace");
    const create = async () => {
        setTouched(true);
        if (busy || wrong) return;
        setBusy(true);
        setRefusal(null);
        try {
            await createWorkgroup(name);
            reloadMe();
        } catch (failure) {
            setBusy(false);
            setRefusal(messageOf(failure));
        }
    };
    return (
        <div className="registration">
            <h1>Welcome to Martlet</h1>
            <p className="lead">You work in a namespace of your own: your notebooks, volumes and runs live there, and you decide who else may use them.</p>
            <form className="card registration-form" noValidate onSubmit={(event) => { event.preventDefault(); void create(); }}>
                <TextField label="Name of your namespace" value={name} autoFocus maxLength={80} help="Lower case letters, digits and hyphens. It cannot be changed later."
                    problem={(touched || name !== "") && wrong ? wrong : undefined}
                    onChange={(event) => { setName(event.target.value); setRefusal(null); }} />
                {refusal && <Note tone="bad">{refusal}</Note>}
                <Button look="primary" type="submit" busy={busy}>{busy ? "Making your namespace…" : "Create namespace"}</Button>
            </form>
            <p className="muted">Does a team have one already? Ask its owner to add <strong>{me.user}</strong> as a contributor; this page goes on by itself.</p>
        </div>
    );
}
