import { useEffect, useState, type ButtonHTMLAttributes } from "react";
import { Icon, type IconName } from "./Icon";

type Look = "primary" | "plain" | "quiet" | "danger";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
    look?: Look;
    icon?: IconName;
    small?: boolean;
    /** Shows that the action is under way and refuses another press; the button keeps its focus. */
    busy?: boolean;
}

export function Button({ look = "plain", icon, small, busy, children, className, onClick, ...rest }: ButtonProps) {
    const classes = ["button", look, small && "small", className].filter((one) => one).join(" ");
    return (
        <button type="button" {...rest} className={classes} aria-busy={busy || undefined}
            aria-disabled={busy || rest["aria-disabled"]} onClick={busy ? (event) => event.preventDefault() : onClick}>
            {busy ? <Icon name="spinner" className="spin" /> : icon && <Icon name={icon} />}
            {children !== undefined && <span>{children}</span>}
        </button>
    );
}

/** A button that is only an icon: the label is its name and its tooltip. */
export function IconButton({ label, icon, busy, className, ...rest }: { label: string; icon: IconName; busy?: boolean }
    & ButtonHTMLAttributes<HTMLButtonElement>) {
    return (
        <button type="button" {...rest} className={`icon-button ${className ?? ""}`} aria-label={label} title={label}
            aria-busy={busy || undefined}>
            <Icon name={busy ? "spinner" : icon} className={busy ? "spin" : undefined} />
        </button>
    );
}

/** Copies text and says so for a moment. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
    const [copied, setCopied] = useState(false);
    useEffect(() => {
        if (!copied) return;
        const timer = setTimeout(() => setCopied(false), 1500);
        return () => clearTimeout(timer);
    }, [copied]);
    const copy = () => {
        navigator.clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false));
    };
    return <IconButton label={copied ? "Copied" : label} icon={copied ? "check" : "copy"} className="copy" onClick={copy} />;
}
