/** Server-sent events, read from a fetch so that a refusal (401, 403) is seen; and how messages change a table. */

export interface ServerEvent { event: string; data: string }

/** Takes chunks as they come and answers the events that became complete. Comments and unknown fields are dropped. */
export class ServerEventParser {
    private rest = "";
    private event = "";
    private data: string[] = [];

    push(chunk: string): ServerEvent[] {
        const found: ServerEvent[] = [];
        // A CR at the end of a chunk may be the first half of a CRLF: it waits for the next chunk.
        const text = this.rest + chunk;
        const lines = text.split(/\r\n|\n|\r(?!$)/);
        this.rest = lines.pop() ?? "";
        for (const line of lines) {
            if (line === "") {
                if (this.data.length > 0) found.push({ event: this.event || "message", data: this.data.join("\n") });
                this.event = "";
                this.data = [];
                continue;
            }
            const colon = line.indexOf(":");
            if (colon === 0) continue;
            const field = colon < 0 ? line : line.slice(0, colon);
            const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
            if (field === "event") this.event = value;
            else if (field === "data") this.data.push(value);
        }
        return found;
    }
}

/** A row or item appears where it was, or at the end; the same object is kept when nothing changed. */
export function upserted<T>(items: readonly T[], item: T, keyOf: (item: T) => string): T[] {
    const key = keyOf(item);
    const index = items.findIndex((one) => keyOf(one) === key);
    if (index < 0) return [...items, item];
    const copy = [...items];
    copy[index] = item;
    return copy;
}

export function removed<T>(items: readonly T[], key: string, keyOf: (item: T) => string): T[] {
    return items.filter((item) => keyOf(item) !== key);
}

/** Waits before the n-th try (from 0): 0.5 s, 1 s, 2 s... 15 s, plus up to a quarter so that pages spread out. */
export function backOff(attempt: number, random: number): number {
    return Math.min(15_000, 500 * 2 ** attempt) * (1 + random / 4);
}
