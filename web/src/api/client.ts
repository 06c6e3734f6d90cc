/**
 * The one way to the server. Reads are tried again with back-off, writes never are; a request ends with the signal of
 * the page that made it; a lost session is announced once, to everybody.
 */

import { backOff } from "../lib/stream";

/** Why a request failed, in words that can be shown. */
export class RequestError extends Error {
    constructor(
        message: string,
        /** 0: the server did not answer. */
        readonly status: number,
        /** Messages by form field, or by path for Kubernetes causes. */
        readonly fields: Record<string, string> = {},
        /** What to copy into a report. */
        readonly detail: string = message,
    ) {
        super(message);
        this.name = "RequestError";
    }
}

export function isAborted(error: unknown): boolean {
    return error instanceof DOMException && error.name === "AbortError";
}

export function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}

const sessionLostListeners = new Set<() => void>();

export function onSessionLost(listener: () => void): () => void {
    sessionLostListeners.add(listener);
    return () => sessionLostListeners.delete(listener);
}

export function announceSessionLost(): void {
    for (const listener of sessionLostListeners) listener();
}

export interface RequestOptions {
    method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
    /** Sent as JSON, unless it is text: then `contentType` says what it is. */
    body?: unknown;
    contentType?: string;
    accept?: string;
    signal?: AbortSignal;
    /** For streams: the caller reads them as long as they last. */
    tries?: number;
}

/** Answers with status below 400; everything else is thrown as `RequestError`. */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
    const method = options.method ?? "GET";
    const tries = options.tries ?? (method === "GET" ? 4 : 1);
    for (let attempt = 0; ; attempt += 1) {
        try {
            return await sendOnce(path, method, options);
        } catch (error) {
            const again = error instanceof RequestError && [0, 429, 502, 503, 504].includes(error.status);
            if (!again || attempt + 1 >= tries) throw error;
            await sleep(backOff(attempt, Math.random()), options.signal);
        }
    }
}

async function sendOnce(path: string, method: string, options: RequestOptions): Promise<Response> {
    const headers = new Headers({ Accept: options.accept ?? "application/json" });
    const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
    if (options.signal) init.signal = options.signal;
    if (options.body !== undefined) {
        const isText = typeof options.body === "string";
        headers.set("Content-Type", options.contentType ?? (isText ? "text/plain" : "application/json"));
        init.body = isText ? (options.body as string) : JSON.stringify(options.body);
    }
    if (method !== "GET") headers.set("X-XSRF-TOKEN", cookie("XSRF-TOKEN"));
    let response: Response;
    try {
        response = await fetch(path, init);
    } catch (error) {
        if (isAborted(error)) throw error;
        throw new RequestError("Martlet does not answer. Is it running?", 0, {}, `${method} ${path}: ${messageOf(error)}`);
    }
    if (response.ok) return response;
    if (response.status === 401) announceSessionLost();
    throw await errorOf(response, method, path);
}

export async function getJSON<T>(path: string, signal?: AbortSignal): Promise<T> {
    const response = await send(path, signal ? { signal } : {});
    return await response.json() as T;
}

export async function sendJSON<T>(path: string, method: "POST" | "PUT" | "PATCH" | "DELETE", body?: unknown): Promise<T> {
    const response = await send(path, body === undefined ? { method } : { method, body });
    const text = await response.text();
    return (text === "" ? {} : JSON.parse(text)) as T;
}

/** The vocabularies: the web apps' `{log, fields}`, the dashboard's `{error}`, a Kubernetes `Status` with causes, plain text. */
async function errorOf(response: Response, method: string, path: string): Promise<RequestError> {
    const text = await response.text().catch(() => "");
    const requestID = response.headers.get("X-Request-Id");
    const detail = [`${method} ${path}: ${response.status}`, requestID && `request ${requestID}`, text.slice(0, 2000)]
        .filter((part) => part).join("\n");
    let message = "";
    const fields: Record<string, string> = {};
    try {
        const body = JSON.parse(text) as {
            log?: string; message?: string; error?: string; fields?: Record<string, string> | { field?: string; message?: string }[];
            details?: { causes?: { field?: string; message?: string }[] };
        };
        message = body.log ?? body.message ?? body.error ?? "";
        const causes = Array.isArray(body.fields) ? body.fields : body.details?.causes ?? [];
        for (const cause of causes) if (cause.field && cause.message) fields[cause.field] ??= cause.message;
        if (body.fields && !Array.isArray(body.fields)) Object.assign(fields, body.fields);
    } catch {
        // Not JSON: a sentence of KFAM's, a proxy's page, or nothing. Without a sentence the status speaks for itself.
        const isText = (response.headers.get("Content-Type") ?? "").startsWith("text/plain");
        if (isText && text.length < 500) message = sentence(text.trim());
    }
    return new RequestError(message || phrase(response.status), response.status, fields, detail);
}

function sentence(text: string): string {
    return text === "" ? "" : text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

function phrase(status: number): string {
    switch (status) {
    case 401: return "Your session has ended.";
    case 403: return "You are not allowed to do this.";
    case 404: return "It does not exist (any more).";
    case 409: return "It was changed by somebody else meanwhile.";
    case 413: return "That is too large.";
    case 507: return "The disk is full.";
    default: return status >= 500 ? `Something went wrong on the server (${status}).` : `The request was refused (${status}).`;
    }
}

export function cookie(name: string): string {
    for (const part of document.cookie.split("; ")) {
        const equals = part.indexOf("=");
        if (part.slice(0, equals) === name) return decodeURIComponent(part.slice(equals + 1));
    }
    return "";
}

export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
        const stop = () => {
            clearTimeout(timer);
            reject(new DOMException("left", "AbortError"));
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener("abort", stop);
            resolve();
        }, milliseconds);
        if (signal?.aborted) stop();
        else signal?.addEventListener("abort", stop, { once: true });
    });
}
