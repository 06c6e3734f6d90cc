/**
 * The library that framed applications load as `/dashboard_lib.bundle.js`: it tells them which namespace is chosen.
 * Names and messages are those of Kubeflow's dashboard. Unlike there, messages are exchanged with our own origin only.
 */

export {};

type Handler = (value: never) => void;

const origin = window.location.origin;

class EventHandler {
    private connected: (() => void) | null = null;
    private selected: ((namespace: string) => void) | null = null;
    private allSelected: ((namespaces: string[]) => void) | null = null;
    private source: Window | null = null;
    private readonly listener = (event: MessageEvent<{ type?: string; value?: unknown }>): void => {
        if (event.origin !== origin) return;
        switch (event.data?.type) {
        case "parent-connected": this.connected?.(); break;
        case "namespace-selected": this.selected?.(event.data.value as string); break;
        case "all-namespaces": this.allSelected?.(event.data.value as string[]); break;
        }
    };

    /**
     * Calls back with this handler and whether the page is framed or was opened by a framed one, then connects. A page
     * that is neither goes into the dashboard's frame, where the settings say so.
     */
    init(callback: (handler: EventHandler, isIframed: boolean) => void, disableForceIframe = false): void {
        const isIframed = window.location.href !== window.parent.location.href;
        const isOpened = window.opener !== null && window.opener !== undefined;
        callback(this, isIframed || isOpened);
        if (isIframed) this.attach(window, window.parent);
        else if (isOpened) this.attachToOpener(window.opener as Window);
        else if (!disableForceIframe) void this.enterFrame();
    }

    set onParentConnected(handler: Handler | null) { this.connected = handler as (() => void) | null; }
    set onNamespaceSelected(handler: ((namespace: string) => void) | null) { this.selected = handler; }
    set onAllNamespacesSelected(handler: ((namespaces: string[]) => void) | null) { this.allSelected = handler; }

    /** Listens no more. */
    detach(): void {
        this.source?.removeEventListener("message", this.listener);
        this.source = null;
    }

    private attach(source: Window, target: Window): void {
        this.source = source;
        source.addEventListener("message", this.listener);
        target.postMessage({ type: "iframe-connected" }, origin);
    }

    private attachToOpener(opener: Window): void {
        try {
            this.attach(opener, opener.parent);
        } catch {
            return;  // Opened by another site, which is not asked for anything.
        }
        window.addEventListener("beforeunload", () => this.detach());
    }

    private async enterFrame(): Promise<void> {
        const response = await fetch("/api/dashboard-settings", { credentials: "same-origin" }).catch(() => null);
        if (!response?.ok) return;
        const settings = await response.json() as { DASHBOARD_FORCE_IFRAME?: boolean };
        if (!settings.DASHBOARD_FORCE_IFRAME) return;
        window.location.replace(`${origin}/_${window.location.href.slice(origin.length)}`);
    }
}

// One for the page, under the names that applications use.
Object.assign(window, { centraldashboard: { CentralDashboardEventHandler: new EventHandler() } });
