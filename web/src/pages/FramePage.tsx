/** An application of somebody else's in a frame, told which namespace is chosen, as Kubeflow's dashboard does it. */

import { useEffect, useRef, useState } from "react";
import { allNamespaces, framedAddress, framedURL, isElsewhere, messagesFor } from "../lib/frame";
import { Skeleton } from "../parts/Feedback";
import { navigate, useAddress } from "../parts/router";
import { useSession } from "../parts/session";
import { useDashboardLinks } from "../parts/useDashboardLinks";

export default function FramePage({ target }: { target: string }) {
    const frame = useRef<HTMLIFrameElement>(null);
    const { namespace, namespaces, seesAll } = useSession();
    const { query, hash } = useAddress();
    const wanted = framedURL(target, query, hash);
    // The frame keeps its first address: where it goes from there is mirrored, or said by a link of ours.
    const [first] = useState(wanted);
    const [isLoaded, setLoaded] = useState(false);
    const connected = useRef(false);
    const chosen = seesAll ? allNamespaces : namespace;
    const latest = useRef(chosen);
    latest.current = chosen;
    const title = useDashboardLinks()?.applications.find((link) => link.to.split(/[?#]/)[0] === `/_${target}`)?.text ?? "Application";
    const names = namespaces.map((one) => one.namespace).join(" ");

    useEffect(() => {
        const origin = window.location.origin;
        const tell = () => {
            const all = seesAll ? names.split(" ").filter((one) => one !== "") : null;
            for (const message of messagesFor(namespace, all)) frame.current?.contentWindow?.postMessage(message, origin);
        };
        const listen = (event: MessageEvent<{ type?: string }>) => {
            const isOurs = event.origin === origin && event.source === frame.current?.contentWindow;
            if (!isOurs || event.data?.type !== "iframe-connected") return;
            connected.current = true;
            frame.current?.contentWindow?.postMessage({ type: "parent-connected", value: null }, origin);
            tell();
        };
        window.addEventListener("message", listen);
        if (connected.current) tell();
        return () => window.removeEventListener("message", listen);
    }, [namespace, seesAll, names]);

    // A link of ours to another place in the same application.
    useEffect(() => {
        try {
            const inside = frame.current?.contentWindow?.location;
            if (isLoaded && inside && isElsewhere(inside, wanted)) inside.replace(wanted);
        } catch {
            // It is at another site, and stays there.
        }
    }, [wanted, isLoaded]);

    const follow = () => {
        const inside = frame.current?.contentWindow;
        if (!inside) return;
        const mirror = () => {
            const next = framedAddress(inside.location, latest.current);
            if (next && next !== window.location.pathname + window.location.search + window.location.hash) navigate(next, { replace: true });
        };
        try {
            mirror();
            for (const event of ["click", "hashchange", "popstate"]) inside.addEventListener(event, () => setTimeout(mirror));
        } catch {
            // It went to another site, whose address is not ours to know.
        }
        setLoaded(true);
    };
    return (
        <div className="app-frame">
            <h1 className="visually-hidden">{title}</h1>
            {!isLoaded && <Skeleton rows={6} label={`Loading ${title}`} tall />}
            <iframe ref={frame} title={title} src={first} onLoad={follow} />
        </div>
    );
}
