/** Times as people say them. All functions take `now` so that they are pure. */

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** `null` when the text is missing or is not a time. */
export function parseTime(text: string | null | undefined): Date | null {
    if (!text) return null;
    const time = new Date(text);
    return Number.isNaN(time.getTime()) ? null : time;
}

/** "just now", "5 min ago", "3 h ago", "yesterday", "6 days ago", then the date. Clocks that differ do not say "in". */
export function relativeTime(time: Date, now: Date): string {
    const past = now.getTime() - time.getTime();
    if (past < 45_000) return "just now";
    if (past < hour) return `${Math.max(1, Math.round(past / minute))} min ago`;
    if (past < day) return `${Math.round(past / hour)} h ago`;
    if (past < 2 * day) return "yesterday";
    if (past < 30 * day) return `${Math.floor(past / day)} days ago`;
    const options: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
    if (time.getFullYear() !== now.getFullYear()) options.year = "numeric";
    return time.toLocaleDateString("en-GB", options);
}

/** The exact time, with seconds and zone, for the tooltip of a relative one. */
export function exactTime(time: Date): string {
    return time.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" });
}

/** Morning until noon, afternoon until six, evening until five. */
export function greeting(now: Date): string {
    const hours = now.getHours();
    if (hours < 5) return "Good evening";
    if (hours < 12) return "Good morning";
    return hours < 18 ? "Good afternoon" : "Good evening";
}

/** "Today", "Yesterday", or the date. */
export function dayTitle(time: Date, now: Date): string {
    const start = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
    const days = Math.round((start(now) - start(time)) / day);
    if (days <= 0) return "Today";
    return days === 1 ? "Yesterday" : time.toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long" });
}
