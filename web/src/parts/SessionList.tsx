import { useState } from "react";
import { endSession, sessions as readSessions, type SignedIn } from "../api/account";
import { messageOf, RequestError } from "../api/client";
import { describeAgent } from "../lib/agent";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Note, Problem, Skeleton } from "./Feedback";
import { useToast } from "./Toasts";
import { useData } from "./useData";
import { When } from "./When";

const ways: Record<string, string> = { password: "with a password", link: "with a sign-in link", provider: "through the identity provider" };

/** Where one is signed in; each can be ended, all others at once. */
export function SessionList() {
    const { data, error, reload } = useData("sessions", readSessions);
    const toast = useToast();
    const [ending, setEnding] = useState<string | null>(null);
    const [asked, setAsked] = useState(false);
    const list = [...data ?? []].sort((one, other) => Number(other.current ?? false) - Number(one.current ?? false) || other.created.localeCompare(one.created));
    const others = list.filter((one) => !one.current);
    const end = async (session: SignedIn) => {
        setEnding(session.id);
        try {
            await gone(session.id);
            toast({ tone: "good", text: `${describeAgent(session.agent)} is signed out.` });
        } catch (failure) {
            toast({ tone: "bad", text: `The session could not be ended: ${messageOf(failure)}` });
        }
        setEnding(null);
        reload();
    };
    return (
        <section className="card" aria-labelledby="sessions">
            <header className="card-head">
                <h2 id="sessions">Sessions</h2>
                {others.length > 1 && <Button small icon="sign-out" onClick={() => setAsked(true)}>Sign out everywhere else</Button>}
            </header>
            {error !== null && !data && <div className="card-none"><Problem title="Your sessions cannot be listed" error={error} retry={reload} /></div>}
            {!data && error === null && <Skeleton rows={2} label="Loading sessions" tall />}
            {data && (
                <ul className="line-list">
                    {list.map((session) => (
                        <li key={session.id}>
                            <div className="two-lines">
                                <span className="with-icon"><strong id={`session-${session.id}`}>{describeAgent(session.agent)}</strong>{session.current && <span className="tag">This one</span>}</span>
                                <span className="muted wrap">
                                    Signed in <When time={session.created} /> {ways[session.method] ?? ""}{session.address && <> from {session.address}</>}; lasts until <Until time={session.expires} />
                                </span>
                            </div>
                            {!session.current && (
                                <Button small busy={ending === session.id} aria-describedby={`session-${session.id}`} onClick={() => end(session)}>End</Button>
                            )}
                        </li>
                    ))}
                </ul>
            )}
            {asked && <EndOthers sessions={others} onClose={() => setAsked(false)} onDone={reload} />}
        </section>
    );
}

/** One that has ended meanwhile is as wanted. */
async function gone(id: string): Promise<void> {
    try {
        await endSession(id);
    } catch (error) {
        if (!(error instanceof RequestError && error.status === 404)) throw error;
    }
}

/** A day to come, exact on hover. */
export function Until({ time }: { time: string }) {
    const date = new Date(time);
    return <time dateTime={time} title={date.toLocaleString("en-GB")}>{date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" })}</time>;
}

function EndOthers({ sessions, onClose, onDone }: { sessions: SignedIn[]; onClose: () => void; onDone: () => void }) {
    const toast = useToast();
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const end = async () => {
        setBusy(true);
        const results = await Promise.allSettled(sessions.map((one) => gone(one.id)));
        onDone();
        const failed = results.find((one): one is PromiseRejectedResult => one.status === "rejected");
        if (failed) {
            setBusy(false);
            setProblem(`Not all could be ended: ${messageOf(failed.reason)}`);
            return;
        }
        onClose();
        toast({ tone: "good", text: `${sessions.length} sessions were ended.` });
    };
    return (
        <Dialog title="Sign out everywhere else?" onClose={onClose} footer={<>
            <Button onClick={onClose} data-autofocus>Cancel</Button>
            <Button look="danger" busy={busy} onClick={end}>Sign out</Button>
        </>}>
            <p>{sessions.length} other browsers have to sign in again. Notebooks go on running.</p>
            {problem && <Note tone="bad">{problem}</Note>}
        </Dialog>
    );
}
