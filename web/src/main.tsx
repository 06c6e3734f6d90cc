/** Routes to pages. The frame is in this bundle; every section is a chunk of its own. */

import { lazy, StrictMode, Suspense, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { routeOf, type Route } from "./lib/routes";
import { ErrorBoundary } from "./parts/ErrorBoundary";
import { Skeleton } from "./parts/Feedback";
import { Logo } from "./parts/Logo";
import { NotebookActionsProvider } from "./parts/NotebookActions";
import { useAddress } from "./parts/router";
import { SessionProvider } from "./parts/session";
import { Shell } from "./parts/Shell";
import { ToastProvider } from "./parts/Toasts";
import { HomePage } from "./pages/HomePage";
import { NotFoundPage } from "./pages/NotFoundPage";

const NotebooksPage = lazy(() => import("./pages/NotebooksPage"));
const NewNotebookPage = lazy(() => import("./pages/NewNotebookPage"));
const NotebookPage = lazy(() => import("./pages/NotebookPage"));
const VolumesPage = lazy(() => import("./pages/VolumesPage"));

function pageOf(route: Route): { title: string; page: ReactNode } {
    switch (route.page) {
    case "home": return { title: "Home", page: <HomePage /> };
    case "notebooks": return { title: "Notebooks", page: <NotebooksPage /> };
    case "new-notebook": return { title: "New notebook", page: <NewNotebookPage /> };
    case "notebook": return {
        title: route.name,
        page: <NotebookPage key={`${route.namespace}/${route.name}`} namespace={route.namespace} name={route.name} tab={route.tab} />,
    };
    case "volumes": return { title: "Volumes", page: <VolumesPage /> };
    case "not-found": return { title: "Page not found", page: <NotFoundPage path={route.path} /> };
    }
}

function App() {
    const { path } = useAddress();
    const route = routeOf(path);
    const { title, page } = pageOf(route);
    return (
        <ToastProvider>
            <SessionProvider route={route} waiting={<div className="splash" role="status" aria-label="Loading Martlet"><Logo size={40} /></div>}>
                {(namespace) => (
                    <NotebookActionsProvider>
                        <Shell route={route} title={title}>
                            <ErrorBoundary scope={`${path} ${namespace}`}>
                                <Suspense fallback={<div className="page"><Skeleton rows={6} label="Loading" /></div>}>
                                    {route.page === "notebook" ? page : <div key={namespace} className="keyed">{page}</div>}
                                </Suspense>
                            </ErrorBoundary>
                        </Shell>
                    </NotebookActionsProvider>
                )}
            </SessionProvider>
        </ToastProvider>
    );
}

const root = document.getElementById("root");
if (root) createRoot(root).render(<StrictMode><App /></StrictMode>);
