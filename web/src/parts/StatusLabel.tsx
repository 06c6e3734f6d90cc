import type { Shown, Tone } from "../lib/status";
import { Icon, type IconName } from "./Icon";

const icons: Record<Tone, IconName> = {
    good: "check-circle", busy: "spinner", warn: "warn-triangle", bad: "bad-circle", idle: "stop-circle",
};

/** Icon and word, and under them what is going on: never colour alone. */
export function StatusLabel({ shown, detailed = true }: { shown: Shown; detailed?: boolean }) {
    return (
        <div className="status">
            <span className={`status-word ${shown.tone}`}>
                <Icon name={icons[shown.tone]} className={shown.tone === "busy" ? "spin" : undefined} />
                {shown.word}
                {shown.percent !== null && <span className="number"> {shown.percent} %</span>}
            </span>
            {detailed && shown.percent !== null && <Progress value={shown.percent} label={shown.message} />}
            {detailed && shown.message !== "" && <span className="status-message" title={shown.message}>{shown.message}</span>}
        </div>
    );
}

export function Progress({ value, label }: { value: number; label: string }) {
    return (
        <div className="progress" role="progressbar" aria-valuenow={value} aria-valuemin={0} aria-valuemax={100} aria-label={label}>
            <div style={{ width: `${value}%` }} />
        </div>
    );
}
