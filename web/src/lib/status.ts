/** One vocabulary for what a notebook is doing, from the row's phase, its message and the newest events. */

import type { KubeEvent, Status } from "../api/types";
import { byNewest, presentRun } from "./events";

export type Tone = "good" | "busy" | "warn" | "bad" | "idle";

export interface Shown {
    tone: Tone;
    word: string;
    /** One sentence, or "". */
    message: string;
    /** 0...100 while something with a known end is going on. */
    percent: number | null;
}

/** Reasons that are the ordinary way to a running container, though upstream's vocabulary calls them warnings. */
const ordinary = /^(ContainerCreating|PodInitializing|ContainersNotReady|ContainersNotInitialized|Pulling)\b/;
const failing = /(BackOff|Err[A-Z]\w+|Failed\w*|Error|OOMKilled|Unschedulable|FailedScheduling|Invalid\w*)/;

export function shownStatus(status: Status | undefined, newest?: KubeEvent): Shown {
    const phase = status?.phase ?? "waiting";
    const message = (status?.message ?? "").trim();
    switch (phase) {
    case "ready": return { tone: "good", word: "Running", message: "", percent: null };
    case "stopped": return { tone: "idle", word: "Stopped", message: "", percent: null };
    case "terminating": return { tone: "busy", word: "Deleting", message: "", percent: null };
    case "error": return { tone: "bad", word: "Failed", message: clean(message), percent: null };
    case "unavailable": return { tone: "warn", word: "Unavailable", message: clean(message), percent: null };
    default: break;
    }
    if (/stopping/i.test(message)) return { tone: "busy", word: "Stopping", message: "", percent: null };
    const warned = newest?.type === "Warning" ? newest : undefined;
    const problem = phase === "warning" && !ordinary.test(message) && failing.test(message);
    if (problem || (phase === "warning" && warned)) {
        // The container's own words say what to do about it; an event only names the symptom.
        return { tone: "warn", word: "Needs attention", message: clean(problem ? message : warned?.message ?? message), percent: null };
    }
    // The container's own message is newer than the last event, which is not written for every percent.
    const own = ordinary.test(message) ? "" : clean(message);
    const told = clean(newest?.message ?? "");
    const progress = percentIn(own) !== null || told === "" ? own : told;
    return { tone: "busy", word: "Starting", message: progress || "Preparing the container", percent: percentIn(progress) };
}

/** The controller repeats the Pod's events on the notebook behind "Reissued from pod/lab-0: ". */
export function clean(message: string): string {
    return message.replace(/^Reissued from [\w.-]+\/[\w.-]+:\s*/, "").trim();
}

/** "Building environment jupyter-scipy: 42% (12 of 28 packages)" is 42. */
export function percentIn(message: string): number | null {
    const match = /(?:^|[^\d.])(\d{1,3})(?:\.\d+)?\s?%/.exec(message);
    const value = match ? Number(match[1]) : NaN;
    return value >= 0 && value <= 100 ? value : null;
}

/** The newest event of the notebook's present run: older ones belong to a run that was stopped. */
export function newestEvent(events: readonly KubeEvent[], name: string): KubeEvent | undefined {
    return byNewest(presentRun(events.filter((one) => concerns(one, name))))[0];
}

/** Whether an event is about this notebook, its StatefulSet or its Pod. */
export function concerns(event: KubeEvent, name: string): boolean {
    const { kind, name: object } = event.involvedObject;
    if (kind === "Pod") return object === `${name}-0`;
    return object === name && (kind === "Notebook" || kind === "StatefulSet");
}
