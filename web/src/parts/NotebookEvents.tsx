import { useMemo, useState } from "react";
import type { KubeEvent } from "../api/types";
import { byNewest, eventTime, withoutRepeats } from "../lib/events";
import { clean } from "../lib/status";
import { Empty, Skeleton } from "./Feedback";
import { SearchField, Segments } from "./Fields";
import { Table, type Column } from "./Table";
import { Icon } from "./Icon";
import { When } from "./When";

const columns: Column<KubeEvent>[] = [
    {
        key: "type", title: "Type", className: "cell-type", order: (event) => event.type ?? "",
        cell: (event) => <span className={`status-word ${event.type === "Warning" ? "warn" : "idle"}`}><Icon name={event.type === "Warning" ? "warn-triangle" : "info"} />{event.type}</span>,
    },
    { key: "reason", title: "Reason", className: "cell-reason", order: (event) => event.reason ?? "", cell: (event) => <strong>{event.reason}</strong> },
    { key: "message", title: "Message", className: "cell-wide", cell: (event) => clean(event.message ?? "") },
    { key: "count", title: "Count", className: "cell-number", order: (event) => event.count ?? 1, cell: (event) => event.count ?? 1 },
    { key: "time", title: "Last seen", className: "cell-time", order: (event) => eventTime(event)?.getTime() ?? 0, cell: (event) => <When time={eventTime(event)} /> },
];

export function NotebookEvents({ events }: { events: KubeEvent[] | null }) {
    const [filter, setFilter] = useState("");
    const [type, setType] = useState("all");
    const [sort, setSort] = useState("-time");
    const own = useMemo(() => events && byNewest(withoutRepeats(events)), [events]);
    if (!own) return <Skeleton rows={5} label="Loading events" />;
    if (own.length === 0) {
        return <Empty icon="clock" title="No events">Events are kept for an hour. Start or stop the notebook, and they show here as they happen.</Empty>;
    }
    const found = own.filter((event) => (type === "all" || event.type === type)
        && `${event.reason} ${event.message}`.toLowerCase().includes(filter.toLowerCase()));
    return (
        <>
            <div className="filter-row">
                <SearchField label="Filter events" value={filter} onChange={setFilter} />
                <Segments label="Type" value={type} onChange={setType} options={[{ value: "all", label: "All" }, { value: "Warning", label: "Warnings" }]} />
            </div>
            {found.length === 0
                ? <Empty icon="search" title="No event matches" />
                : <Table caption="Events" columns={columns} rows={found} keyOf={(event) => event.metadata.name} nameOf={(event) => event.reason ?? ""} sort={sort} onSort={setSort} />}
        </>
    );
}
