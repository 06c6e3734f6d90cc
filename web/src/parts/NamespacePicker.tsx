import { useState } from "react";
import { allNamespaces, showsAllNamespaces } from "../lib/frame";
import type { Route } from "../lib/routes";
import { Icon } from "./Icon";
import { Popover } from "./Menu";
import { SearchField } from "./Fields";
import { useSession } from "./session";

export function NamespacePicker({ route }: { route: Route }) {
    const { namespace, namespaces, seesAll, chooseNamespace } = useSession();
    if (namespace === "") return null;
    const shown = seesAll ? allNamespaces : namespace;
    const offersAll = route.page === "frame" && showsAllNamespaces(route.target);
    const button = (
        <>
            <Icon name="namespace" size={18} />
            <span className="picker-name">{shown}</span>
            <Icon name="selector" size={14} />
        </>
    );
    return (
        <Popover kind="dialog" label={`Namespace ${shown}`} className="picker" button={button}>
            {(close) => <Choices namespaces={namespaces} namespace={shown} offersAll={offersAll}
                choose={(next) => { close(); chooseNamespace(next); }} />}
        </Popover>
    );
}

function Choices({ namespaces, namespace, offersAll, choose }: {
    namespaces: ReturnType<typeof useSession>["namespaces"]; namespace: string; offersAll: boolean; choose: (namespace: string) => void;
}) {
    const [filter, setFilter] = useState("");
    const found = namespaces.filter((one) => one.namespace.includes(filter.trim().toLowerCase()));
    const first = found[0];
    return (
        <form className="choices" onSubmit={(event) => { event.preventDefault(); if (first) choose(first.namespace); }}>
            <SearchField label="Filter namespaces" value={filter} onChange={setFilter} data-autofocus />
            <div role="listbox" aria-label="Namespaces" className="choice-list">
                {offersAll && filter === "" && (
                    <button type="button" role="option" className="choice" aria-selected={namespace === allNamespaces} onClick={() => choose(allNamespaces)}>
                        <span className="choice-name">{allNamespaces}</span>
                        {namespace === allNamespaces ? <Icon name="check" /> : <span className="icon-room" />}
                    </button>
                )}
                {found.map((one) => (
                    <button key={one.namespace} type="button" role="option" className="choice" aria-selected={one.namespace === namespace}
                        onClick={() => choose(one.namespace)}>
                        <span className="choice-name">{one.namespace}</span>
                        <span className="muted">{one.role}</span>
                        {one.namespace === namespace ? <Icon name="check" /> : <span className="icon-room" />}
                    </button>
                ))}
                {found.length === 0 && <p className="muted choice-none">No namespace of yours is called so.</p>}
            </div>
        </form>
    );
}
