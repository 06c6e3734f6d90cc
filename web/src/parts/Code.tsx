/** YAML with line numbers and colours: to read, and to edit in a plain text area laid over it. */

import { memo, useId, useMemo, type KeyboardEvent } from "react";
import { tokensOf } from "../lib/yaml";
import { CopyButton } from "./Button";

const Line = memo(function Line({ text }: { text: string }) {
    return (
        <span className="code-line">
            {tokensOf(text).map((token, index) => <span key={index} className={`token-${token.kind}`}>{token.text}</span>)}
            {"\n"}
        </span>
    );
});

export function CodeView({ text, label }: { text: string; label: string }) {
    const lines = useMemo(() => text.replace(/\n$/, "").split("\n"), [text]);
    return (
        <div className="code">
            <CopyButton text={text} label={`Copy ${label}`} />
            <div className="code-scroll" tabIndex={0} role="region" aria-label={label}>
                <pre>{lines.map((line, index) => <Line key={index} text={line} />)}</pre>
            </div>
        </div>
    );
}

export function CodeEditor({ text, label, onChange, invalid, describedBy }: {
    text: string; label: string; onChange: (text: string) => void; invalid?: boolean; describedBy?: string;
}) {
    const id = useId();
    const lines = useMemo(() => text.split("\n"), [text]);
    // Enter keeps the indentation. Tab still moves the focus: an editor must not be a trap.
    const keys = (event: KeyboardEvent<HTMLTextAreaElement>) => {
        if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey) return;
        const area = event.currentTarget;
        const start = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
        const indent = /^ */.exec(area.value.slice(start, area.selectionStart))?.[0] ?? "";
        if (indent === "") return;
        event.preventDefault();
        area.setRangeText(`\n${indent}`, area.selectionStart, area.selectionEnd, "end");
        onChange(area.value);
    };
    return (
        <div className="code">
            <label htmlFor={id} className="visually-hidden">{label}</label>
            <div className={invalid ? "code-scroll editable invalid" : "code-scroll editable"}>
                <pre aria-hidden="true">{lines.map((line, index) => <Line key={index} text={line} />)}</pre>
                <textarea id={id} value={text} onChange={(event) => onChange(event.target.value)} onKeyDown={keys} spellCheck={false}
                    autoCapitalize="off" autoComplete="off" wrap="off" aria-invalid={invalid || undefined} aria-describedby={describedBy} />
            </div>
        </div>
    );
}
