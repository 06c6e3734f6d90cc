/** Stop, start and delete, the same from the list, the details and in bulk. */

import { createContext, useContext, useMemo, useState, type ReactNode } from "react";
import { messageOf, RequestError } from "../api/client";
import { deleteNotebook, deleteVolume, notebook as readNotebook, setStopped } from "../api/platform";
import type { ObjectMeta } from "../api/types";
import { formatSize } from "../lib/quantity";
import { serverPath } from "../lib/routes";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Note, Skeleton } from "./Feedback";
import { Checkbox } from "./Fields";
import { Icon } from "./Icon";
import { useLive, useSession } from "./session";
import { useToast } from "./Toasts";
import { useData } from "./useData";

export interface Target { namespace: string; name: string }
type Work = "stop" | "start" | "delete";

interface Actions {
    /** What is under way for a notebook of this name. */
    pending: (name: string) => Work | undefined;
    setStopped: (targets: Target[], stopped: boolean) => void;
    askDelete: (targets: Target[], onDeleted?: () => void) => void;
}

const ActionsContext = createContext<Actions | null>(null);

export function useNotebookActions(): Actions {
    const actions = useContext(ActionsContext);
    if (!actions) throw new Error("used outside of the shell");
    return actions;
}

const many = (targets: Target[]) => (targets.length === 1 ? targets[0]?.name ?? "" : `${targets.length} notebooks`);

export function NotebookActionsProvider({ children }: { children: ReactNode }) {
    const toast = useToast();
    const [pending, setPending] = useState<ReadonlyMap<string, Work>>(new Map());
    const [asked, setAsked] = useState<{ targets: Target[]; onDeleted?: () => void } | null>(null);

    const actions = useMemo<Actions>(() => {
        const mark = (targets: Target[], work: Work | null) => setPending((known) => {
            const next = new Map(known);
            for (const { name } of targets) {
                if (work) next.set(name, work);
                else next.delete(name);
            }
            return next;
        });
        const change = async (targets: Target[], stopped: boolean) => {
            mark(targets, stopped ? "stop" : "start");
            const results = await Promise.allSettled(targets.map(({ namespace, name }) => setStopped(namespace, name, stopped)));
            mark(targets, null);
            const failed = results.map((result, index) => ({ result, name: targets[index]?.name }))
                .filter(({ result }) => result.status === "rejected" && !isAlready(result.reason));
            for (const { result, name } of failed) {
                const reason = messageOf((result as PromiseRejectedResult).reason);
                toast({ tone: "bad", text: `${name} could not be ${stopped ? "stopped" : "started"}: ${reason}` });
            }
            if (failed.length === targets.length) return;
            const undo = { label: "Undo", run: () => { void change(targets, false); } };
            toast(stopped
                ? { tone: "info", text: `Stopping ${many(targets)}. Files on its volumes are kept.`, action: undo }
                : { tone: "info", text: `Starting ${many(targets)}.` });
        };
        return {
            pending: (name) => pending.get(name),
            setStopped: (targets, stopped) => { void change(targets, stopped); },
            askDelete: (targets, onDeleted) => setAsked(onDeleted ? { targets, onDeleted } : { targets }),
        };
    }, [pending, toast]);

    return (
        <ActionsContext.Provider value={actions}>
            {children}
            {asked && <DeleteDialog targets={asked.targets} onClose={() => setAsked(null)} onDeleted={asked.onDeleted} />}
        </ActionsContext.Provider>
    );
}

/** Stopping what is stopped already is what was wanted. */
const isAlready = (error: unknown) => error instanceof RequestError && error.status === 409 && /already/.test(error.message);

