/** The object as YAML: to read, and to edit. Before anything is saved the server has checked it, and one has seen the difference. */

import { useEffect, useMemo, useState } from "react";
import { messageOf, RequestError } from "../api/client";
import { notebookResource, readYAML, writeYAML } from "../api/platform";
import { diffLines, hasChanges, type DiffLine } from "../lib/diff";
import { withoutManagedFields } from "../lib/yaml";
import { Button } from "./Button";
import { CodeEditor, CodeView } from "./Code";
import { Dialog } from "./Dialog";
import { Note, Problem, Skeleton } from "./Feedback";
import { guardLeaving } from "./router";
import { useSession } from "./session";
import { useToast } from "./Toasts";
import { useData } from "./useData";

export default function NotebookYAML({ namespace, name, revision }: { namespace: string; name: string; revision: string }) {
    const { canEdit } = useSession();
    const resource = notebookResource(namespace, name);
    const [draft, setDraft] = useState<{ base: string; text: string } | null>(null);
    // While one edits, what is on the screen stays; without a draft the view follows the object.
    const [shownRevision, setShownRevision] = useState(revision);
    useEffect(() => { if (!draft) setShownRevision(revision); }, [draft, revision]);
    const { data, error, reload } = useData(resource, async (signal) => withoutManagedFields(await readYAML(resource, signal)));
    useEffect(() => reload(), [shownRevision, reload]);

    if (error !== null && !data) return <Problem title="The YAML cannot be read" error={error} retry={reload} />;
    if (!data) return <Skeleton rows={10} label="Loading YAML" />;
    if (draft) {
        return <Editor resource={resource} draft={draft} setText={(text) => setDraft({ ...draft, text })} isOutdated={revision !== shownRevision}
            onDone={() => { setDraft(null); reload(); }} />;
    }
    return (
        <>
            <div className="filter-row">
                <span className="muted">kubectl -n {namespace} get notebook {name} -o yaml</span>
                <span className="spacer" />
                <Button small icon="edit" disabled={!canEdit} onClick={() => setDraft({ base: data, text: data })}>Edit</Button>
            </div>
            <CodeView text={data} label="YAML" />
        </>
    );
}

function Editor({ resource, draft, setText, isOutdated, onDone }: {
    resource: string; draft: { base: string; text: string }; setText: (text: string) => void; isOutdated: boolean; onDone: () => void;
}) {
    const toast = useToast();
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<RequestError | null>(null);
    const [review, setReview] = useState<DiffLine[] | null>(null);
    const changed = draft.text !== draft.base;
    useEffect(() => {
        guardLeaving(changed ? "Leave without saving the YAML?" : null);
        return () => guardLeaving(null);
    }, [changed]);

    const fail = (error: unknown) => setFailure(error instanceof RequestError ? error : new RequestError(messageOf(error), 0));
    const check = async () => {
        setBusy(true);
        setFailure(null);
        try {
            const answer = withoutManagedFields(await writeYAML(resource, draft.text, true));
            const lines = diffLines(comparable(draft.base), comparable(answer));
            if (hasChanges(lines)) setReview(lines);
            else toast({ tone: "info", text: "Nothing would change." });
        } catch (error) {
            fail(error);
        } finally {
            setBusy(false);
        }
    };
    const save = async () => {
        setBusy(true);
        try {
            await writeYAML(resource, draft.text, false);
            guardLeaving(null);
            toast({ tone: "good", text: "Saved." });
            onDone();
        } catch (error) {
            setReview(null);
            fail(error);
            setBusy(false);
        }
    };
    return (
        <>
            {isOutdated && <Note tone="warn">The notebook changed since you began. If saving is refused, copy your text, cancel, and edit the new version.</Note>}
            {failure && <EditProblem failure={failure} />}
            <CodeEditor text={draft.text} label="YAML" onChange={setText} invalid={failure !== null} describedBy={failure ? "yaml-problem" : undefined} />
            <div className="form-foot">
                <span className="muted">The server checks the text before anything is saved.</span>
                <span className="spacer" />
                <Button onClick={onDone}>Cancel</Button>
                <Button look="primary" busy={busy && !review} disabled={!changed} onClick={check}>Review changes</Button>
            </div>
            {review && (
                <Dialog title="Review changes" wide onClose={() => setReview(null)}
                    footer={<><Button onClick={() => setReview(null)}>Back</Button><Button look="primary" busy={busy} onClick={save}>Save</Button></>}>
                    <p>The server accepts this. The difference, with the defaults it fills in:</p>
                    <Diff lines={review} />
                </Dialog>
            )}
        </>
    );
}

/** Without what the server counts up by itself. */
function comparable(text: string): string {
    return text.replace(/^ {2}(resourceVersion|generation): .*\n/gm, "");
}

function EditProblem({ failure }: { failure: RequestError }) {
    const fields = Object.entries(failure.fields);
    return (
        <div id="yaml-problem">
            <Note tone="bad">
                <strong>{failure.status === 409 ? "It changed meanwhile." : "The server refuses this."}</strong> {fields.length === 0 && failure.message}
                {fields.length > 0 && <ul>{fields.map(([field, message]) => <li key={field}><code>{field}</code>: {message}</li>)}</ul>}
            </Note>
        </div>
    );
}

function Diff({ lines }: { lines: DiffLine[] }) {
    const counts = useMemo(() => ({
        added: lines.filter((line) => line.kind === "added").length, removed: lines.filter((line) => line.kind === "removed").length,
    }), [lines]);
    const signs = { same: " ", added: "+", removed: "−" };
    return (
        <div className="diff" role="region" tabIndex={0} aria-label={`${counts.added} lines added, ${counts.removed} removed`}>
            {lines.map((line, index) => line.kind === "gap"
                ? <div key={index} className="diff-gap">{line.count} equal lines</div>
                : <div key={index} className={`diff-line ${line.kind}`}>
                    <span className="diff-number">{line.before ?? ""}</span><span className="diff-number">{line.after ?? ""}</span>
                    <span className="diff-sign">{signs[line.kind]}</span><span className="diff-text">{line.text}</span>
                </div>)}
        </div>
    );
}
