/** Contributors (KFAM), and what Kubeflow's dashboard API tells. */

import type { Binding, Member, MemberKind, Role } from "../lib/team";
import { getJSON, send, sendJSON } from "./client";
import type { ObjectMeta } from "./types";

const part = encodeURIComponent;

export const bindings = async (namespace: string, signal?: AbortSignal) =>
    (await getJSON<{ bindings?: Binding[] }>(`/kfam/v1/bindings?namespace=${part(namespace)}`, signal)).bindings ?? [];

/** The owner's name, as the namespace's annotation tells it. */
export const namespaceOwner = async (namespace: string, signal?: AbortSignal) =>
    (await getJSON<{ metadata: ObjectMeta }>(`/api/k8s/api/v1/namespaces/${part(namespace)}`, signal)).metadata.annotations?.owner ?? null;

const wire = (namespace: string, kind: MemberKind, name: string, role: Role): Binding => ({
    user: { kind, name }, referredNamespace: namespace,
    RoleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
});

export const addMember = (namespace: string, kind: MemberKind, name: string, role: Role) =>
    send("/kfam/v1/bindings", { method: "POST", body: wire(namespace, kind, name, role) });

export const removeMember = (namespace: string, member: Member) =>
    send("/kfam/v1/bindings", { method: "DELETE", body: wire(namespace, member.kind, member.name, member.role) });

/** The new role first, so that nobody is without one in between. */
export async function changeRole(namespace: string, member: Member, role: Role): Promise<void> {
    await addMember(namespace, member.kind, member.name, role);
    await removeMember(namespace, member);
}

export interface DashboardLink { type?: string; text: string; desc?: string; link?: string; icon?: string; iframe?: boolean; items?: DashboardLink[] }
export interface DashboardLinks {
    menuLinks?: DashboardLink[];
    externalLinks?: DashboardLink[];
    quickLinks?: DashboardLink[];
    documentationItems?: DashboardLink[];
}

export const dashboardLinks = (signal?: AbortSignal) => getJSON<DashboardLinks>("/api/dashboard-links", signal);

export const workgroup = (signal?: AbortSignal) =>
    getJSON<{ hasWorkgroup: boolean; registrationFlowAllowed: boolean; user: string }>("/api/workgroup/exists", signal);

export const createWorkgroup = (namespace: string) => sendJSON("/api/workgroup/create", "POST", { namespace });

interface PodMetrics { metadata: ObjectMeta; containers: { usage: Record<string, string> }[] }

export const podMetrics = async (namespace: string, signal?: AbortSignal) =>
    (await getJSON<{ items: PodMetrics[] }>(`/api/k8s/apis/metrics.k8s.io/v1beta1/namespaces/${part(namespace)}/pods`, signal)).items;
