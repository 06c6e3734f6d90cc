/** Addresses through the history API: the current one, links, and going somewhere. */

import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from "react";
import { parts, withQuery } from "../lib/routes";

const listeners = new Set<() => void>();
let leaveQuestion: string | null = null;

function notify(): void {
    for (const listener of listeners) listener();
}

window.addEventListener("popstate", notify);
window.addEventListener("hashchange", notify);

function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

const address = () => window.location.pathname + window.location.search + window.location.hash;

/** Path, query and hash of the page, kept current. */
export function useAddress(): { path: string; query: string; hash: string } {
    return parts(useSyncExternalStore(subscribe, address));
}

export function navigate(to: string, options: { replace?: boolean } = {}): void {
    const target = keepNamespace(to);
    if (target === address()) return;
    if (leaveQuestion && !options.replace && !window.confirm(leaveQuestion)) return;
    if (!options.replace) leaveQuestion = null;
    if (options.replace) history.replaceState(null, "", target);
    else history.pushState(null, "", target);
    notify();
}

/** Changes the query of the present page without a step in the history: filters, sorting. */
export function replaceQuery(changes: Record<string, string | null>): void {
    navigate(window.location.pathname + withQuery(window.location.search, changes) + window.location.hash, { replace: true });
}

/** Asked before a link leads away from something unsaved; `null` when all is saved. */
export function guardLeaving(question: string | null): void {
    leaveQuestion = question;
    window.onbeforeunload = question ? (event) => event.preventDefault() : null;
}

/** Links inside the page keep the namespace that is chosen. */
export function keepNamespace(to: string): string {
    const { path, query, hash } = parts(to);
    const namespace = new URLSearchParams(window.location.search).get("ns");
    if (!namespace || new URLSearchParams(query).has("ns")) return to;
    return path + withQuery(query, { ns: namespace }) + hash;
}

export function Link({ to, onClick, ...rest }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
    const href = keepNamespace(to);
    const follow = (event: MouseEvent<HTMLAnchorElement>) => {
        onClick?.(event);
        const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
        if (event.defaultPrevented || !plain) return;
        event.preventDefault();
        navigate(to);
    };
    return <a {...rest} href={href} onClick={follow} />;
}
