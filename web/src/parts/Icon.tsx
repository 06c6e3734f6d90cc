/** Our icons: 24 units square, drawn with one line width, coloured by the text around them. */

const paths = {
    home: "M4 11.5 12 4.5l8 7M6 10v9.5h12V10M10 19.5v-5.5h4v5.5",
    notebook: "M6.5 3.5h11a1.5 1.5 0 0 1 1.5 1.5v14a1.5 1.5 0 0 1-1.5 1.5h-11zM9.5 3.5v17M4.5 7.5h3M4.5 12h3M4.5 16.5h3M12.5 8.5h3.5",
    volume: "M4 6.5c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 6.5v11c0 1.7 3.6 3 8 3s8-1.3 8-3v-11M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3",
    folder: "M3.5 6.5a1.5 1.5 0 0 1 1.5-1.5h4.5l2 2.5H19a1.5 1.5 0 0 1 1.5 1.5v8.5a1.5 1.5 0 0 1-1.5 1.5H5a1.5 1.5 0 0 1-1.5-1.5z",
    plus: "M12 5v14M5 12h14",
    search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20.5 20.5",
    open: "M13.5 4.5h6v6M19.5 4.5 11 13M17.5 14v4a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 18V8A1.5 1.5 0 0 1 6 6.5h4",
    play: "M7.5 5v14l11.5-7z",
    stop: "M6.5 6.5h11v11h-11z",
    trash: "M4.5 6.5h15M9.5 6.5V4h5v2.5M6.5 6.5l.8 13h9.4l.8-13M10 10.5v5.5M14 10.5v5.5",
    check: "M5 12.5l4.5 4.5L19 7.5",
    "check-circle": "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM8.3 12.3l2.6 2.6 4.8-5.2",
    "warn-triangle": "M12 4 21 19.5H3zM12 10v4.5M12 17v.01",
    "bad-circle": "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM9.2 9.2l5.6 5.6M14.8 9.2l-5.6 5.6",
    "stop-circle": "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM9.5 9.5h5v5h-5z",
    info: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 11v5M12 8v.01",
    spinner: "M12 3.5a8.5 8.5 0 1 1-8.5 8.5",
    circle: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z",
    close: "M6 6l12 12M18 6 6 18",
    "chevron-right": "M9.5 6.5 15 12l-5.5 5.5",
    selector: "M8 9.5 12 5.5l4 4M8 14.5l4 4 4-4",
    "arrow-up": "M12 19V5.5M6.5 11 12 5.5l5.5 5.5",
    "arrow-down": "M12 5v13.5M6.5 13l5.5 5.5 5.5-5.5",
    sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
    moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
    system: "M3.5 5h17v11h-17zM9 20h6M12 16v4",
    "sign-out": "M10 4.5H5.5v15H10M15 8l4 4-4 4M19 12H9.5",
    menu: "M4 7h16M4 12h16M4 17h16",
    panel: "M4 5h16v14H4zM9.5 5v14",
    copy: "M9 9h10.5v10.5H9zM15 9V4.5H4.5V15H9",
    refresh: "M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 4v4h-4",
    download: "M12 4v11M7 10.5l5 5 5-5M4.5 19.5h15",
    wrap: "M4 6h16M4 12h12.5a3 3 0 0 1 0 6H12M14 15.5 11.5 18l2.5 2.5M4 18h4",
    follow: "M12 4v12M7 11.5l5 5 5-5M5 20h14",
    edit: "M4.5 19.5l1-4.5L16 4.5l3.5 3.5L9 18.5zM13.5 7l3.5 3.5",
    code: "M8.5 7 3.5 12l5 5M15.5 7l5 5-5 5",
    clock: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2",
    cpu: "M7 7h10v10H7zM10 3.5V7M14 3.5V7M10 17v3.5M14 17v3.5M3.5 10H7M3.5 14H7M17 10h3.5M17 14h3.5",
    offline: "M3.5 9a13 13 0 0 1 4-2.6M20.5 9A13 13 0 0 0 11 5.6M6.5 12.5a9 9 0 0 1 3-1.9M17.5 12.5a9 9 0 0 0-2-1.4M9.7 16a4 4 0 0 1 4.6 0M12 19.5v.01M4 4l16 16",
    namespace: "M4.5 8 12 4l7.5 4L12 12zM4.5 12 12 16l7.5-4M4.5 16l7.5 4 7.5-4",
    team: "M9 5a3.2 3.2 0 1 0 0 6.4A3.2 3.2 0 0 0 9 5zM2.8 19c.6-3.2 3-4.8 6.2-4.8s5.6 1.6 6.2 4.8M15.5 5.3a3.2 3.2 0 0 1 0 5.8M17.5 14.6c2 .6 3.3 2.1 3.7 4.4",
    activity: "M3.5 12H8l2.5-7 4 14 2.5-7h3.5",
    shield: "M12 3.5l7.5 2.7v5.3c0 4.4-3 7.7-7.5 9-4.5-1.3-7.5-4.6-7.5-9V6.2zM9 12l2.2 2.2L15.2 10",
    list: "M8.5 6.5h11M8.5 12h11M8.5 17.5h11M4.5 6.5h.01M4.5 12h.01M4.5 17.5h.01",
    link: "M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7L12 17.7",
    transfer: "M4 8.5h15M15 4.5l4 4-4 4M20 15.5H5M9 11.5l-4 4 4 4",
    user: "M12 4.5a3.7 3.7 0 1 0 0 7.4 3.7 3.7 0 0 0 0-7.4zM4.5 20c.8-3.7 3.8-5.5 7.5-5.5s6.7 1.8 7.5 5.5",
} as const;

export type IconName = keyof typeof paths;

const filled = new Set<IconName>(["play", "stop"]);

export function Icon({ name, size = 16, className }: { name: IconName; size?: number; className?: string }) {
    return (
        <svg className={className ? `icon ${className}` : "icon"} width={size} height={size} viewBox="0 0 24 24"
            fill={filled.has(name) ? "currentColor" : "none"} stroke="currentColor"
            strokeWidth={1.75} strokeLinecap="round" strokeLinejoin="round"
            aria-hidden="true" focusable="false">
            <path d={paths[name]} />
        </svg>
    );
}
