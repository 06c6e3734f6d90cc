/** A container's log as text, as long as the signal lets it. */

import { send } from "./client";

export async function readLog(
    pod: { namespace: string; name: string; container: string },
    options: { follow: boolean; tail: number; signal: AbortSignal },
    onText: (text: string) => void,
): Promise<void> {
    const path = [pod.namespace, pod.name, pod.container].map(encodeURIComponent).join("/");
    const query = `?tail=${options.tail}${options.follow ? "&follow=1" : ""}`;
    const response = await send(`/api/logs/${path}${query}`, { accept: "text/plain", signal: options.signal, tries: 2 });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    while (reader) {
        const { done, value } = await reader.read();
        if (done) return;
        onText(value);
    }
}
