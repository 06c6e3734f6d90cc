import type { VolumeRow } from "../api/types";
import { volumeName, type VolumeForm } from "../lib/form";
import { formatSize } from "../lib/quantity";
import { IconButton } from "./Button";
import { Segments, SelectField, TextField } from "./Fields";

/** One volume of the form: a new one, an existing one, or none. */
export function VolumeFields({ title, field, volume, notebook, problem, offered, onChange, onRemove, allowNone, isFixed }: {
    title: string;
    /** Prefix of its problems: `workspace`, `datavols[0]`. */
    field: string;
    volume: VolumeForm; notebook: string; offered: VolumeRow[];
    problem: (field: string) => string | undefined;
    onChange: (volume: VolumeForm) => void;
    onRemove?: () => void;
    allowNone?: boolean; isFixed?: boolean;
}) {
    const set = (part: Partial<VolumeForm>) => onChange({ ...volume, ...part });
    const kinds: { value: VolumeForm["kind"]; label: string }[] = [{ value: "new", label: "New" }, { value: "existing", label: "Existing" }];
    if (allowNone) kinds.push({ value: "none", label: "None" });
    return (
        <div className="volume-fields" role="group" aria-label={title}>
            <div className="volume-head">
                <h3>{title}</h3>
                <Segments label={`${title}: which`} value={volume.kind} options={kinds} onChange={(kind) => set({ kind })} disabled={isFixed} />
                {onRemove && !isFixed && <IconButton label={`Remove ${title.toLowerCase()}`} icon="close" onClick={onRemove} />}
            </div>
            {volume.kind === "none" && <p className="field-help warn">Without a volume, every file is lost when the notebook stops.</p>}
            {volume.kind !== "none" && (
                <div className="form-grid three">
                    {volume.kind === "new"
                        ? <TextField label="Volume" value={volumeName(volume, notebook)} problem={problem(`${field}.name`)} readOnly={isFixed}
                            onChange={(event) => set({ name: event.target.value })} />
                        : <SelectField label="Volume" value={volume.existing} problem={problem(`${field}.name`)} disabled={isFixed}
                            options={[{ value: "", label: offered.length > 0 ? "Choose a volume" : "There is none yet" },
                                ...offered.map((one) => ({ value: one.name, label: `${one.name} (${formatSize(one.size)})` }))]}
                            onChange={(event) => set({ existing: event.target.value })} />}
                    {volume.kind === "new" && <TextField label="Size" unit="GiB" inputMode="decimal" value={volume.sizeGiB} readOnly={isFixed}
                        problem={problem(`${field}.size`)} onChange={(event) => set({ sizeGiB: event.target.value })} />}
                    <TextField label="Mount path" value={volume.mount} problem={problem(`${field}.mount`)} readOnly={isFixed}
                        onChange={(event) => set({ mount: event.target.value })} />
                </div>
            )}
        </div>
    );
}
