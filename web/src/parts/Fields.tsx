/** Form fields: label, help, and the message about what is wrong, tied together for a screen reader. */

import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes } from "react";
import { Icon } from "./Icon";

interface Frame { label: string; help?: ReactNode; problem?: string; hideLabel?: boolean }

function Framed({ id, label, help, problem, hideLabel, children }: Frame & { id: string; children: ReactNode }) {
    return (
        <div className={problem ? "field invalid" : "field"}>
            <label htmlFor={id} className={hideLabel ? "visually-hidden" : undefined}>{label}</label>
            {children}
            {problem && <p id={`${id}-problem`} className="field-problem"><Icon name="bad-circle" size={14} />{problem}</p>}
            {help && !problem && <p id={`${id}-help`} className="field-help">{help}</p>}
        </div>
    );
}

const described = (id: string, { help, problem }: Frame) =>
    (problem ? `${id}-problem` : help ? `${id}-help` : undefined);

export function TextField({ label, help, problem, hideLabel, unit, ...rest }: Frame & { unit?: string }
    & InputHTMLAttributes<HTMLInputElement>) {
    const id = useId();
    const frame = { label, help, problem, hideLabel };
    return (
        <Framed id={id} {...frame}>
            <div className="input-box">
                <input type="text" autoComplete="off" spellCheck={false} {...rest} id={id}
                    aria-invalid={problem ? true : undefined} aria-describedby={described(id, frame)} />
                {unit && <span className="unit" aria-hidden="true">{unit}</span>}
            </div>
        </Framed>
    );
}

export function SelectField({ label, help, problem, hideLabel, options, ...rest }: Frame
    & { options: { value: string; label: string }[] } & SelectHTMLAttributes<HTMLSelectElement>) {
    const id = useId();
    const frame = { label, help, problem, hideLabel };
    return (
        <Framed id={id} {...frame}>
            <div className="select-box">
                <select {...rest} id={id} aria-invalid={problem ? true : undefined} aria-describedby={described(id, frame)}>
                    {options.map((option) => <option key={option.value} value={option.value}>{option.label}</option>)}
                </select>
                <Icon name="selector" size={14} />
            </div>
        </Framed>
    );
}

export function Checkbox({ label, help, ...rest }: { label: ReactNode; help?: ReactNode } & InputHTMLAttributes<HTMLInputElement>) {
    const id = useId();
    return (
        <div className="checkbox">
            <input type="checkbox" {...rest} id={id} aria-describedby={help ? `${id}-help` : undefined} />
            <div>
                <label htmlFor={id}>{label}</label>
                {help && <p id={`${id}-help`} className="field-help">{help}</p>}
            </div>
        </div>
    );
}

/** A few exclusive choices side by side. */
export function Segments<Value extends string>({ label, value, options, onChange, disabled }: {
    label: string; value: Value; options: { value: Value; label: string }[]; onChange: (value: Value) => void; disabled?: boolean;
}) {
    const name = useId();
    return (
        <fieldset className="segments" disabled={disabled}>
            <legend className="visually-hidden">{label}</legend>
            {options.map((option) => (
                <label key={option.value}>
                    <input type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} />
                    <span>{option.label}</span>
                </label>
            ))}
        </fieldset>
    );
}

export function SearchField({ label, value, onChange, ...rest }: { label: string; value: string; onChange: (value: string) => void }
    & Omit<InputHTMLAttributes<HTMLInputElement>, "onChange" | "value">) {
    return (
        <div className="search-box">
            <Icon name="search" />
            <input type="search" autoComplete="off" spellCheck={false} {...rest} aria-label={label} placeholder={rest.placeholder ?? label}
                value={value} onChange={(event) => onChange(event.target.value)} />
        </div>
    );
}
