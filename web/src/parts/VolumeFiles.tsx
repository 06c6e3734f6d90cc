/** Opens the files of a volume, in a viewer that is made when somebody asks for it and closed when nobody needs it. */

import { useState } from "react";
import { messageOf } from "../api/client";
import { createViewer, deleteViewer } from "../api/platform";
import type { VolumeRow } from "../api/types";
import { viewerPath } from "../lib/routes";
import { Button, IconButton } from "./Button";
import { useToast } from "./Toasts";

export function VolumeFiles({ row, namespace, describedBy }: { row: VolumeRow; namespace: string; describedBy: string }) {
    const toast = useToast();
    const [busy, setBusy] = useState(false);
    const browse = async () => {
        // Browsers open tabs only at the very moment of a press.
        const tab = window.open("about:blank", "_blank");
        if (tab) tab.opener = null;
        setBusy(true);
        try {
            const path = viewerPath(namespace, row.viewer?.name ?? await createViewer(namespace, row.name));
            if (tab) tab.location.replace(new URL(path, window.location.href));
            else toast({ tone: "info", text: "The browser did not open a tab. Allow this page to open tabs, and try again." });
        } catch (error) {
            tab?.close();
            toast({ tone: "bad", text: `The files of ${row.name} cannot be shown: ${messageOf(error)}` });
        } finally {
            setBusy(false);
        }
    };
    return <Button small icon="folder" busy={busy} aria-describedby={describedBy} onClick={browse}>Browse files</Button>;
}

/** Ends the viewer of a volume, which takes memory while it runs; the files stay. */
export function CloseViewer({ row, namespace, describedBy }: { row: VolumeRow; namespace: string; describedBy: string }) {
    const toast = useToast();
    const [busy, setBusy] = useState(false);
    const viewer = row.viewer;
    if (!viewer) return null;
    const close = async () => {
        setBusy(true);
        try {
            await deleteViewer(namespace, viewer.name);
            toast({ tone: "good", text: `Closed the files of ${row.name}.` });
        } catch (error) {
            toast({ tone: "bad", text: messageOf(error) });
        } finally {
            setBusy(false);
        }
    };
    return <IconButton label="Close its files" icon="stop" busy={busy} aria-describedby={describedBy} onClick={close} />;
}
