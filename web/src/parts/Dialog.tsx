/** A modal dialog: the browser's own, which keeps the focus inside and gives it back. */

import { useEffect, useId, useRef, type ReactNode } from "react";
import { IconButton } from "./Button";

export function Dialog({ title, onClose, children, footer, wide, onSubmit }: {
    title: string; onClose: () => void; children: ReactNode; footer?: ReactNode; wide?: boolean;
    /** With it, the dialog is a form and its primary button a submit button. */
    onSubmit?: () => void;
}) {
    const element = useRef<HTMLDialogElement>(null);
    const id = useId();
    useEffect(() => {
        const dialog = element.current;
        const before = document.activeElement;
        dialog?.showModal();
        const first = dialog?.querySelector<HTMLElement>("[data-autofocus]");
        first?.focus();
        return () => {
            dialog?.close();
            if (before instanceof HTMLElement && before.isConnected) before.focus();
        };
    }, []);
    const content = (
        <>
            <header className="dialog-head">
                <h2 id={id}>{title}</h2>
                <IconButton label="Close" icon="close" onClick={onClose} />
            </header>
            <div className="dialog-body">{children}</div>
            {footer && <footer className="dialog-foot">{footer}</footer>}
        </>
    );
    return (
        <dialog ref={element} className={wide ? "dialog wide" : "dialog"} aria-labelledby={id}
            onCancel={(event) => { event.preventDefault(); onClose(); }}
            onMouseDown={(event) => { if (event.target === element.current) onClose(); }}>
            {onSubmit
                ? <form noValidate onSubmit={(event) => { event.preventDefault(); onSubmit(); }}>{content}</form>
                : <div>{content}</div>}
        </dialog>
    );
}
