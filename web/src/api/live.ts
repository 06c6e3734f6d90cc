/**
 * The one event stream of the page. It belongs to a namespace, and while a notebook's details are open, to that
 * notebook too. A browser grants six connections to a server over all its tabs, so a tab that nobody looks at
 * gives its stream back after a while and gets a fresh snapshot when it is looked at again.
 */

import { backOff, removed, ServerEventParser, upserted } from "../lib/stream";
import { isAborted, messageOf, RequestError, send, sleep } from "./client";
import type { KubeEvent, Notebook, NotebookRow, VolumeRow } from "./types";

export interface LiveState {
    namespace: string;
    /** The notebook whose details are open: events are about it alone then. */
    notebook: string | null;
    /** `lost` keeps what was last known: pages mark it as stale. */
    connection: "connecting" | "open" | "lost";
    /** When the connection was lost. */
    lostSince: Date | null;
    /** Why the server refused the stream, or why it cannot be reached and nothing is known yet. */
    failure: RequestError | null;
    rows: NotebookRow[] | null;
    events: KubeEvent[] | null;
    volumes: VolumeRow[] | null;
    /** `null`: not known yet; `"gone"`: it was deleted. */
    detail: Notebook | "gone" | null;
}

interface Message {
    type: "snapshot" | "upsert" | "remove";
    rows?: unknown[]; items?: unknown[];
    row?: unknown; item?: unknown; notebook?: unknown; object?: unknown;
    name?: string;
}

const empty: LiveState = {
    namespace: "", notebook: null, connection: "connecting", lostSince: null, failure: null,
    rows: null, events: null, volumes: null, detail: null,
};

/** The server sends something, if only a comment, every 15 seconds. */
const silenceLimit = 40_000;
const hiddenLimit = 60_000;

export class LiveStore {
    private state = empty;
    private listeners = new Set<() => void>();
    private running: AbortController | null = null;
    private hiddenTimer: ReturnType<typeof setTimeout> | undefined;

    constructor() {
        document.addEventListener("visibilitychange", () => this.visibilityChanged());
        window.addEventListener("online", () => { if (this.state.connection === "lost") this.restart(); });
    }

    readonly subscribe = (listener: () => void): (() => void) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    };

    readonly snapshot = (): LiveState => this.state;

    /** Follows a namespace; what is known of the same one stays on the screen until the new snapshot is there. */
    follow(namespace: string, notebook: string | null): void {
        const { state } = this;
        if (this.running && namespace === state.namespace && notebook === state.notebook) return;
        const same = namespace === state.namespace;
        this.state = {
            ...empty, namespace, notebook,
            connection: same && state.connection === "lost" ? "lost" : "connecting",
            lostSince: same ? state.lostSince : null,
            rows: same ? state.rows : null,
            volumes: same ? state.volumes : null,
        };
        this.publish();
        this.restart();
    }

    /** Tries again at once: the retry buttons, and coming back. */
    restart(): void {
        this.running?.abort();
        if (this.state.namespace === "") return;
        const control = new AbortController();
        this.running = control;
        void this.run(control.signal);
    }

    private visibilityChanged(): void {
        clearTimeout(this.hiddenTimer);
        if (document.hidden) {
            this.hiddenTimer = setTimeout(() => {
                this.running?.abort();
                this.running = null;
            }, hiddenLimit);
        } else if (!this.running) {
            this.restart();
        }
    }

    private async run(signal: AbortSignal): Promise<void> {
        for (let attempt = 0; !signal.aborted; attempt += 1) {
            try {
                await this.connect(signal, () => { attempt = 0; });
                this.lost(null);
            } catch (error) {
                if (signal.aborted) return;
                const failure = error instanceof RequestError ? error : new RequestError(messageOf(error), 0);
                this.lost(failure);
                // A new session comes with a new page. Permissions may be granted meanwhile: go on asking.
                if (failure.status === 401) return;
            }
            try {
                await sleep(backOff(attempt, Math.random()), signal);
            } catch (error) {
                if (isAborted(error)) return;
                throw error;
            }
        }
    }

    private async connect(signal: AbortSignal, connected: () => void): Promise<void> {
        const { namespace, notebook } = this.state;
        const topics = notebook ? "notebooks,events,volumes,notebook" : "notebooks,events,volumes";
        const query = new URLSearchParams({ ns: namespace, topics });
        if (notebook) query.set("notebook", notebook);
        const silence = new AbortController();
        const stop = () => silence.abort();
        signal.addEventListener("abort", stop, { once: true });
        let timer = setTimeout(stop, silenceLimit);
        try {
            const response = await send(`/api/stream?${query.toString()}`, {
                accept: "text/event-stream", signal: silence.signal, tries: 1,
            });
            if (!response.body) return;
            connected();
            this.update({ connection: "open", lostSince: null, failure: null });
            const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
            const parser = new ServerEventParser();
            for (;;) {
                const { done, value } = await reader.read();
                if (done) return;
                clearTimeout(timer);
                timer = setTimeout(stop, silenceLimit);
                let next = this.state;
                for (const { event, data } of parser.push(value)) next = applied(next, event, JSON.parse(data) as Message);
                if (signal.aborted) return;
                if (next !== this.state) {
                    this.state = next;
                    this.publish();
                }
            }
        } finally {
            clearTimeout(timer);
            signal.removeEventListener("abort", stop);
        }
    }

    private lost(failure: RequestError | null): void {
        this.update({ connection: "lost", lostSince: this.state.lostSince ?? new Date(), failure });
    }

    private update(change: Partial<LiveState>): void {
        this.state = { ...this.state, ...change };
        this.publish();
    }

    private publish(): void {
        for (const listener of this.listeners) listener();
    }
}

const nameOf = (item: { name: string }) => item.name;
const eventName = (item: KubeEvent) => item.metadata.name;

function applied(state: LiveState, topic: string, message: Message): LiveState {
    switch (topic) {
    case "notebooks": return { ...state, rows: changed(state.rows, message, nameOf) };
    case "volumes": return { ...state, volumes: changed(state.volumes, message, nameOf) };
    case "events": return { ...state, events: changed(state.events, message, eventName) };
    case "notebook": return { ...state, detail: detailOf(message) ?? state.detail };
    default: return state;
    }
}

function changed<T>(known: T[] | null, message: Message, keyOf: (item: T) => string): T[] | null {
    switch (message.type) {
    case "snapshot": return (message.rows ?? message.items ?? []) as T[];
    case "upsert": {
        const item = (message.row ?? message.item) as T | undefined;
        return item ? upserted(known ?? [], item, keyOf) : known;
    }
    case "remove": return message.name === undefined ? known : removed(known ?? [], message.name, keyOf);
    default: return known;
    }
}

/** A snapshot carries one item (or none: it does not exist), an upsert the object itself. */
function detailOf(message: Message): Notebook | "gone" | null {
    if (message.type === "remove") return "gone";
    const items = message.items ?? message.rows;
    const found = message.notebook ?? message.item ?? message.row ?? message.object ?? items?.[0];
    if (found) return found as Notebook;
    return message.type === "snapshot" ? "gone" : null;
}
