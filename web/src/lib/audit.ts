/** Entries of the audit log in words, and what is asked of it. */

interface Entry { verb?: string; group?: string; resource?: string; subresource?: string; namespace?: string; name?: string; path?: string }

const words: Record<string, string> = {
    create: "Created", update: "Changed", patch: "Changed", delete: "Deleted", deletecollection: "Deleted all",
    get: "Read", list: "Listed", watch: "Watched", connect: "Connected to",
};

const looks: Record<string, string> = {
    exec: "Ran a command in", attach: "Attached to", portforward: "Opened a port of", log: "Read the log of", proxy: "Reached through",
};

/** For requests that are about no object of the cluster. */
const requests: Record<string, string> = { get: "Asked for", head: "Asked for", post: "Sent something to", put: "Sent something to", patch: "Sent something to", delete: "Wanted to delete" };

/** What was done, and to what: `Deleted notebooks`, `team-a/lab`. */
export function describeAction(entry: Entry): { action: string; object: string } {
    if (!entry.resource) return { action: requests[entry.verb ?? ""] ?? entry.verb ?? "", object: entry.path ?? "" };
    const object = [entry.namespace, entry.name].filter((one) => one).join("/");
    const look = looks[entry.subresource ?? ""];
    if (look) return { action: `${look} ${entry.resource}`, object };
    const what = entry.subresource ? `${entry.subresource} of ${entry.resource}` : entry.resource;
    return { action: `${words[entry.verb ?? ""] ?? entry.verb ?? ""} ${what}`, object };
}

/** The query of the log's routes; hours are counted back from `now`. */
export function auditQuery(filter: { q: string; verb: string; decision: string; hours: string; by: string; log: string }, now: Date): string {
    const isGateway = filter.log === "gateway";
    // The gateway's own log holds refusals only, of whoever came.
    const query = new URLSearchParams(isGateway ? { log: "gateway" } : { by: filter.by === "all" ? "all" : "people" });
    for (const key of ["q", "verb", "decision"] as const) if (filter[key] !== "" && (key === "q" || !isGateway)) query.set(key, filter[key]);
    const hours = Number(filter.hours);
    if (hours > 0) query.set("from", new Date(now.getTime() - hours * 3_600_000).toISOString().replace(/\.\d+Z$/, "Z"));
    return query.toString();
}
