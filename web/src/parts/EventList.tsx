import type { KubeEvent } from "../api/types";
import { eventTime } from "../lib/events";
import { clean } from "../lib/status";
import { notebookPath } from "../lib/routes";
import { Icon } from "./Icon";
import { Link } from "./router";
import { When } from "./When";

/** Events as lines: what, about what, when. */
export function EventList({ events, named, namespace }: { events: readonly KubeEvent[]; named?: boolean; namespace?: string }) {
    return (
        <ul className="event-list">
            {events.map((event) => (
                <li key={event.metadata.name} className={event.type === "Warning" ? "warn" : ""}>
                    <Icon name={event.type === "Warning" ? "warn-triangle" : "info"} />
                    <div>
                        <p><strong>{event.type === "Warning" && <span className="visually-hidden">Warning: </span>}{event.reason}</strong>{" "}
                            {named && <EventObject event={event} namespace={namespace ?? ""} />}</p>
                        <p className="event-message">{clean(event.message ?? "")}</p>
                    </div>
                    <span className="event-time"><When time={eventTime(event)} />{(event.count ?? 1) > 1 && <span className="muted"> × {event.count}</span>}</span>
                </li>
            ))}
        </ul>
    );
}

function EventObject({ event, namespace }: { event: KubeEvent; namespace: string }) {
    const { kind, name } = event.involvedObject;
    if (kind === "Notebook") return <Link to={notebookPath(namespace, name, "events")} className="quiet-link">{name}</Link>;
    return <span className="muted">{kind} {name}</span>;
}
