/** What a page shows instead of its content: while it loads, when there is nothing, when something failed. */

import { useEffect, useState, type ReactNode } from "react";
import { RequestError } from "../api/client";
import { Button, CopyButton } from "./Button";
import { Icon, type IconName } from "./Icon";

/** Appears after 150 ms, so that what is quick does not flicker; the room is taken from the start. */
export function Skeleton({ rows, label, tall }: { rows: number; label: string; tall?: boolean }) {
    const [visible, setVisible] = useState(false);
    useEffect(() => {
        const timer = setTimeout(() => setVisible(true), 150);
        return () => clearTimeout(timer);
    }, []);
    return (
        <div className={`skeleton ${visible ? "visible" : ""}`} role="status" aria-label={label}>
            {Array.from({ length: rows }, (_, index) => <div key={index} className={tall ? "bone tall" : "bone"} />)}
        </div>
    );
}

export function Empty({ icon, title, children, action }: {
    icon: IconName; title: string; children?: ReactNode; action?: ReactNode;
}) {
    return (
        <div className="empty">
            <span className="empty-icon"><Icon name={icon} size={26} /></span>
            <h2>{title}</h2>
            {children && <p>{children}</p>}
            {action && <div className="empty-action">{action}</div>}
        </div>
    );
}

/** What happened, what to do, another try, and the details for a report. */
export function Problem({ title, error, advice, retry }: {
    title: string; error: unknown; advice?: string; retry?: () => void;
}) {
    const message = error instanceof Error ? error.message : String(error);
    const detail = error instanceof RequestError ? error.detail : message;
    return (
        <div className="problem" role="alert">
            <Icon name="warn-triangle" size={20} />
            <div>
                <h2>{title}</h2>
                <p>{message}{advice ? ` ${advice}` : ""}</p>
                <div className="problem-actions">
                    {retry && <Button small icon="refresh" onClick={retry}>Try again</Button>}
                    <details>
                        <summary>Details</summary>
                        <div className="copyable"><pre>{detail}</pre><CopyButton text={detail} label="Copy details" /></div>
                    </details>
                </div>
            </div>
        </div>
    );
}

/** A remark inside a page. */
export function Note({ tone = "info", children }: { tone?: "info" | "warn" | "bad"; children: ReactNode }) {
    return (
        <div className={`note ${tone}`} role={tone === "bad" ? "alert" : undefined}>
            <Icon name={tone === "info" ? "info" : "warn-triangle"} />
            <div>{children}</div>
        </div>
    );
}
