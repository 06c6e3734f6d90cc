import { useEffect, useRef } from "react";
import { parts, type Route } from "../lib/routes";
import { IconButton } from "./Button";
import { Icon, type IconName } from "./Icon";
import { Logo } from "./Logo";
import { applyAppearance, usePreference } from "./preferences";
import { Link, useAddress } from "./router";
import { useSession } from "./session";
import { useDashboardLinks, type ShownLink } from "./useDashboardLinks";
import type { Me } from "../api/types";

interface Entry { title: string; path: string; icon: IconName; pages: Route["page"][] }

/** A section appears when its service does. */
const sections: { title: string | null; entries: Entry[]; isForAdmins?: boolean }[] = [
    { title: null, entries: [{ title: "Home", path: "/", icon: "home", pages: ["home"] }] },
    {
        title: "Notebooks",
        entries: [
            { title: "Notebooks", path: "/notebooks", icon: "notebook", pages: ["notebooks", "notebook", "new-notebook"] },
            { title: "Volumes", path: "/volumes", icon: "volume", pages: ["volumes"] },
        ],
    },
    {
        title: "Team",
        entries: [
            { title: "Contributors", path: "/contributors", icon: "team", pages: ["contributors"] },
            { title: "Activity", path: "/activity", icon: "activity", pages: ["activity"] },
        ],
    },
    {
        title: "Admin", isForAdmins: true,
        entries: [
            { title: "Profiles", path: "/admin/profiles", icon: "shield", pages: ["admin-profiles"] },
            { title: "Workspaces", path: "/admin/workspaces", icon: "cpu", pages: ["admin-workspaces"] },
            { title: "Audit log", path: "/admin/audit", icon: "list", pages: ["admin-audit"] },
        ],
    },
];

/** What a person can go to. */
export const sectionsFor = (me: Me) => sections.filter((section) => !section.isForAdmins || me.isAdmin);

export function Navigation({ route, isDrawer, onClose }: { route: Route; isDrawer: boolean; onClose: () => void }) {
    const { me } = useSession();
    const [width, ] = usePreference("navigation", "wide");
    const narrow = width === "narrow" && !isDrawer;
    const element = useRef<HTMLElement>(null);
    useEffect(() => {
        if (!isDrawer) return;
        const before = document.activeElement;
        element.current?.querySelector<HTMLElement>("a")?.focus();
        const keys = (event: KeyboardEvent) => { if (event.key === "Escape") onClose(); };
        document.addEventListener("keydown", keys);
        return () => {
            document.removeEventListener("keydown", keys);
            if (before instanceof HTMLElement) before.focus();
        };
    }, [isDrawer, onClose]);
    return (
        <nav className="navigation" aria-label="Main" ref={element}>
            <div className="brand">
                <Link to="/" className="brand-link" aria-label="Martlet, home"><Logo size={26} /><span>Martlet</span></Link>
                {isDrawer && <IconButton label="Close navigation" icon="close" onClick={onClose} />}
            </div>
            <div className="sections">
                {sectionsFor(me).map((section) => (
                    <div key={section.title ?? "top"} className="section">
                        {section.title && <h2 id={`section-${section.title}`}>{section.title}</h2>}
                        <ul aria-labelledby={section.title ? `section-${section.title}` : undefined}>
                            {section.entries.map((entry) => (
                                <li key={entry.path}>
                                    <Link to={entry.path} title={narrow ? entry.title : undefined}
                                        aria-current={entry.pages.includes(route.page) ? "page" : undefined}
                                        onClick={onClose}>
                                        <Icon name={entry.icon} size={18} /><span>{entry.title}</span>
                                    </Link>
                                </li>
                            ))}
                        </ul>
                    </div>
                ))}
                <ConfiguredLinks narrow={narrow} onClose={onClose} />
            </div>
            <div className="navigation-foot">
                <span className="version" title={`Martlet ${me.version}`}>{me.version}</span>
                <IconButton className="only-wide" label={narrow ? "Expand navigation" : "Collapse navigation"} icon="panel"
                    onClick={() => applyAppearance("navigation", narrow ? "wide" : "narrow")} />
            </div>
        </nav>
    );
}

/** What administrators put into the dashboard's ConfigMap: applications in a frame, and other sites; its sections stay sections. */
function ConfiguredLinks({ narrow, onClose }: { narrow: boolean; onClose: () => void }) {
    const { path, hash } = useAddress();
    const links = useDashboardLinks()?.applications ?? [];
    const current = currentLink(links, path, hash);
    const titles = [...new Set(links.map((link) => link.section ?? ""))];
    return (
        <>
            {titles.map((title, index) => (
                <div key={title} className="section">
                    <h2 id={`section-links-${index}`}>{title || "More"}</h2>
                    <ul aria-labelledby={`section-links-${index}`}>
                        {links.filter((link) => (link.section ?? "") === title).map((link) => (
                            <li key={`${link.text} ${link.to}`}>
                                {link.isOutside
                                    ? <a href={link.to} target="_blank" rel="noopener noreferrer" title={narrow ? link.text : undefined}>
                                        <Icon name="open" size={18} /><span>{link.text}</span></a>
                                    : <Link to={link.to} onClick={onClose} title={narrow ? link.text : undefined} aria-current={link === current ? "page" : undefined}>
                                        <Icon name="link" size={18} /><span>{link.text}</span></Link>}
                            </li>
                        ))}
                    </ul>
                </div>
            ))}
        </>
    );
}

/** Of several links into one application that which leads to the present place, otherwise the first. */
function currentLink(links: readonly ShownLink[], path: string, hash: string): ShownLink | undefined {
    const same = links.filter((link) => !link.isOutside && parts(link.to).path === path);
    return same.find((link) => parts(link.to).hash === hash) ?? same[0];
}
