/** Core events: their time, their order, and the story of a start that they tell. */

import type { Condition, KubeEvent } from "../api/types";
import { parseTime } from "./time";

export function eventTime(event: KubeEvent): Date | null {
    return parseTime(event.lastTimestamp) ?? parseTime(event.eventTime) ?? parseTime(event.firstTimestamp)
        ?? parseTime(event.metadata.creationTimestamp);
}

/** Newest first. Times are in seconds: within one, the server's revisions say what came later. */
export function byNewest(events: readonly KubeEvent[]): KubeEvent[] {
    const revision = (event: KubeEvent) => Number(event.metadata.resourceVersion ?? 0) || 0;
    return [...events].sort((one, other) =>
        (eventTime(other)?.getTime() ?? 0) - (eventTime(one)?.getTime() ?? 0)
        || revision(other) - revision(one)
        || one.metadata.name.localeCompare(other.metadata.name));
}

/** Of the events that say the same about the same object, such as the steps of a progress, the newest. */
export function latestOfEach(newestFirst: readonly KubeEvent[]): KubeEvent[] {
    const seen = new Set<string>();
    return newestFirst.filter((event) => {
        const key = `${event.involvedObject.kind}/${event.involvedObject.name}/${event.reason}`;
        if (seen.has(key)) return false;
        seen.add(key);
        return true;
    });
}

/** The controller repeats every Pod event on the notebook: of the two, keep one. */
export function withoutRepeats(events: readonly KubeEvent[]): KubeEvent[] {
    const key = (event: KubeEvent, message: string) => `${event.reason}\n${message}`;
    const repeated = new Set<string>();
    for (const event of events) {
        const match = /^Reissued from [\w.-]+\/[\w.-]+:\s*(.*)$/s.exec(event.message ?? "");
        if (match) repeated.add(key(event, match[1] ?? ""));
    }
    return events.filter((event) =>
        event.involvedObject.kind === "Notebook" || !repeated.has(key(event, event.message ?? "")));
}

const endings = /^(Killing|SuccessfulDelete|Preempted|Evicted)$/;

/** Without what belongs to an earlier run: everything up to the last time the Pod was ended. */
export function presentRun(events: readonly KubeEvent[]): KubeEvent[] {
    let ended = -Infinity;
    for (const event of events) {
        if (endings.test(event.reason ?? "")) ended = Math.max(ended, eventTime(event)?.getTime() ?? -Infinity);
    }
    return events.filter((event) => !endings.test(event.reason ?? "") && (eventTime(event)?.getTime() ?? 0) >= ended);
}

export type StepState = "done" | "active" | "failed" | "pending";

export interface Step {
    title: string;
    state: StepState;
    detail: string;
    time: Date | null;
}

interface StepRule { title: string; meanwhile: string; begins: RegExp; ends: RegExp; condition?: string }

const rules: StepRule[] = [
    {
        title: "Placed on a node", meanwhile: "Finding a node",
        begins: /^(FailedScheduling|SuccessfulCreate)$/,
        ends: /^Scheduled$/, condition: "PodScheduled",
    },
    {
        title: "Environment ready", meanwhile: "Preparing the environment",
        begins: /^(Pulling|Building\w*|BackOff|Failed|ErrImagePull|EnvironmentProgress)$/,
        ends: /^(Pulled|Built|EnvironmentReady)$/,
    },
    {
        title: "Container started", meanwhile: "Starting the container",
        begins: /^(Created|FailedMount|SuccessfulAttachVolume)$/,
        ends: /^Started$/,
    },
    {
        title: "Notebook answers", meanwhile: "Waiting for an answer",
        begins: /^Unhealthy$/,
        ends: /^Ready$/, condition: "Ready",
    },
];

/**
 * The steps of the present start. Events may be missing (they expire after an hour), so a later step that is done
 * makes the earlier ones done, and a running notebook has done them all.
 */
export function startSteps(
    created: Date | null, events: readonly KubeEvent[], conditions: readonly Condition[], running: boolean,
    tidy: (message: string) => string,
): Step[] {
    const oldestFirst = byNewest(events).reverse();
    const steps: Step[] = rules.map((rule) => {
        const end = oldestFirst.filter((event) => rule.ends.test(event.reason ?? "")).pop();
        const condition = conditions.find((one) => one.type === rule.condition && one.status === "True");
        const last = oldestFirst.filter((event) => rule.begins.test(event.reason ?? "")).pop();
        if (end || condition) {
            const time = end ? eventTime(end) : parseTime(condition?.lastTransitionTime);
            return { title: rule.title, state: "done", detail: end ? tidy(end.message ?? "") : "", time };
        }
        const state = last?.type === "Warning" ? "failed" : last ? "active" : "pending";
        return { title: rule.title, state, detail: tidy(last?.message ?? ""), time: last ? eventTime(last) : null };
    });
    const lastDone = running ? steps.length - 1 : steps.map((step) => step.state).lastIndexOf("done");
    steps.forEach((step, index) => { if (index <= lastDone) step.state = "done"; });
    const next = steps[lastDone + 1];
    if (next && next.state === "pending") next.state = "active";
    steps.forEach((step, index) => {
        if (step.state === "active" || step.state === "failed") step.title = rules[index]?.meanwhile ?? step.title;
    });
    return [{ title: "Created", state: "done", detail: "", time: created }, ...steps];
}
