/** Times that stay true while one looks: one clock for the whole page, exact time on hover. */

import { useSyncExternalStore } from "react";
import { exactTime, parseTime, relativeTime } from "../lib/time";

let now = new Date();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    timer ??= setInterval(() => {
        now = new Date();
        for (const one of listeners) one();
    }, 10_000);
    return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
    };
}

export function useNow(): Date {
    const shown = useSyncExternalStore(subscribe, () => now);
    // A page that opens after a quiet time starts with the present, not with the last tick.
    return Date.now() - shown.getTime() > 10_000 ? new Date() : shown;
}

export function When({ time, otherwise = "–" }: { time: string | Date | null | undefined; otherwise?: string }) {
    const current = useNow();
    const date = time instanceof Date ? time : parseTime(time);
    if (!date) return <span className="muted">{otherwise}</span>;
    return <time dateTime={date.toISOString()} title={exactTime(date)}>{relativeTime(date, current)}</time>;
}
