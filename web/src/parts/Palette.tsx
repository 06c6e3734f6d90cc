/** Search over everything the page knows: Ctrl-K or "/". A combobox with a list, as screen readers expect it. */

import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { notebookPath, serverPath } from "../lib/routes";
import { ranked } from "../lib/search";
import { shownStatus } from "../lib/status";
import { Icon, type IconName } from "./Icon";
import { sectionsFor } from "./Navigation";
import { applyAppearance } from "./preferences";
import { navigate } from "./router";
import { useLive, useSession } from "./session";

interface Item { key: string; group: string; title: string; keywords?: string; hint?: string; icon: IconName; run: () => void }

export function Palette({ onClose }: { onClose: () => void }) {
    const element = useRef<HTMLDialogElement>(null);
    const [query, setQuery] = useState("");
    const [at, setAt] = useState(0);
    const items = usePaletteItems();
    const found = useMemo(() => ranked(query, items).slice(0, 40), [query, items]);
    const id = useId();
    const current = found[Math.min(at, found.length - 1)];

    useEffect(() => {
        const dialog = element.current;
        const before = document.activeElement;
        dialog?.showModal();
        return () => {
            dialog?.close();
            if (before instanceof HTMLElement && before.isConnected) before.focus();
        };
    }, []);
    useEffect(() => {
        document.getElementById(`${id}-${current?.key ?? ""}`)?.scrollIntoView({ block: "nearest" });
    }, [current?.key, id]);

    const run = (item: Item) => {
        onClose();
        // After the dialog gave the focus back: what runs may move it.
        setTimeout(item.run);
    };
    const keys = (event: KeyboardEvent) => {
        if (event.key === "ArrowDown") setAt((at + 1) % Math.max(1, found.length));
        else if (event.key === "ArrowUp") setAt((at + found.length - 1) % Math.max(1, found.length));
        else if (event.key === "Enter" && current) run(current);
        else return;
        event.preventDefault();
    };
    return (
        <dialog ref={element} className="palette" aria-label="Search" onCancel={(event) => { event.preventDefault(); onClose(); }}
            onMouseDown={(event) => { if (event.target === element.current) onClose(); }}>
            <div>
                <div className="palette-input">
                    <Icon name="search" size={18} />
                    <input type="text" role="combobox" aria-label="Search pages and notebooks" aria-expanded="true" aria-controls={id}
                        aria-activedescendant={current ? `${id}-${current.key}` : undefined} placeholder="Search pages, notebooks, actions"
                        autoComplete="off" spellCheck={false} value={query} onKeyDown={keys}
                        onChange={(event) => { setQuery(event.target.value); setAt(0); }} />
                    <kbd>Esc</kbd>
                </div>
                <div id={id} role="listbox" aria-label="Results" className="palette-list">
                    {found.map((item, index) => (
                        <div key={item.key}>
                            {item.group !== found[index - 1]?.group && query === "" && <div className="palette-group" role="presentation">{item.group}</div>}
                            <div id={`${id}-${item.key}`} role="option" aria-selected={item === current} className="palette-item"
                                onMouseMove={() => setAt(index)} onClick={() => run(item)}>
                                <Icon name={item.icon} size={18} /><span>{item.title}</span>
                                {item.hint && <span className="muted">{item.hint}</span>}
                            </div>
                        </div>
                    ))}
                    {found.length === 0 && <p className="palette-none muted">Nothing is called “{query}”.</p>}
                </div>
            </div>
        </dialog>
    );
}

function usePaletteItems(): Item[] {
    const { rows } = useLive();
    const { me, namespace, namespaces, chooseNamespace } = useSession();
    return useMemo(() => {
        const items: Item[] = [];
        for (const row of rows ?? []) {
            const word = shownStatus(row.status).word;
            const go = () => navigate(notebookPath(row.namespace, row.name));
            items.push({ key: `nb-${row.name}`, group: "Notebooks", title: row.name, keywords: row.image, hint: word, icon: "notebook", run: go });
        }
        const actions: [string, IconName, () => void][] = [
            ["New notebook", "plus", () => navigate("/notebooks/new")],
            ["New volume", "plus", () => navigate("/volumes?new=1")],
            ["Add contributor", "plus", () => navigate("/contributors?new=1")],
        ];
        if (me.isAdmin) actions.push(["New profile", "plus", () => navigate("/admin/profiles?new=1")]);
        for (const [title, icon, run] of actions) items.push({ key: title.replace(/ /g, "-"), group: "Actions", title, icon, run });
        for (const entry of sectionsFor(me).flatMap((section) => section.entries)) {
            items.push({ key: `page-${entry.title}`, group: "Pages", title: entry.title, hint: "Page", icon: entry.icon, run: () => navigate(entry.path) });
        }
        for (const row of (rows ?? []).filter((one) => one.status.phase === "ready")) {
            const open = () => { window.open(serverPath(row.namespace, row.name), "_blank", "noopener"); };
            items.push({ key: `open-${row.name}`, group: "Open", title: `Open ${row.name}`, hint: "New tab", icon: "open", run: open });
        }
        for (const one of namespaces.filter((other) => other.namespace !== namespace)) {
            const choose = () => chooseNamespace(one.namespace);
            items.push({ key: `ns-${one.namespace}`, group: "Namespaces", title: one.namespace, hint: "Namespace", icon: "namespace", run: choose });
        }
        for (const [title, icon, theme] of [["Light theme", "sun", "light"], ["Dark theme", "moon", "dark"], ["System theme", "system", "system"]] as const) {
            items.push({ key: theme, group: "Appearance", title, keywords: "theme appearance", icon, run: () => applyAppearance("theme", theme) });
        }
        return items;
    }, [rows, me, namespace, namespaces, chooseNamespace]);
}
