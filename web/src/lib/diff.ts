/** A line diff for the YAML editor. */

export type DiffLine =
    | { kind: "same" | "added" | "removed"; text: string; before: number | null; after: number | null }
    | { kind: "gap"; count: number };

/** The longest common subsequence of lines, after the equal head and tail are set aside. */
export function diffLines(before: string, after: string, context = 3): DiffLine[] {
    const old = before.replace(/\n$/, "").split("\n");
    const now = after.replace(/\n$/, "").split("\n");
    let head = 0;
    while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
    let tail = 0;
    while (tail < old.length - head && tail < now.length - head
        && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail += 1;

    const lines: DiffLine[] = [];
    const same = (index: number, other: number) =>
        lines.push({ kind: "same", text: old[index] ?? "", before: index + 1, after: other + 1 });
    for (let index = 0; index < head; index += 1) same(index, index);
    middle(old, now, head, tail, lines, same);
    for (let index = tail; index > 0; index -= 1) same(old.length - index, now.length - index);
    return folded(lines, context);
}

function middle(
    old: string[], now: string[], head: number, tail: number, lines: DiffLine[],
    same: (index: number, other: number) => void,
) {
    const rows = old.length - head - tail;
    const columns = now.length - head - tail;
    const width = columns + 1;
    const table = new Uint32Array((rows + 1) * width);
    const at = (row: number, column: number) => table[row * width + column] ?? 0;
    for (let row = rows - 1; row >= 0; row -= 1) {
        for (let column = columns - 1; column >= 0; column -= 1) {
            table[row * width + column] = old[head + row] === now[head + column]
                ? at(row + 1, column + 1) + 1
                : Math.max(at(row + 1, column), at(row, column + 1));
        }
    }
    let row = 0;
    let column = 0;
    while (row < rows || column < columns) {
        if (row < rows && column < columns && old[head + row] === now[head + column]) {
            same(head + row, head + column);
            row += 1;
            column += 1;
        } else if (row < rows && (column >= columns || at(row + 1, column) >= at(row, column + 1))) {
            lines.push({ kind: "removed", text: old[head + row] ?? "", before: head + row + 1, after: null });
            row += 1;
        } else {
            lines.push({ kind: "added", text: now[head + column] ?? "", before: null, after: head + column + 1 });
            column += 1;
        }
    }
}

function folded(lines: DiffLine[], context: number): DiffLine[] {
    const near = lines.map(() => false);
    lines.forEach((line, index) => {
        if (line.kind === "same") return;
        for (let one = Math.max(0, index - context); one <= Math.min(lines.length - 1, index + context); one += 1) near[one] = true;
    });
    const result: DiffLine[] = [];
    for (let index = 0; index < lines.length; index += 1) {
        const line = lines[index];
        if (!line) continue;
        const last = result[result.length - 1];
        if (near[index]) result.push(line);
        else if (last?.kind === "gap") last.count += 1;
        else result.push({ kind: "gap", count: 1 });
    }
    return result;
}

export function hasChanges(lines: readonly DiffLine[]): boolean {
    return lines.some((line) => line.kind === "added" || line.kind === "removed");
}
