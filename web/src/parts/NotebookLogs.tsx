/** The container's log as it is written: follow, search, wrap, download. The newest 10,000 lines are kept. */

import { memo, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { isAborted, messageOf, RequestError, sleep } from "../api/client";
import { readLog } from "../api/logs";
import { LineBuffer, plain, spansOf } from "../lib/ansi";
import { Button, IconButton } from "./Button";
import { Empty, Note, Skeleton } from "./Feedback";
import { SearchField } from "./Fields";
import { Icon } from "./Icon";
import { usePreference } from "./preferences";

const limit = 10_000;
const blockSize = 200;

interface LogState { lines: string[]; dropped: number; state: "connecting" | "open" | "ended"; error: string | null }

export default function NotebookLogs({ namespace, name, phase }: { namespace: string; name: string; phase: string }) {
    const [round, setRound] = useState(0);
    const log = useLog(namespace, name, phase, round);
    const [follow, setFollow] = useState(true);
    const [wrap, setWrap] = usePreference("logs-wrap", "on");
    const [query, setQuery] = useState("");
    const [at, setAt] = useState(0);
    const box = useRef<HTMLDivElement>(null);

    const hits = useMemo(() => {
        if (query === "") return [];
        const wanted = query.toLowerCase();
        return log.lines.flatMap((line, index) => (plain(line).toLowerCase().includes(wanted) ? [index] : []));
    }, [log.lines, query]);
    const hit = hits.length > 0 ? hits[Math.min(at, hits.length - 1)] : undefined;

    useEffect(() => {
        if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
    }, [log.lines, follow, wrap]);
    useEffect(() => {
        if (hit === undefined) return;
        setFollow(false);
        // Blocks out of sight are not laid out: bring the block near first, then the line. Only the log scrolls, not the page.
        for (const selector of [`[data-block="${Math.floor(hit / blockSize)}"]`, `[data-line="${hit}"]`]) {
            const found = box.current?.querySelector(selector);
            if (!box.current || !found) return;
            const offset = found.getBoundingClientRect().top - box.current.getBoundingClientRect().top;
            box.current.scrollTop += offset - box.current.clientHeight / 2;
        }
    }, [hit]);

    // Scrolling up means reading: new lines no longer pull the view down. Back at the end, they do again.
    const scrolled = () => {
        const element = box.current;
        if (!element) return;
        const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
        if (isAtEnd !== follow && (isAtEnd || hit === undefined)) setFollow(isAtEnd);
    };
    const step = (by: number) => setAt((known) => (hits.length === 0 ? 0 : (known + by + hits.length) % hits.length));
    const download = () => {
        const url = URL.createObjectURL(new Blob([log.lines.map(plain).join("\n"), "\n"], { type: "text/plain" }));
        const link = document.createElement("a");
        link.href = url;
        link.download = `${name}.log`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(url));
    };

    if (log.lines.length === 0 && phase === "stopped") {
        return <Empty icon="stop-circle" title="The notebook is stopped">Its log is written while it runs. Start it to see what it says.</Empty>;
    }
    return (
        <div className="logs">
            <div className="filter-row">
                <SearchField label="Search the log" value={query} onChange={(value) => { setQuery(value); setAt(0); }}
                    onKeyDown={(event) => { if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); } }} />
                {query !== "" && (
                    <span className="hits" role="status">
                        <span className="number">{hits.length === 0 ? "No line" : `${Math.min(at, hits.length - 1) + 1} of ${hits.length}`}</span>
                        <IconButton label="Previous match" icon="arrow-up" disabled={hits.length === 0} onClick={() => step(-1)} />
                        <IconButton label="Next match" icon="arrow-down" disabled={hits.length === 0} onClick={() => step(1)} />
                    </span>
                )}
                <span className="spacer" />
                <Button small icon="follow" aria-pressed={follow} onClick={() => setFollow(!follow)}>Follow</Button>
                <Button small icon="wrap" aria-pressed={wrap === "on"} onClick={() => setWrap(wrap === "on" ? "off" : "on")}>Wrap</Button>
                <Button small icon="download" disabled={log.lines.length === 0} onClick={download}>Download</Button>
            </div>
            {log.error && <Note tone="warn">{log.error} <button type="button" className="text-button" onClick={() => setRound(round + 1)}>Try again</button></Note>}
            <div ref={box} className={wrap === "on" ? "log-box wrap" : "log-box"} role="log" aria-label={`Log of ${name}`} aria-live="off" tabIndex={0} onScroll={scrolled}>
                {log.dropped > 0 && <p className="muted log-cut">{log.dropped.toLocaleString("en")} older lines are not shown.</p>}
                <Blocks lines={log.lines} query={query} hit={hit} />
                {log.lines.length === 0 && log.state === "connecting" && <Skeleton rows={6} label="Loading the log" />}
                {log.lines.length === 0 && log.state !== "connecting" && <p className="muted log-cut">Nothing was written yet.</p>}
            </div>
            <p className="log-state muted" role="status">
                <Icon name={log.state === "open" ? "check-circle" : log.state === "ended" ? "stop-circle" : "spinner"} size={14} className={log.state === "connecting" ? "spin" : undefined} />
                {log.state === "open" ? "Live" : log.state === "ended" ? "The container ended" : "Waiting for the container"}
                <span className="spacer" /><span className="number">{log.lines.length.toLocaleString("en")} lines</span>
            </p>
        </div>
    );
}

