/** The addresses of the page: text to a route and back. */

export const detailTabs = ["overview", "logs", "events", "yaml"] as const;
export type DetailTab = (typeof detailTabs)[number];

export type Route =
    | { page: "home" }
    | { page: "notebooks" }
    | { page: "new-notebook" }
    | { page: "notebook"; namespace: string; name: string; tab: DetailTab }
    | { page: "volumes" }
    | { page: "not-found"; path: string };

export function routeOf(path: string): Route {
    const parts = path.split("/").filter((part) => part !== "").map(decoded);
    const [first, second, third, fourth] = parts;
    if (first === undefined) return { page: "home" };
    if (first === "volumes" && parts.length === 1) return { page: "volumes" };
    if (first === "notebooks") {
        if (second === undefined) return { page: "notebooks" };
        if (second === "new" && parts.length === 2) return { page: "new-notebook" };
        if (third !== undefined && parts.length <= 4) {
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
