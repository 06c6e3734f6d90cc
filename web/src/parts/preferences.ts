/** What a person chose for this browser. Storage may be forbidden: then a choice lasts as long as the page. */

import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
const memory = new Map<string, string>();

export function readPreference(key: string): string | null {
    if (memory.has(key)) return memory.get(key) ?? null;
    try {
        return localStorage.getItem(`martlet.${key}`);
    } catch {
        return null;
    }
}

export function writePreference(key: string, value: string): void {
    memory.set(key, value);
    try {
        localStorage.setItem(`martlet.${key}`, value);
    } catch {
        // Kept in memory only.
    }
    for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

export function usePreference(key: string, initial: string): [string, (value: string) => void] {
    const value = useSyncExternalStore(subscribe, () => readPreference(key)) ?? initial;
    return [value, (next) => writePreference(key, next)];
}

/** Theme, density and navigation are attributes of the root, where the style sheet reads them. */
export function applyAppearance(key: "theme" | "density" | "navigation", value: string): void {
    writePreference(key, value);
    const isDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset[key] = value === "system" ? (isDark ? "dark" : "light") : value;
}
