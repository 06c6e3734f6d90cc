/** Short messages about what just happened. Read out politely; failures at once, and they stay until dismissed. */

import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { Button, IconButton } from "./Button";
import { Icon } from "./Icon";

export interface Toast {
    tone: "good" | "bad" | "info";
    text: string;
    action?: { label: string; run: () => void };
}

type Shown = Toast & { id: number };

const ToastContext = createContext<(toast: Toast) => void>(() => undefined);

export const useToast = () => useContext(ToastContext);

let nextID = 1;

export function ToastProvider({ children }: { children: ReactNode }) {
    const [toasts, setToasts] = useState<Shown[]>([]);
    const show = useCallback((toast: Toast) => {
        setToasts((known) => [...known.slice(-3), { ...toast, id: nextID++ }]);
    }, []);
    const dismiss = useCallback((id: number) => setToasts((known) => known.filter((one) => one.id !== id)), []);
    const [bad, others] = useMemo(
        () => [toasts.filter((one) => one.tone === "bad"), toasts.filter((one) => one.tone !== "bad")], [toasts]);
    return (
        <ToastContext.Provider value={show}>
            {children}
            <section className="toasts" aria-label="Notifications">
                <div role="alert">{bad.map((one) => <ToastCard key={one.id} toast={one} dismiss={dismiss} />)}</div>
                <div role="status" aria-live="polite">{others.map((one) => <ToastCard key={one.id} toast={one} dismiss={dismiss} />)}</div>
            </section>
        </ToastContext.Provider>
    );
}

function ToastCard({ toast, dismiss }: { toast: Shown; dismiss: (id: number) => void }) {
    const [held, setHeld] = useState(false);
    useEffect(() => {
        if (held || toast.tone === "bad") return;
        const timer = setTimeout(() => dismiss(toast.id), toast.action ? 8000 : 5000);
        return () => clearTimeout(timer);
    }, [held, toast, dismiss]);
    const icon = toast.tone === "good" ? "check-circle" : toast.tone === "bad" ? "bad-circle" : "info";
    const { action } = toast;
    return (
        <div className={`toast ${toast.tone}`} onMouseEnter={() => setHeld(true)} onMouseLeave={() => setHeld(false)}
            onFocus={() => setHeld(true)} onBlur={() => setHeld(false)}>
            <Icon name={icon} />
            <span className="toast-text">{toast.text}</span>
            {action && <Button small look="quiet" onClick={() => { action.run(); dismiss(toast.id); }}>{action.label}</Button>}
            <IconButton label="Dismiss" icon="close" onClick={() => dismiss(toast.id)} />
        </div>
    );
}
