/** Log text with ANSI colours as spans. No HTML is made: the strict content policy refuses inline styles, and so do we. */

import AnsiUp, { type Fragment } from "ansi_up";

export interface Span {
    text: string;
    /** Class names for the sixteen palette colours and the styles. */
    classes: string;
    /** Colours of the 256 and 24-bit palettes, as CSS. */
    color?: string;
    background?: string;
}

class SpanParser extends AnsiUp {
    spans: Span[] = [];

    protected override transform_to_html(fragment: Fragment): string {
        if (fragment.text !== "") this.spans.push(spanOf(fragment));
        return "";
    }

    // Terminal hyperlinks are shown as their text: a log must not be able to put a link in front of a person.
    protected override process_hyperlink(packet: { text: string }): string {
        this.spans.push({ text: packet.text, classes: "" });
        return "";
    }
}

function spanOf({ text, bold, italic, underline, fg, bg }: Fragment): Span {
    const classes = [
        bold && "ansi-bold", italic && "ansi-italic", underline && "ansi-underline",
        fg && fg.class_name !== "truecolor" && `${fg.class_name}-fg`,
        bg && bg.class_name !== "truecolor" && `${bg.class_name}-bg`,
    ].filter((one) => one).join(" ");
    const span: Span = { text, classes };
    if (fg?.class_name === "truecolor") span.color = `rgb(${fg.rgb.join(",")})`;
    if (bg?.class_name === "truecolor") span.background = `rgb(${bg.rgb.join(",")})`;
    return span;
}

/** One line, on its own: a colour that a line leaves open ends with it. */
export function spansOf(line: string): Span[] {
    if (!line.includes("\u001b")) return [{ text: line, classes: "" }];
    const parser = new SpanParser();
    parser.use_classes = true;
    parser.ansi_to_html(`${line}\u001b[0m`);
    return parser.spans;
}

/** The line as a person reads it: for search and for the downloaded file. */
export function plain(line: string): string {
    return line.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g, "");
}

/**
 * Text as it arrives, cut into lines and capped: the oldest go first. `\r` within a line is a progress bar that
 * draws over itself, so the last drawing is kept.
 */
export class LineBuffer {
    private rest = "";
    dropped = 0;

    constructor(readonly limit: number) {}

    push(lines: readonly string[], chunk: string): string[] {
        const parts = (this.rest + chunk).split("\n");
        this.rest = parts.pop() ?? "";
        if (parts.length === 0) return lines as string[];
        const next = [...lines, ...parts.map(lastDrawing)];
        const excess = next.length - this.limit;
        if (excess <= 0) return next;
        this.dropped += excess;
        return next.slice(excess);
    }

    /** What has no line end yet, when the stream is over. */
    end(lines: readonly string[]): string[] {
        return this.rest === "" ? (lines as string[]) : this.push(lines, "\n");
    }
}

function lastDrawing(line: string): string {
    const whole = line.replace(/\r+$/, "");
    return whole.slice(whole.lastIndexOf("\r") + 1);
}
