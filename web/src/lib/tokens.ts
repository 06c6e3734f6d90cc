/** API tokens: what they are good for, and for how long. */

export type Scope = "read" | "write" | "notebooks";

export const scopes: { value: Scope; label: string; help: string }[] = [
    { value: "read", label: "Read", help: "Sees what you see." },
    { value: "write", label: "Write", help: "Makes, changes and deletes what you may. Includes reading." },
    { value: "notebooks", label: "Notebooks", help: "Reaches the servers inside your notebooks." },
];

export const scopeLabel = (scope: Scope): string => scopes.find((one) => one.value === scope)?.label ?? scope;

export const lifetimes: { value: string; label: string }[] = [
    { value: "7", label: "7 days" }, { value: "30", label: "30 days" }, { value: "90", label: "90 days" }, { value: "365", label: "1 year" },
];

/** What is wrong with a new token, as one types; the server has the last word. */
export function tokenProblems(name: string, chosen: readonly Scope[]): { name: string | null; scopes: string | null } {
    return {
        name: name.trim() === "" ? "Say what it is for." : name.length > 100 ? "At most 100 characters." : null,
        scopes: chosen.length === 0 ? "Choose what it may do." : null,
    };
}

/** How a token stands: over, over within a week, or neither. */
export function expiryOf(expires: string, now: Date): "expired" | "soon" | "later" {
    const left = new Date(expires).getTime() - now.getTime();
    return left <= 0 ? "expired" : left < 7 * 86_400_000 ? "soon" : "later";
}
