import { useCallback, useEffect, useState } from "react";
import { isAborted } from "../api/client";

export interface Loaded<T> { data: T | null; error: unknown; reload: () => void }

/** Reads when `key` changes and on `reload`; gives up when the page is left. What was read stays while it is read again. */
export function useData<T>(key: string, read: (signal: AbortSignal) => Promise<T>): Loaded<T> {
    const [state, setState] = useState<{ key: string; data: T | null; error: unknown }>({ key, data: null, error: null });
    const [round, setRound] = useState(0);
    useEffect(() => {
        const control = new AbortController();
        read(control.signal).then(
            (data) => setState({ key, data, error: null }),
            (error: unknown) => {
                if (!isAborted(error)) setState((known) => ({ key, data: known.key === key ? known.data : null, error }));
            });
        return () => control.abort();
        // `read` is a new function at every rendering; `key` says when it means something else.
    }, [key, round]);
    const reload = useCallback(() => setRound((known) => known + 1), []);
    const current = state.key === key;
    return { data: current ? state.data : null, error: current ? state.error : null, reload };
}

/** Reads again every so often, while somebody looks. For what no stream tells of. */
export function useRefresh(reload: () => void, milliseconds: number): void {
    useEffect(() => {
        const timer = setInterval(() => { if (!document.hidden) reload(); }, milliseconds);
        return () => clearInterval(timer);
    }, [reload, milliseconds]);
}
