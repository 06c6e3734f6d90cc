/** The addresses of the page: text to a route and back. */

export const detailTabs = ["overview", "logs", "events", "yaml"] as const;
export type DetailTab = (typeof detailTabs)[number];

export type Route =
    | { page: "home" }
    | { page: "notebooks" }
    | { page: "new-notebook" }
    | { page: "notebook"; namespace: string; name: string; tab: DetailTab }
    | { page: "volumes" }
    | { page: "contributors" }
    | { page: "activity" }
    | { page: "account" }
    | { page: "logout" }
    | { page: "admin-profiles" }
    | { page: "admin-workspaces" }
    | { page: "admin-audit" }
    /** An application of somebody else's, in a frame; `target` is its path. */
    | { page: "frame"; target: string }
    | { page: "not-found"; path: string };

type SimplePage = "volumes" | "contributors" | "activity" | "account" | "logout" | "admin-profiles" | "admin-workspaces" | "admin-audit";

/** Places without parts that vary, some also under the names that Kubeflow's dashboard gives them. */
const simplePages: Record<string, SimplePage> = {
    "volumes": "volumes", "contributors": "contributors", "manage-users": "contributors", "activity": "activity",
    "account": "account", "logout": "logout",
    "admin": "admin-profiles", "admin/profiles": "admin-profiles", "admin/workspaces": "admin-workspaces", "admin/audit": "admin-audit",
};

/** Pages that are whole without a namespace. */
export const needsNamespace = (route: Route): boolean => !/^(account|logout|admin-.*|not-found)$/.test(route.page);

export function routeOf(path: string): Route {
    const names = path.split("/").filter((part) => part !== "").map(decoded);
    const [first, second, third, fourth] = names;
    if (first === undefined) return { page: "home" };
    const simple = names.length <= 2 && Object.hasOwn(simplePages, names.join("/")) ? simplePages[names.join("/")] : undefined;
    if (simple) return { page: simple };
    if (first === "_" && names.length > 1) return { page: "frame", target: path.replace(/^\/+_/, "") };
    if (first === "notebooks") {
        if (second === undefined) return { page: "notebooks" };
        if (second === "new" && names.length === 2) return { page: "new-notebook" };
        if (third !== undefined && names.length <= 4) {
            const tab = detailTabs.find((one) => one === (fourth ?? "overview"));
            if (tab) return { page: "notebook", namespace: second, name: third, tab };
        }
    }
    return { page: "not-found", path };
}

function decoded(part: string): string {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}

export function notebookPath(namespace: string, name: string, tab: DetailTab = "overview"): string {
    return `/notebooks/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/${tab}`;
}

/** Where the notebook's own server answers. */
export function serverPath(namespace: string, name: string): string {
    return `/notebook/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/`;
}

/** Where a viewer shows the files of its volume. */
export function viewerPath(namespace: string, name: string): string {
    return `/pvcviewers/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/`;
}

/** An address in its parts; query and hash with their marks, or empty. */
export function parts(address: string): { path: string; query: string; hash: string } {
    const [, path = "", query = "", hash = ""] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(address) ?? [];
    return { path, query, hash };
}

/** `query` with one key set, or removed when the value is empty or `null`. */
export function withQuery(query: string, changes: Record<string, string | null | undefined>): string {
    const params = new URLSearchParams(query);
    for (const [key, value] of Object.entries(changes)) {
        if (value === null || value === undefined || value === "") params.delete(key);
        else params.set(key, value);
    }
    const text = params.toString().replace(/\+/g, "%20");
    return text === "" ? "" : `?${text}`;
}

/** Applications of Kubeflow that are pages of ours: their links lead there instead of into a frame. */
const ownPages: [RegExp, string][] = [
    [/^\/jupyter\/new\b/, "/notebooks/new"], [/^\/jupyter(\/|$)/, "/notebooks"], [/^\/volumes(\/|$)/, "/volumes"],
    [/^\/manage-users(\/|$)/, "/contributors"], [/^\/activity(\/|$)/, "/activity"],
];

/** The page of ours that stands for a path of Kubeflow's, or `null`. */
export function ownPage(path: string): string | null {
    return ownPages.find(([pattern]) => pattern.test(path))?.[1] ?? null;
}

/** Where a link of the dashboard's configuration leads: a page of ours, a frame, or another site; `null` for what is no link. */
export function linkTarget(link: string, namespace: string, inFrame: boolean): { to: string; isOutside: boolean } | null {
    const filled = link.replaceAll("{ns}", encodeURIComponent(namespace));
    if (/^https?:\/\//i.test(filled)) return { to: filled, isOutside: true };
    // Anything else with a scheme (javascript:, data:) would run as our page.
    if (!filled.startsWith("/") || filled.startsWith("//")) return null;
    const own = ownPage(filled);
    if (own) return { to: own, isOutside: false };
    return inFrame ? { to: `/_${filled}`, isOutside: false } : { to: filled, isOutside: true };
}
