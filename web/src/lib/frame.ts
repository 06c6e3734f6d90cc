/** Addresses of framed applications, and what they are told. */

/** Instead of a namespace in the page's address, for applications that can show all of them. */
export const allNamespaces = "All namespaces";

/** Those that can, by the start of their path, as Kubeflow's dashboard knows them. */
export const showsAllNamespaces = (target: string): boolean => /^\/(jupyter|volumes|tensorboards|katib|models)(\/|$)/.test(target);

/** The frame's address for the page's: hash and query kept, the namespace removed. */
export function framedURL(target: string, query: string, hash: string): string {
    return target + withoutNamespace(query) + hash;
}

/** The page's address for the frame's, or `null` when the frame shows nothing of ours. */
export function framedAddress(inside: { pathname: string; search: string; hash: string }, namespace: string): string | null {
    if (!inside.pathname.startsWith("/") || inside.pathname === "/blank") return null;
    const params = new URLSearchParams(inside.search);
    if (namespace !== "") params.set("ns", namespace);
    const text = params.toString();
    return `/_${inside.pathname}${text === "" ? "" : `?${text}`}${inside.hash}`;
}

/** True when the frame shows another place than the page's address says. */
export function isElsewhere(inside: { pathname: string; search: string; hash: string }, wanted: string): boolean {
    return inside.pathname + withoutNamespace(inside.search) + inside.hash !== wanted;
}

function withoutNamespace(query: string): string {
    const params = new URLSearchParams(query);
    params.delete("ns");
    const text = params.toString();
    return text === "" ? "" : `?${text}`;
}

export interface FrameMessage { type: string; value: string | string[] }

/** What an application is told on connecting and at each change; `all` when all namespaces are chosen. */
export function messagesFor(namespace: string, all: readonly string[] | null): FrameMessage[] {
    if (all) return [{ type: "all-namespaces", value: [...all] }];
    return namespace === "" ? [] : [{ type: "namespace-selected", value: namespace }];
}
