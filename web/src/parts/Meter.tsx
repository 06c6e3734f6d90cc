/** A share of a limit: a bar and the amounts in words. */
export function Meter({ label, value, limit, text }: { label: string; value: number; limit: number; text: string }) {
    const share = limit > 0 ? value / limit : value > 0 ? 1 : 0;
    return (
        <div className="meter-box">
            <span className="number">{text}</span>
            <div className={share >= 0.9 ? "meter full" : "meter"} role="meter" aria-label={label}
                aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, Math.round(share * 100))} aria-valuetext={text}>
                <div style={{ width: `${Math.min(100, share * 100)}%` }} />
            </div>
        </div>
    );
}
