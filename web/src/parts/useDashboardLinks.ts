import { useMemo } from "react";
import { dashboardLinks, type DashboardLink } from "../api/team";
import { linkTarget } from "../lib/routes";
import { useSession } from "./session";
import { useData } from "./useData";

export interface ShownLink {
    text: string;
    description: string;
    to: string;
    isOutside: boolean;
    /** The menu's section that it is in; empty outside of one. */
    section?: string;
}

/** The links of the dashboard's ConfigMap, filled in for the namespace; `null` until they are known. Without them the page is whole. */
export function useDashboardLinks(): { applications: ShownLink[]; quick: ShownLink[]; documentation: ShownLink[] } | null {
    const { namespace } = useSession();
    const { data } = useData("dashboard-links", dashboardLinks);
    return useMemo(() => {
        if (!data) return null;
        const shown = (links: DashboardLink[] | undefined, inFrame: (link: DashboardLink) => boolean, section = ""): ShownLink[] =>
            (Array.isArray(links) ? links : []).flatMap((link) => {
                if (Array.isArray(link.items)) return shown(link.items, inFrame, link.text);
                const target = link.link ? linkTarget(link.link, namespace, inFrame(link)) : null;
                return target && link.text ? [{ text: link.text, description: link.desc ?? "", section, ...target }] : [];
            });
        const isApplication = (link: ShownLink) => link.isOutside || link.to.startsWith("/_/");
        return {
            applications: [...shown(data.menuLinks, () => true), ...shown(data.externalLinks, (link) => link.iframe === true)].filter(isApplication),
            quick: shown(data.quickLinks, () => true),
            documentation: shown(data.documentationItems, () => false),
        };
    }, [data, namespace]);
}