function DeleteDialog({ targets, onClose, onDeleted }: { targets: Target[]; onClose: () => void; onDeleted?: (() => void) | undefined }) {
    const toast = useToast();
    const { volumes } = useLive();
    const [withVolumes, setWithVolumes] = useState<ReadonlySet<string>>(new Set());
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const single = targets.length === 1 ? targets[0] : undefined;
    const names = targets.map((one) => one.name);
    const run = async () => {
        setBusy(true);
        setProblem(null);
        const results = await Promise.allSettled(targets.map(({ namespace, name }) => deleteNotebook(namespace, name)));
        const failed = results.filter((one): one is PromiseRejectedResult => one.status === "rejected" && !isGone(one.reason));
        if (failed[0]) {
            setBusy(false);
            setProblem(failed.length === 1 ? messageOf(failed[0].reason) : `${failed.length} of ${targets.length}: ${messageOf(failed[0].reason)}`);
            return;
        }
        for (const name of withVolumes) {
            try {
                await deleteVolume(single?.namespace ?? "", name);
            } catch (error) {
                if (!isGone(error)) toast({ tone: "bad", text: `Volume ${name} could not be deleted: ${messageOf(error)}` });
            }
        }
        onClose();
        toast({ tone: "good", text: `Deleted ${many(targets)}${withVolumes.size > 0 ? " and its volume" : ""}.` });
        onDeleted?.();
    };
    const toggle = (name: string) => setWithVolumes((known) => {
        const next = new Set(known);
        if (!next.delete(name)) next.add(name);
        return next;
    });
    return (
        <Dialog title={single ? `Delete notebook ${single.name}?` : `Delete ${targets.length} notebooks?`} onClose={onClose} onSubmit={run}
            footer={<>
                <Button onClick={onClose} data-autofocus>Cancel</Button>
                <Button look="danger" type="submit" busy={busy}>{withVolumes.size > 0 ? "Delete with its files" : "Delete"}</Button>
            </>}>
            <p>Its server stops, and kernels and unsaved changes are lost.</p>
            {!single && <p className="name-list">{names.join(", ")}</p>}
            {single
                ? <ClaimChoice target={single} sizes={new Map((volumes ?? []).map((one) => [one.name, one]))} chosen={withVolumes} toggle={toggle} />
                : <p>Their volumes, and the files on them, are kept.</p>}
            {problem && <Note tone="bad">{problem}</Note>}
        </Dialog>
    );
}

const isGone = (error: unknown) => error instanceof RequestError && error.status === 404;

function ClaimChoice({ target, sizes, chosen, toggle }: {
    target: Target; sizes: Map<string, { size: string; usedBy?: string[] }>; chosen: ReadonlySet<string>; toggle: (name: string) => void;
}) {
    const { data, error } = useData(`${target.namespace}/${target.name}`, (signal) => readNotebook(target.namespace, target.name, signal));
    if (error) return <p>Its volumes, and the files on them, are kept.</p>;
    if (!data) return <Skeleton rows={1} label="Loading volumes" />;
    const claims = (data.spec.template.spec.volumes ?? []).flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? []);
    if (claims.length === 0) return <p>It has no volume: <strong>all files in it are lost.</strong></p>;
    return (
        <>
            <p>The files on its {claims.length === 1 ? "volume" : "volumes"} are kept, unless you choose otherwise:</p>
            <div className="claims">
                {claims.map((claim) => {
                    const others = (sizes.get(claim)?.usedBy ?? []).filter((name) => name !== target.name);
                    const help = others.length > 0 ? `Also used by ${others.join(", ")}.` : "Every file on it is lost. This cannot be undone.";
                    return <Checkbox key={claim} label={<>Delete volume <strong>{claim}</strong>{sizes.get(claim) ? ` (${formatSize(sizes.get(claim)?.size)})` : ""}</>}
                        help={help} checked={chosen.has(claim)} disabled={others.length > 0} onChange={() => toggle(claim)} />;
                })}
            </div>
        </>
    );
}

/** The link to the notebook's own server; says why when there is none yet. */
export function OpenLink({ target, isReady, primary, describedBy }: { target: Target; isReady: boolean; primary?: boolean; describedBy?: string }) {
    const classes = `button ${primary ? "primary" : "plain"} ${primary ? "" : "small"}`;
    if (!isReady) {
        return <a role="link" aria-disabled="true" className={`${classes} disabled`} title="The notebook is not running"><Icon name="open" /><span>Open</span></a>;
    }
    return (
        <a className={classes} href={serverPath(target.namespace, target.name)} target="_blank" rel="noopener" aria-describedby={describedBy}>
            <Icon name="open" /><span>Open</span>
        </a>
    );
}

/** Stop or Start, whichever makes sense. */
export function PowerButton({ target, metadata, phase, small, describedBy }: {
    target: Target; metadata: ObjectMeta; phase: string; small?: boolean; describedBy?: string;
}) {
    const { pending, setStopped: change } = useNotebookActions();
    const { canEdit } = useSession();
    const work = pending(target.name);
    // The annotation is what the controller obeys; while the Pod still ends, starting again is what one may want next.
    const isStopped = phase === "stopped" || metadata.annotations?.["kubeflow-resource-stopped"] !== undefined;
    return (
        <Button small={small} icon={isStopped ? "play" : "stop"} busy={work === "stop" || work === "start"} aria-describedby={describedBy}
            disabled={!canEdit || phase === "terminating"} title={canEdit ? undefined : "You may only view this namespace"}
            onClick={() => change([target], !isStopped)}>
            {isStopped ? "Start" : "Stop"}
        </Button>
    );
}
