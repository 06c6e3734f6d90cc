/** One's own sessions. */

import { getJSON, send } from "./client";

export interface SignedIn {
    id: string;
    /** How it began: `password`, `link`, `provider`. */
    method: string;
    created: string;
    expires: string;
    address?: string;
    agent?: string;
    current?: boolean;
}

export const sessions = async (signal?: AbortSignal) =>
    (await getJSON<{ sessions: SignedIn[] }>("/api/sessions", signal)).sessions;

export const endSession = (id: string) => send(`/api/sessions/${encodeURIComponent(id)}`, { method: "DELETE" });
