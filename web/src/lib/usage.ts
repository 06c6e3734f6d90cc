/** Use against quota, as rows: what is reserved of what may be, and what is used this moment. */

import { coresInWords, formatBytes, formatSize, parseQuantity } from "./quantity";

interface Quota { hard: Record<string, string>; used: Record<string, string> }
interface PodUse { containers: { usage: Record<string, string> }[] }

/** `share` is null without a limit. */
export interface UsageRow { title: string; share: number | null; text: string }

const meters: { title: string; keys: string[]; measure?: string; show: (text: string) => string }[] = [
    { title: "CPU", keys: ["requests.cpu", "cpu", "limits.cpu"], measure: "cpu", show: coresInWords },
    { title: "Memory", keys: ["requests.memory", "memory", "limits.memory"], measure: "memory", show: formatSize },
    { title: "Storage", keys: ["requests.storage"], show: formatSize },
    { title: "GPUs", keys: ["requests.nvidia.com/gpu", "requests.amd.com/gpu"], show: String },
    { title: "Volumes", keys: ["persistentvolumeclaims"], show: String },
    { title: "Pods", keys: ["pods", "count/pods"], show: String },
];

export function usageRows(quota: Quota | null, pods: readonly PodUse[] | null): UsageRow[] {
    return meters.flatMap<UsageRow>(({ title, keys, measure, show }) => {
        const now = measure && pods ? total(pods, measure) : null;
        const inUse = now === null ? null : measure === "cpu" ? coresInWords(now) : formatBytes(now);
        const key = keys.find((one) => quota?.hard[one] !== undefined);
        const hard = key && quota?.hard[key];
        if (!key || !hard) return inUse && pods && pods.length > 0 ? [{ title, share: null, text: `${inUse} in use` }] : [];
        const used = quota?.used[key] ?? "0";
        const limit = parseQuantity(hard) ?? 0;
        const value = parseQuantity(used) ?? 0;
        const reserved = `${show(used).replace(/ cores?$/, "")} of ${show(hard)}`;
        return [{ title, share: limit > 0 ? value / limit : value > 0 ? 1 : 0, text: inUse ? `${reserved} reserved, ${inUse} in use` : reserved }];
    });
}

function total(pods: readonly PodUse[], measure: string): number {
    let sum = 0;
    for (const pod of pods) for (const container of pod.containers) sum += parseQuantity(container.usage[measure]) ?? 0;
    return sum;
}
