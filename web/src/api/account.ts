/** One's own sessions and API tokens. */

import type { Scope } from "../lib/tokens";
import { getJSON, send, sendJSON } from "./client";

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

export interface APIToken { id: string; name: string; scopes: Scope[]; groups: string[]; created: string; expires: string; lastUsed?: string }

export const tokens = async (signal?: AbortSignal) => (await getJSON<{ tokens: APIToken[] }>("/api/tokens", signal)).tokens;

/** The secret is in this answer and never again. */
export const createToken = (name: string, scopes: readonly Scope[], days: number) =>
    sendJSON<APIToken & { token: string }>("/api/tokens", "POST", { name, scopes, days });

export const revokeToken = (id: string) => send(`/api/tokens/${encodeURIComponent(id)}`, { method: "DELETE" });
