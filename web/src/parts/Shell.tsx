/** The frame around every page: navigation left, bar on top, what is wrong with the connection, and the page. */

import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { onSessionLost } from "../api/client";
import { needsNamespace, type Route } from "../lib/routes";
import { exactTime } from "../lib/time";
import { AccountMenu } from "./AccountMenu";
import { Button, IconButton } from "./Button";
import { Icon } from "./Icon";
import { Navigation } from "./Navigation";
import { NamespacePicker } from "./NamespacePicker";
import { NoNamespace } from "./NoNamespace";
import { Palette } from "./Palette";
import { useLive, useSession } from "./session";
import { When } from "./When";

export function Shell({ route, title, children }: { route: Route; title: string; children: ReactNode }) {
    const [drawer, setDrawer] = useState(false);
    const [palette, setPalette] = useState(false);
    const main = useRef<HTMLElement>(null);
    const { namespace } = useSession();
    // Tabs of one notebook are one page: the focus stays where it is.
    const place = route.page === "notebook" ? `notebook/${route.namespace}/${route.name}` : route.page;
    const isFirst = useRef(true);

    useEffect(() => {
        document.title = title === "" ? "Martlet" : `${title} – Martlet`;
    }, [title]);

    useEffect(() => {
        setDrawer(false);
        if (isFirst.current) {
            isFirst.current = false;
            return;
        }
        window.scrollTo(0, 0);
        main.current?.focus({ preventScroll: true });
    }, [place]);

    // With the first paint, not after it: whoever sees the page can use its keys.
    useLayoutEffect(() => {
        const keys = (event: KeyboardEvent) => {
            const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]");
            const wanted = ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") || (event.key === "/" && !typing);
            if (!wanted || document.querySelector("dialog[open]")) return;
            event.preventDefault();
            setPalette(true);
        };
        document.addEventListener("keydown", keys);
        return () => document.removeEventListener("keydown", keys);
    }, []);

    return (
        <div className={drawer ? "shell drawer-open" : "shell"}>
            <a className="skip-link" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>
                Skip to content
            </a>
            <Navigation route={route} isDrawer={drawer} onClose={() => setDrawer(false)} />
            {drawer && <div className="scrim" onClick={() => setDrawer(false)} />}
            <div className="column">
                <header className="top-bar">
                    <IconButton className="only-narrow" label="Open navigation" icon="menu" aria-expanded={drawer}
                        onClick={() => setDrawer(true)} />
                    <NamespacePicker route={route} />
                    <div className="spacer" />
                    <button type="button" className="search-button" onClick={() => setPalette(true)} aria-label="Search" aria-keyshortcuts="Control+K /">
                        <Icon name="search" /><span>Search</span><kbd>/</kbd>
                    </button>
                    <AccountMenu />
                </header>
                <SessionNotice />
                <ConnectionNotice />
                <main id="main" ref={main} tabIndex={-1} aria-label={title || "Martlet"}>
                    {namespace === "" && needsNamespace(route) ? <NoNamespace /> : children}
                </main>
            </div>
            {palette && <Palette onClose={() => setPalette(false)} />}
        </div>
    );
}

/** A page of the list or form kind: heading and its primary action, then the content. */
export function PageHead({ title, count, children, lead }: {
    title: string; count?: number | null; children?: ReactNode; lead?: ReactNode;
}) {
    return (
        <div className="page-head">
            <div>
                <h1>{title}{count !== undefined && count !== null && <span className="count" aria-hidden="true">{count}</span>}</h1>
                {lead && <p className="lead">{lead}</p>}
            </div>
            {children && <div className="page-actions">{children}</div>}
        </div>
    );
}

/** The connection is lost: what is shown may be old. Silent for the first seconds, for most losses are that short. */
function ConnectionNotice() {
    const { connection, lostSince, failure } = useLive();
    const { retryLive } = useSession();
    const [late, setLate] = useState(false);
    // A refusal is told by the page, and a lost session by its own notice.
    const isLost = connection === "lost" && ![400, 401, 403, 404].includes(failure?.status ?? 0);
    useEffect(() => {
        document.documentElement.toggleAttribute("data-stale", isLost && late);
        if (!isLost) {
            setLate(false);
            return;
        }
        const timer = setTimeout(() => setLate(true), 2000);
        return () => clearTimeout(timer);
    }, [isLost, late]);
    if (!isLost || !late) return null;
    return (
        <div className="banner warn" role="status">
            <Icon name="offline" />
            <p>
                <strong>Connection lost.</strong> What you see is from{" "}
                {lostSince ? <span title={exactTime(lostSince)}><When time={lostSince} /></span> : "before"}; it is refreshed when Martlet answers again.
            </p>
            <Button small icon="refresh" onClick={retryLive}>Try now</Button>
        </div>
    );
}

function SessionNotice() {
    const [lost, setLost] = useState(false);
    useEffect(() => onSessionLost(() => setLost(true)), []);
    if (!lost) return null;
    return (
        <div className="banner bad" role="alert">
            <Icon name="user" />
            <p><strong>Your session has ended.</strong> Sign in again to go on; what you see here stays where it is.</p>
            <Button small icon="user" onClick={() => window.location.reload()}>Sign in</Button>
        </div>
    );
}
