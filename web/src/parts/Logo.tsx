/** The martlet: the swift of heraldry, which has no feet because it never lands. */
export function Logo({ size = 24 }: { size?: number }) {
    return (
        <svg className="logo" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <g transform="rotate(42 16 16)">
                <path fill="currentColor" d="M16 4.6c1.3 0 2.1 1 2.4 2.4.2.9.5 1.4 1.3 1.7 5 1 9.3 4 11.5 9.3-3.6-3-7.6-4-11.6-3.2-.5 2.6-.9 4.7-.8 6.6l2.4 8.6-5.2-5.6-5.2 5.6 2.4-8.6c.1-1.9-.3-4-.8-6.6-4-.8-8 .2-11.6 3.2C3 12.7 7.3 9.7 12.3 8.7c.8-.3 1.1-.8 1.3-1.7.3-1.4 1.1-2.4 2.4-2.4z" />
            </g>
        </svg>
    );
}
