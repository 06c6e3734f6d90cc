/** YAML as text: a writer for previews, colours for the viewer, and what of an object is noise to a reader. */

export type JSONValue = null | boolean | number | string | JSONValue[] | { [key: string]: JSONValue | undefined };

/** Block style, two spaces, keys in their order; members that are `undefined` are left out. */
export function toYAML(value: JSONValue): string {
    return `${block(value, 0).join("\n")}\n`;
}

function block(value: JSONValue, depth: number): string[] {
    const indent = "  ".repeat(depth);
    if (Array.isArray(value)) {
        return value.flatMap((item) => {
            if (!isFilled(item)) return [`${indent}- ${scalar(item)}`];
            const [first, ...others] = block(item, depth + 1);
            return [`${indent}- ${(first ?? "").trimStart()}`, ...others];
        });
    }
    if (value !== null && typeof value === "object") {
        return Object.entries(value).flatMap(([key, member]) => {
            if (member === undefined) return [];
            const name = `${indent}${scalar(key)}:`;
            if (typeof member === "string" && member.includes("\n")) return [`${name} ${literal(member, depth + 1)}`];
            if (!isFilled(member)) return [`${name} ${scalar(member)}`];
            return [name, ...block(member, Array.isArray(member) ? depth : depth + 1)];
        });
    }
    return [`${indent}${scalar(value)}`];
}

function isFilled(value: JSONValue): value is JSONValue[] | { [key: string]: JSONValue | undefined } {
    if (value === null || typeof value !== "object") return false;
    return Array.isArray(value) ? value.length > 0 : Object.values(value).some((member) => member !== undefined);
}

function literal(text: string, depth: number): string {
    if (/^\s|\s$|[^\S\n]\n/.test(text.replace(/\n$/, "")) || /[^\x20-\x7e\n\u00a0-\uffff]/.test(text)) return JSON.stringify(text);
    const lines = text.replace(/\n$/, "").split("\n").map((line) => (line === "" ? "" : "  ".repeat(depth) + line));
    return [text.endsWith("\n") ? "|" : "|-", ...lines].join("\n");
}

function scalar(value: JSONValue): string {
    if (value === null) return "null";
    if (Array.isArray(value)) return "[]";
    if (typeof value === "object") return "{}";
    if (typeof value !== "string") return String(value);
    const plain = /^[A-Za-z0-9_./][\w./ @%+,=~()-]*(:[\w./@%+,=~()-]+)*$/.test(value) && !value.endsWith(" ")
        && !/^(true|false|yes|no|on|off|null|y|n)$/i.test(value)
        && !/^[+-]?(\d[\d_]*\.?\d*([eE][+-]?\d+)?|\.\d+|0[xob][\da-fA-F]+|\.inf|\.nan)$/i.test(value)
        && !/^\d{4}-\d\d?-\d\d?|^\d+(:\d+)+/.test(value);
    return plain ? value : JSON.stringify(value);
}

/** Without `metadata.managedFields`, which is for machines. Works on text, so that everything else stays as it is. */
export function withoutManagedFields(text: string): string {
    const lines = text.split("\n");
    const kept: string[] = [];
    let inMetadata = false;
    let skipping = false;
    for (const line of lines) {
        if (/^\S/.test(line)) {
            inMetadata = /^metadata:/.test(line);
            skipping = false;
        } else if (inMetadata && /^ {2}[^\s-]/.test(line)) {
            skipping = /^ {2}managedFields:/.test(line);
        }
        if (!skipping) kept.push(line);
    }
    return kept.join("\n");
}

export type TokenKind = "key" | "string" | "number" | "word" | "comment" | "mark" | "text";
export interface Token { kind: TokenKind; text: string }

/** Colours for one line; joined, the tokens are the line again. */
export function tokensOf(line: string): Token[] {
    const tokens: Token[] = [];
    const match = /^(\s*(?:- +)*(?:-(?=\s|$))?\s*)(.*)$/.exec(line);
    if (match?.[1]) tokens.push({ kind: "mark", text: match[1] });
    let rest = match?.[2] ?? line;
    const key = /^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#:"'][^#:]*?(?::[^\s#:]+)*)(:)(?=\s|$)/.exec(rest);
    if (key) {
        tokens.push({ kind: "key", text: key[1] ?? "" }, { kind: "mark", text: ":" });
        rest = rest.slice((key[0] ?? "").length);
    }
    const comment = /(^|\s)#.*$/.exec(rest);
    const quoted = /^\s*["']/.test(rest);
    const value = comment && !quoted ? rest.slice(0, comment.index) : rest;
    if (value !== "") tokens.push({ kind: kindOf(value.trim()), text: value });
    if (comment && !quoted) tokens.push({ kind: "comment", text: rest.slice(comment.index) });
    return tokens;
}

function kindOf(value: string): TokenKind {
    if (/^["']/.test(value)) return "string";
    if (/^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value)) return "number";
    if (/^(true|false|null|~|\{\}|\[\]|\||\|-|>|>-)$/.test(value)) return "word";
    return "text";
}
