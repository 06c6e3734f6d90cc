/** What administrators see of everybody. */

import { getJSON, send, sendJSON } from "./client";
import type { NotebookRow, Quota } from "./types";

const part = encodeURIComponent;

export interface Use { cpu: string; memory: string }

export interface ProfileRow {
    name: string;
    created: string;
    owner: { kind?: string; name?: string };
    /** The type of its last condition: `Successful`, `Failed`; `Pending`, `Deleting`. */
    state: string;
    message: string;
    contributors: { kind: string; name: string; role: string }[];
    quota: Quota;
    /** `null` while nobody measures. */
    usage: Use | null;
    notebooks: { total: number; running: number };
}

export type WorkspaceRow = NotebookRow & { owner: string | null; usage: Use | null };

export const profiles = async (signal?: AbortSignal) =>
    (await getJSON<{ profiles: ProfileRow[] }>("/api/admin/profiles", signal)).profiles;

export const workspaces = async (signal?: AbortSignal) =>
    (await getJSON<{ workspaces: WorkspaceRow[] }>("/api/admin/workspaces", signal)).workspaces;

const profilePath = "/api/k8s/apis/kubeflow.org/v1/profiles";

export const createProfile = (name: string, owner: { kind: string; name: string }, hard: Record<string, string>) =>
    sendJSON(profilePath, "POST", {
        apiVersion: "kubeflow.org/v1", kind: "Profile", metadata: { name },
        spec: { owner, ...(Object.keys(hard).length > 0 ? { resourceQuotaSpec: { hard } } : {}) },
    });

export const transferProfile = (name: string, owner: { kind: string; name: string }) =>
    send(`${profilePath}/${part(name)}`, {
        method: "PATCH", body: JSON.stringify({ spec: { owner } }), contentType: "application/merge-patch+json",
    });

/** The whole quota: what is left out is not limited any more. */
export const setQuota = (name: string, hard: Record<string, string>) =>
    sendJSON(`/api/admin/profiles/${part(name)}/quota`, "PUT", { hard });

export const deleteProfile = (name: string) => send(`${profilePath}/${part(name)}`, { method: "DELETE" });

export interface AuditEntry {
    time: string;
    /** Requests that broke off before they had one have none. */
    id?: string;
    user?: string;
    impersonatedBy?: string;
    verb?: string;
    group?: string;
    resource?: string;
    subresource?: string;
    namespace?: string;
    name?: string;
    path?: string;
    decision?: string;
    code?: number;
    address?: string;
    agent?: string;
    /** Why the gateway refused. */
    reason?: string;
}

export const auditPage = (query: string, signal?: AbortSignal) =>
    getJSON<{ entries: AuditEntry[]; next: string | null }>(`/api/admin/audit?${query}`, signal);
