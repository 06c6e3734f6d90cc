import { useState } from "react";
import { createToken, revokeToken, tokens as readTokens, type APIToken } from "../api/account";
import { messageOf, RequestError } from "../api/client";
import { expiryOf, lifetimes, scopeLabel, scopes, tokenProblems, type Scope } from "../lib/tokens";
import { Button, CopyButton, IconButton } from "./Button";
import { Dialog } from "./Dialog";
import { Note, Problem, Skeleton } from "./Feedback";
import { Checkbox, SelectField, TextField } from "./Fields";
import { Icon } from "./Icon";
import { replaceQuery, useAddress } from "./router";
import { Until } from "./SessionList";
import { useToast } from "./Toasts";
import { useData } from "./useData";
import { useNow, When } from "./When";

/** The tokens by which one's programs act; made here, shown once, revoked here. */
export function TokenList() {
    const { data, error, reload } = useData("tokens", readTokens);
    const isMaking = new URLSearchParams(useAddress().query).has("new");
    const now = useNow();
    const [asked, setAsked] = useState<APIToken | null>(null);
    return (
        <section className="card" aria-labelledby="tokens">
            <header className="card-head">
                <h2 id="tokens">API tokens</h2>
                <Button small icon="plus" onClick={() => replaceQuery({ new: "1" })}>New token</Button>
            </header>
            {error !== null && !data && <div className="card-none"><Problem title="Your tokens cannot be listed" error={error} retry={reload} /></div>}
            {!data && error === null && <Skeleton rows={2} label="Loading tokens" tall />}
            {data?.length === 0 && <p className="card-none muted">None yet. With a token, scripts and pipelines act as you, as far as its scopes go and until it expires.</p>}
            {data && data.length > 0 && (
                <ul className="line-list">
                    {data.map((token) => (
                        <li key={token.id}>
                            <div className="two-lines">
                                <span className="with-icon"><strong id={`token-${token.id}`}>{token.name}</strong>
                                    {token.scopes.map((scope) => <span key={scope} className="tag">{scopeLabel(scope)}</span>)}</span>
                                <span className="muted wrap">
                                    <Expiry token={token} now={now} />; {token.lastUsed ? <>last used <When time={token.lastUsed} /></> : "never used"}
                                </span>
                            </div>
                            <IconButton label="Revoke" icon="trash" aria-describedby={`token-${token.id}`} onClick={() => setAsked(token)} />
                        </li>
                    ))}
                </ul>
            )}
            {isMaking && <NewToken onClose={() => replaceQuery({ new: null })} onDone={reload} />}
            {asked && <RevokeToken token={asked} onClose={() => setAsked(null)} onDone={reload} />}
        </section>
    );
}

function Expiry({ token, now }: { token: APIToken; now: Date }) {
    const state = expiryOf(token.expires, now);
    if (state === "later") return <>Expires <Until time={token.expires} /></>;
    return <span className="stale-note"><Icon name="warn-triangle" size={14} />{state === "expired" ? "Expired" : "Expires soon,"} <Until time={token.expires} /></span>;
}

function NewToken({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
    const [name, setName] = useState("");
    const [chosen, setChosen] = useState<Scope[]>(["read"]);
    const [days, setDays] = useState("30");
    const [touched, setTouched] = useState(false);
    const [busy, setBusy] = useState(false);
    const [refusal, setRefusal] = useState<string | null>(null);
    const [secret, setSecret] = useState<string | null>(null);
    const wrong = tokenProblems(name, chosen);
    const create = async () => {
        setTouched(true);
        if (busy || wrong.name || wrong.scopes) return;
        setBusy(true);
        setRefusal(null);
        try {
            setSecret((await createToken(name.trim(), chosen, Number(days))).token);
            onDone();
        } catch (error) {
            setRefusal(messageOf(error));
        }
        setBusy(false);
    };
    if (secret !== null) return <ShownOnce name={name} secret={secret} onClose={onClose} />;
    return (
        <Dialog title="New API token" onClose={onClose} onSubmit={create} footer={<>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" type="submit" busy={busy}>Create token</Button>
        </>}>
            <TextField label="What it is for" value={name} data-autofocus maxLength={120} problem={touched && wrong.name ? wrong.name : undefined}
                onChange={(event) => { setName(event.target.value); setRefusal(null); }} />
            <fieldset className="plain-set">
                <legend>Scopes</legend>
                {scopes.map((scope) => (
                    <Checkbox key={scope.value} label={scope.label} help={scope.help} checked={chosen.includes(scope.value)}
                        onChange={(event) => setChosen(event.target.checked ? [...chosen, scope.value] : chosen.filter((one) => one !== scope.value))} />
                ))}
                {touched && wrong.scopes && <p className="field-problem" role="alert"><Icon name="bad-circle" size={14} />{wrong.scopes}</p>}
            </fieldset>
            <SelectField label="Expires after" value={days} options={lifetimes} onChange={(event) => setDays(event.target.value)} />
            {refusal && <Note tone="bad">{refusal}</Note>}
        </Dialog>
    );
}

function ShownOnce({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
    return (
        <Dialog title={`Token “${name.trim()}”`} onClose={onClose} footer={<Button look="primary" onClick={onClose} data-autofocus>Done</Button>}>
            <Note tone="warn">Copy it now: it is not shown again. Whoever has it acts as you, as far as its scopes go.</Note>
            <div className="copyable"><pre aria-label="Token" role="note">{secret}</pre><CopyButton text={secret} label="Copy token" /></div>
            <p className="muted">Send it as <code>Authorization: Bearer …</code></p>
        </Dialog>
    );
}

function RevokeToken({ token, onClose, onDone }: { token: APIToken; onClose: () => void; onDone: () => void }) {
    const toast = useToast();
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const revoke = async () => {
        setBusy(true);
        setProblem(null);
        try {
            await revokeToken(token.id);
        } catch (error) {
            if (!(error instanceof RequestError && error.status === 404)) {
                setBusy(false);
                setProblem(messageOf(error));
                return;
            }
        }
        onDone();
        onClose();
        toast({ tone: "good", text: `The token “${token.name}” works no more.` });
    };
    return (
        <Dialog title={`Revoke token “${token.name}”?`} onClose={onClose} footer={<>
            <Button onClick={onClose} data-autofocus>Cancel</Button>
            <Button look="danger" busy={busy} onClick={revoke}>Revoke</Button>
        </>}>
            <p>Programs that use it are refused from now on. This cannot be undone; a new token can be made at any time.</p>
            {problem && <Note tone="bad">{problem}</Note>}
        </Dialog>
    );
}
