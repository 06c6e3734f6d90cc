import { useState } from "react";
import { Icon } from "./Icon";
import { Popover } from "./Menu";
import { SearchField } from "./Fields";
import { useSession } from "./session";

export function NamespacePicker() {
    const { namespace, namespaces, chooseNamespace } = useSession();
    if (namespace === "") return null;
    const button = (
        <>
            <Icon name="namespace" size={18} />
            <span className="picker-name">{namespace}</span>
            <Icon name="selector" size={14} />
        </>
    );
    return (
        <Popover kind="dialog" label={`Namespace ${namespace}`} className="picker" button={button}>
            {(close) => <Choices namespaces={namespaces} namespace={namespace}
                choose={(next) => { close(); chooseNamespace(next); }} />}
        </Popover>
    );
}

function Choices({ namespaces, namespace, choose }: {
    namespaces: ReturnType<typeof useSession>["namespaces"]; namespace: string; choose: (namespace: string) => void;
}) {
    const [filter, setFilter] = useState("");
    const found = namespaces.filter((one) => one.namespace.includes(filter.trim().toLowerCase()));
    const first = found[0];
    return (
        <form className="choices" onSubmit={(event) => { event.preventDefault(); if (first) choose(first.namespace); }}>
            <SearchField label="Filter namespaces" value={filter} onChange={setFilter} data-autofocus />
            <div role="listbox" aria-label="Namespaces" className="choice-list">
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
