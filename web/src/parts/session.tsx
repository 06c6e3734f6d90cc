/** Who is signed in, the namespace in view, and the live data of it, for every page below. */

import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from "react";
import { LiveStore, type LiveState } from "../api/live";
import { me as readMe } from "../api/platform";
import type { Me } from "../api/types";
import { allNamespaces, showsAllNamespaces } from "../lib/frame";
import type { Route } from "../lib/routes";
import { Problem } from "./Feedback";
import { readPreference, writePreference } from "./preferences";
import { navigate, replaceQuery, useAddress } from "./router";
import { useData } from "./useData";

interface Session {
    me: Me;
    namespace: string;
    /** Last used first. */
    namespaces: Me["namespaces"];
    canEdit: boolean;
    /** All namespaces are chosen, for an application that can show them; `namespace` is then the one used last. */
    seesAll: boolean;
    /** Asks again who one is and where. */
    reloadMe: () => void;
    chooseNamespace: (namespace: string) => void;
    retryLive: () => void;
}

const SessionContext = createContext<Session | null>(null);
const LiveContext = createContext<LiveStore | null>(null);

export function useSession(): Session {
    const session = useContext(SessionContext);
    if (!session) throw new Error("used outside of a session");
    return session;
}

export function useLive(): LiveState {
    const store = useContext(LiveContext);
    if (!store) throw new Error("used outside of a session");
    return useSyncExternalStore(store.subscribe, store.snapshot);
}

const recent = (): string[] => (readPreference("namespaces") ?? "").split(" ").filter((one) => one !== "");

export function SessionProvider({ route, waiting, children }: {
    route: Route; waiting: ReactNode; children: (namespace: string) => ReactNode;
}) {
    const { data: me, error, reload } = useData("me", readMe);
    const { query } = useAddress();
    const [store] = useState(() => new LiveStore());
    const inAddress = route.page === "notebook" ? route.namespace : new URLSearchParams(query).get("ns");
    const seesAll = inAddress === allNamespaces && route.page === "frame" && showsAllNamespaces(route.target);
    const asked = inAddress === allNamespaces ? null : inAddress;
    const namespaces = useMemo(() => sorted(me?.namespaces ?? []), [me, asked]);
    const namespace = asked ?? namespaces[0]?.namespace ?? "";
    const notebook = route.page === "notebook" ? route.name : null;

    // Somebody may be making one just now, or a profile has no namespace for a moment.
    useEffect(() => {
        if (!me || me.namespaces.length > 0) return;
        const timer = setTimeout(reload, 2000);
        return () => clearTimeout(timer);
    }, [me, reload]);

    useEffect(() => {
        if (!me || namespace === "") return;
        writePreference("namespaces", [namespace, ...recent().filter((one) => one !== namespace)].slice(0, 20).join(" "));
        if (!seesAll && new URLSearchParams(window.location.search).get("ns") !== namespace) replaceQuery({ ns: namespace });
        store.follow(namespace, notebook);
    }, [me, namespace, notebook, store, query, seesAll]);

    const session = useMemo<Session | null>(() => me && {
        me, namespace, namespaces, seesAll,
        canEdit: me.isAdmin || me.namespaces.some((one) => one.namespace === namespace && one.role !== "viewer"),
        chooseNamespace: (next) => {
            if (route.page === "frame") {
                replaceQuery({ ns: next });
                return;
            }
            const path = route.page === "notebook" ? "/notebooks" : window.location.pathname;
            navigate(`${path}?ns=${encodeURIComponent(next)}`);
        },
        reloadMe: reload,
        retryLive: () => store.restart(),
    }, [me, namespace, namespaces, seesAll, route.page, store, reload]);

    if (!session) {
        if (!error) return <>{waiting}</>;
        return <main className="lone"><Problem title="Martlet cannot be reached" error={error} retry={reload} /></main>;
    }
    return (
        <SessionContext.Provider value={session}>
            <LiveContext.Provider value={store}>{children(namespace)}</LiveContext.Provider>
        </SessionContext.Provider>
    );
}

function sorted(namespaces: Me["namespaces"]): Me["namespaces"] {
    const order = recent();
    const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
    const roles = ["owner", "contributor", "viewer"];
    return [...namespaces].sort((one, other) =>
        rank(one.namespace) - rank(other.namespace)
        || roles.indexOf(one.role) - roles.indexOf(other.role)
        || one.namespace.localeCompare(other.namespace));
}
