/** Names of objects: what the API server and the notebook controller accept, said in words as one types. */

export const longestNotebookName = 52;

/** Why `name` cannot be used, or `null`. `kind` begins the sentence: "Notebook", "Volume". */
export function nameProblem(name: string, longest: number, taken: readonly string[], kind: string): string | null {
    if (name === "") return "Give it a name.";
    if (/[A-Z]/.test(name)) return "Use lower case letters only.";
    const odd = /[^a-z0-9-]/.exec(name);
    if (odd) return `Use letters, digits and hyphens; “${odd[0] === " " ? "space" : odd[0]}” is not allowed.`;
    if (/^[^a-z]/.test(name)) return "Start with a letter.";
    if (name.endsWith("-")) return "End with a letter or a digit.";
    if (name.length > longest) return `At most ${longest} characters; this has ${name.length}.`;
    if (taken.includes(name)) return `${kind} “${name}” exists already.`;
    return null;
}

/** A namespace that is called like its user: "Ada.Lovelace@example.com" becomes "ada-lovelace". */
export function namespaceFor(user: string): string {
    const plain = (user.split("@")[0] ?? "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^[^a-z]+|-+$/g, "");
    return plain.slice(0, 63).replace(/-+$/, "");
}

/** What a viewer's Service takes of a name beside its own words. */
const longestViewerName = 53;

/** What the viewer of a volume is called: like the volume, or `null` where the server has to choose. */
export function viewerName(volume: string): string | null {
    return volume.length <= longestViewerName && /^[a-z0-9-]+$/.test(volume) ? volume : null;
}

/** The first of `base`, `base-2`, `base-3`... that is free. */
export function freeName(base: string, taken: readonly string[]): string {
    if (!taken.includes(base)) return base;
    let number = 2;
    while (taken.includes(`${base}-${number}`)) number += 1;
    return `${base}-${number}`;
}
