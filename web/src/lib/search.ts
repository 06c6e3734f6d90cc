/** Ranks what the search palette offers. */

export interface Candidate { title: string; keywords?: string }

/** Higher is better; `null` when the letters of `query` do not all occur in order. */
export function score(query: string, candidate: Candidate): number | null {
    const words = query.toLowerCase().split(/\s+/).filter((word) => word !== "");
    let total = 0;
    for (const word of words) {
        const best = Math.max(scoreIn(word, candidate.title.toLowerCase()),
            scoreIn(word, (candidate.keywords ?? "").toLowerCase()) - 20);
        if (best <= 0) return null;
        total += best;
    }
    return total;
}

function scoreIn(word: string, text: string): number {
    const at = text.indexOf(word);
    if (at === 0) return 100 - Math.min(20, text.length - word.length);
    if (at > 0) return (/[\s\-_/.:]/.test(text[at - 1] ?? "") ? 80 : 60) - Math.min(20, text.length - word.length);
    let from = 0;
    for (const letter of word) {
        const found = text.indexOf(letter, from);
        if (found < 0) return 0;
        from = found + 1;
    }
    return 30 - Math.min(25, from - word.length);
}

/** The candidates that match, best first; equal ones keep their order. An empty query keeps them all. */
export function ranked<T extends Candidate>(query: string, candidates: readonly T[]): T[] {
    return candidates
        .map((candidate, index) => ({ candidate, index, score: score(query, candidate) }))
        .filter((one): one is typeof one & { score: number } => one.score !== null)
        .sort((one, other) => other.score - one.score || one.index - other.index)
        .map((one) => one.candidate);
}
