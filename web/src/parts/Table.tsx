/** A table that sorts, selects, and becomes cards on a narrow screen. Long ones are drawn a part at a time. */

import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Icon } from "./Icon";

export interface Column<Row> {
    key: string;
    title: string;
    cell: (row: Row) => ReactNode;
    /** What sorting compares; without it the column does not sort. */
    order?: (row: Row) => string | number;
    className?: string;
    /** For columns whose heading would only repeat what one sees. */
    hideTitle?: boolean;
}

export interface Selection { chosen: ReadonlySet<string>; set: (chosen: ReadonlySet<string>) => void }

const part = 100;

export function Table<Row>({ caption, columns, rows, keyOf, nameOf, sort, onSort, selection }: {
    caption: string; columns: Column<Row>[]; rows: readonly Row[]; keyOf: (row: Row) => string; nameOf: (row: Row) => string;
    /** "name", or "-age" for descending. */
    sort: string; onSort: (sort: string) => void; selection?: Selection;
}) {
    const [limit, setLimit] = useState(part);
    const end = useRef<HTMLDivElement>(null);
    const sorted = useMemo(() => sortedRows(rows, columns, sort), [rows, columns, sort]);
    const shown = sorted.slice(0, limit);
    useEffect(() => {
        const mark = end.current;
        if (!mark) return;
        const observer = new IntersectionObserver((entries) => {
            if (entries.some((entry) => entry.isIntersecting)) setLimit((known) => known + part);
        }, { rootMargin: "600px" });
        observer.observe(mark);
        return () => observer.disconnect();
    }, [limit, sorted.length]);
    const keys = sorted.map(keyOf);
    const all = selection && keys.length > 0 && keys.every((key) => selection.chosen.has(key));
    const some = selection && !all && keys.some((key) => selection.chosen.has(key));
    const toggle = (key: string) => {
        if (!selection) return;
        const next = new Set(selection.chosen);
        if (!next.delete(key)) next.add(key);
        selection.set(next);
    };
    return (
        <div className="table-box">
            <table className="table">
                <caption className="visually-hidden">{caption}</caption>
                <thead>
                    <tr>
                        {selection && (
                            <th scope="col" className="cell-check">
                                <input type="checkbox" aria-label="Select all" checked={Boolean(all)}
                                    ref={(box) => { if (box) box.indeterminate = Boolean(some); }}
                                    onChange={() => selection.set(all ? new Set() : new Set(keys))} />
                            </th>
                        )}
                        {columns.map((column) => <Heading key={column.key} column={column} sort={sort} onSort={onSort} />)}
                    </tr>
                </thead>
                <tbody>
                    {shown.map((row) => {
                        const key = keyOf(row);
                        const chosen = selection?.chosen.has(key) ?? false;
                        return (
                            <tr key={key} className={chosen ? "chosen" : undefined}>
                                {selection && (
                                    <td className="cell-check">
                                        <input type="checkbox" aria-label={`Select ${nameOf(row)}`} checked={chosen} onChange={() => toggle(key)} />
                                    </td>
                                )}
                                {columns.map((column) => (
                                    <td key={column.key} className={column.className} data-title={column.hideTitle ? undefined : column.title}>
                                        {column.cell(row)}
                                    </td>
                                ))}
                            </tr>
                        );
                    })}
                </tbody>
            </table>
            {sorted.length > limit && <div ref={end} className="table-more muted">{sorted.length - limit} more</div>}
        </div>
    );
}

function Heading<Row>({ column, sort, onSort }: { column: Column<Row>; sort: string; onSort: (sort: string) => void }) {
    const ascending = sort === column.key;
    const descending = sort === `-${column.key}`;
    if (!column.order) {
        return <th scope="col" className={column.className}><span className={column.hideTitle ? "visually-hidden" : undefined}>{column.title}</span></th>;
    }
    return (
        <th scope="col" className={column.className} aria-sort={ascending ? "ascending" : descending ? "descending" : "none"}>
            <button type="button" className="sort" onClick={() => onSort(ascending ? `-${column.key}` : column.key)}>
                {column.title}
                <Icon name={descending ? "arrow-down" : "arrow-up"} size={13} className={ascending || descending ? "" : "faint"} />
            </button>
        </th>
    );
}

function sortedRows<Row>(rows: readonly Row[], columns: Column<Row>[], sort: string): Row[] {
    const descending = sort.startsWith("-");
    const column = columns.find((one) => one.key === (descending ? sort.slice(1) : sort));
    const { order } = column ?? {};
    if (!order) return [...rows];
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    const direction = descending ? -1 : 1;
    return [...rows].sort((one, other) => {
        const [a, b] = [order(one), order(other)];
        const result = typeof a === "number" && typeof b === "number" ? a - b : compare(String(a), String(b));
        return result * direction;
    });
}
