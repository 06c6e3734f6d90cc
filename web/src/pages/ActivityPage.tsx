/** What happens in the namespace, newest first, as it happens. */

import { useMemo } from "react";
import type { KubeEvent } from "../api/types";
import { byNewest, eventTime, withoutRepeats } from "../lib/events";
import { dayTitle } from "../lib/time";
import { Button } from "../parts/Button";
import { EventList } from "../parts/EventList";
import { Empty, Problem, Skeleton } from "../parts/Feedback";
import { SearchField, Segments, SelectField } from "../parts/Fields";
import { replaceQuery, useAddress } from "../parts/router";
import { useLive, useSession } from "../parts/session";
import { PageHead } from "../parts/Shell";
import { useNow } from "../parts/When";

export default function ActivityPage() {
    const { events, failure, connection } = useLive();
    const { namespace, retryLive } = useSession();
    const now = useNow();
    const params = new URLSearchParams(useAddress().query);
    const [filter, kind, type] = [params.get("q") ?? "", params.get("kind") ?? "", params.get("type") ?? "all"];
    const all = useMemo(() => events && byNewest(withoutRepeats(events)), [events]);
    const kinds = useMemo(() => [...new Set((all ?? []).map((one) => one.involvedObject.kind))].sort(), [all]);
    const found = (all ?? []).filter((event) =>
        (type === "all" || event.type === "Warning") && (kind === "" || event.involvedObject.kind === kind) && matches(event, filter));
    const failed = !events && failure && connection === "lost";
    return (
        <div className="page">
            <PageHead title="Activity" count={all?.length ?? null} lead={<>What happened in <strong>{namespace}</strong> in the last hour.</>} />
            {failed && <Problem title="The activity cannot be shown" error={failure} retry={retryLive} />}
            {!events && !failed && <Skeleton rows={6} label="Loading activity" tall />}
            {all?.length === 0 && (
                <Empty icon="activity" title="Nothing happened lately">
                    Starts, stops, warnings and failures of everything in this namespace appear here as they happen.
                </Empty>
            )}
            {all && all.length > 0 && (
                <>
                    <div className="filter-row">
                        <SearchField label="Filter activity" value={filter} onChange={(value) => replaceQuery({ q: value })} />
                        <div className="filter-select">
                            <SelectField label="Kind" hideLabel value={kind} onChange={(event) => replaceQuery({ kind: event.target.value })}
                                options={[{ value: "", label: "All kinds" }, ...kinds.map((one) => ({ value: one, label: one }))]} />
                        </div>
                        <Segments label="Which" value={type} onChange={(value) => replaceQuery({ type: value === "all" ? null : value })}
                            options={[{ value: "all", label: "Everything" }, { value: "warnings", label: "Warnings" }]} />
                    </div>
                    {found.length === 0 && <Empty icon="search" title="Nothing matches"
                        action={<Button onClick={() => replaceQuery({ q: null, kind: null, type: null })}>Clear the filters</Button>} />}
                    {byDay(found, now).map(({ title, events }) => (
                        <section key={title} className="card day" aria-label={title}>
                            <header className="card-head"><h2>{title}</h2><span className="muted number">{events.length}</span></header>
                            <EventList events={events} named namespace={namespace} />
                        </section>
                    ))}
                </>
            )}
        </div>
    );
}

function matches(event: KubeEvent, filter: string): boolean {
    const text = `${event.reason ?? ""} ${event.message ?? ""} ${event.involvedObject.name}`.toLowerCase();
    return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function byDay(events: readonly KubeEvent[], now: Date): { title: string; events: KubeEvent[] }[] {
    const days: { title: string; events: KubeEvent[] }[] = [];
    for (const event of events) {
        const time = eventTime(event);
        const title = time ? dayTitle(time, now) : "Earlier";
        const last = days[days.length - 1];
        if (last?.title === title) last.events.push(event);
        else days.push({ title, events: [event] });
    }
    return days;
}