function useLog(namespace: string, name: string, phase: string, round: number): LogState {
    const [log, setLog] = useState<LogState>({ lines: [], dropped: 0, state: "connecting", error: null });
    const stopped = phase === "stopped";
    const run = useCallback(async (signal: AbortSignal) => {
        const pod = { namespace, name: `${name}-0`, container: name };
        for (;;) {
            const buffer = new LineBuffer(limit);
            let lines: string[] = [];
            let frame = 0;
            const draw = () => {
                frame = 0;
                setLog({ lines, dropped: buffer.dropped, state: "open", error: null });
            };
            try {
                await readLog(pod, { follow: true, tail: 2000, signal }, (text) => {
                    lines = buffer.push(lines, text);
                    frame ||= requestAnimationFrame(draw);
                });
                cancelAnimationFrame(frame);
                lines = buffer.end(lines);
                setLog({ lines, dropped: buffer.dropped, state: "ended", error: null });
            } catch (error) {
                cancelAnimationFrame(frame);
                if (isAborted(error) || signal.aborted) return;
                // Before the container runs there is no log: wait for it. Anything else is said, and tried again.
                const waits = error instanceof RequestError && [400, 404].includes(error.status);
                setLog((known) => ({ ...known, state: "connecting", error: waits ? null : messageOf(error) }));
            }
            await sleep(3000, signal);
        }
    }, [namespace, name]);
    useEffect(() => {
        setLog((known) => ({ ...known, state: "connecting", error: null }));
        if (stopped) return;
        const control = new AbortController();
        run(control.signal).catch((error: unknown) => {
            if (!isAborted(error)) setLog((known) => ({ ...known, state: "ended", error: messageOf(error) }));
        });
        return () => control.abort();
    }, [run, stopped, round]);
    return log;
}

/** Lines in blocks: a block that did not change is not drawn again, one out of sight is not laid out. */
function Blocks({ lines, query, hit }: { lines: string[]; query: string; hit: number | undefined }) {
    const count = Math.ceil(lines.length / blockSize);
    return (
        <>
            {Array.from({ length: count }, (_, index) => {
                const start = index * blockSize;
                const inside = hit !== undefined && hit >= start && hit < start + blockSize ? hit : undefined;
                return <Block key={index} index={index} text={lines.slice(start, start + blockSize).join("\n")} query={query} hit={inside} />;
            })}
        </>
    );
}

const Block = memo(function Block({ index, text, query, hit }: { index: number; text: string; query: string; hit: number | undefined }) {
    return (
        <div className="log-block" data-block={index}>
            {text.split("\n").map((line, offset) => {
                const number = index * blockSize + offset;
                return (
                    <div key={offset} data-line={number} className={number === hit ? "log-line hit" : "log-line"}>
                        {spansOf(line).map((span, at) => (
                            <span key={at} className={span.classes || undefined}
                                style={span.color || span.background ? { color: span.color, background: span.background } : undefined}>
                                <Marked text={span.text} query={query} />
                            </span>
                        ))}
                    </div>
                );
            })}
        </div>
    );
});

function Marked({ text, query }: { text: string; query: string }) {
    if (query === "" || !text.toLowerCase().includes(query.toLowerCase())) return <>{text}</>;
    const parts: (string | JSX.Element)[] = [];
    let from = 0;
    for (;;) {
        const at = text.toLowerCase().indexOf(query.toLowerCase(), from);
        if (at < 0) break;
        parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + query.length)}</mark>);
        from = at + query.length;
    }
    parts.push(text.slice(from));
    return <>{parts}</>;
}
