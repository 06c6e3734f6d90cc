/** Kubernetes quantities: "500m", "1.5", "2Gi", "128974848", "1e3". */

const factors: Record<string, number> = {
    n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
    Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** The value in base units (cores, bytes), or `null` when it is not a quantity. */
export function parseQuantity(text: string | number | null | undefined): number | null {
    if (typeof text === "number") return Number.isFinite(text) ? text : null;
    const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec((text ?? "").trim());
    if (!match) return null;
    const number = Number(`${match[1]}${match[2] ?? ""}`);
    const factor = factors[match[3] ?? ""];
    return factor === undefined || Number.isNaN(number) ? null : number * factor;
}

/** "512 MiB", "1.5 GiB"; bytes below one KiB as they are. */
export function formatBytes(bytes: number): string {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let value = bytes;
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
        value /= 1024;
        unit += 1;
    }
    return `${trim(value)} ${units[unit]}`;
}

/** A memory or storage quantity in binary units; text that is not a quantity is shown as it is. */
export function formatSize(text: string | number | null | undefined): string {
    const bytes = parseQuantity(text);
    return bytes === null ? String(text ?? "") : formatBytes(bytes);
}

/** A CPU quantity as cores: "500m" and "0.5" are both "0.5". */
export function formatCores(text: string | number | null | undefined): string {
    const cores = parseQuantity(text);
    return cores === null ? String(text ?? "") : trim(cores);
}

/** "1 core", "0.5 cores". */
export function coresInWords(text: string | number | null | undefined): string {
    const cores = formatCores(text);
    return cores === "1" ? "1 core" : `${cores} cores`;
}

function trim(value: number): string {
    return String(Number(value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)));
}

/** Amount for the forms' memory field, which is in GiB: "1.0Gi" is "1". */
export function gibibytes(text: string | null | undefined): string {
    const bytes = parseQuantity(text);
    return bytes === null ? "" : String(Number((bytes / 2 ** 30).toFixed(3)));
}
