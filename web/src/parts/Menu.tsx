/** A button that opens something below it: closed by Escape, by a press outside, and by moving the focus away. */

import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

export function Popover({ label, button, className, kind, children }: {
    label: string; button: ReactNode; className?: string; kind: "menu" | "dialog";
    children: (close: () => void) => ReactNode;
}) {
    const [open, setOpen] = useState(false);
    const container = useRef<HTMLDivElement>(null);
    const trigger = useRef<HTMLButtonElement>(null);
    const id = useId();
    const close = () => {
        setOpen(false);
        trigger.current?.focus();
    };
    useEffect(() => {
        if (!open) return;
        const outside = (event: Event) => {
            if (event.target instanceof Node && !container.current?.contains(event.target)) setOpen(false);
        };
        document.addEventListener("pointerdown", outside);
        document.addEventListener("focusin", outside);
        const panel = document.getElementById(id);
        panel?.querySelector<HTMLElement>("[data-autofocus], input, [role^=menuitem]")?.focus();
        return () => {
            document.removeEventListener("pointerdown", outside);
            document.removeEventListener("focusin", outside);
        };
    }, [open, id]);
    const keys = (event: KeyboardEvent) => {
        if (event.key === "Escape" && open) {
            event.stopPropagation();
            close();
        }
        if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
        if (!open) {
            if (event.target === trigger.current) setOpen(true);
            return;
        }
        const items = [...container.current?.querySelectorAll<HTMLElement>("[role^=menuitem], [role=option]") ?? []];
        const at = items.indexOf(document.activeElement as HTMLElement);
        const next = event.key === "ArrowDown" ? at + 1 : at <= 0 ? items.length - 1 : at - 1;
        items[next % items.length]?.focus();
        event.preventDefault();
    };
    return (
        <div className="popover" ref={container} onKeyDown={keys}>
            <button ref={trigger} type="button" className={className} aria-label={label} title={label}
                aria-haspopup={kind} aria-expanded={open} aria-controls={open ? id : undefined}
                onClick={() => setOpen(!open)}>
                {button}
            </button>
            {open && (
                <div id={id} className="popover-panel" role={kind} aria-label={label}>
                    {children(close)}
                </div>
            )}
        </div>
    );
}
