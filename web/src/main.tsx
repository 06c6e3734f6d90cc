/** Routes to pages. The frame is in this bundle; every section is a chunk of its own. */

import { lazy, StrictMode, Suspense, useEffect, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { ownPage, routeOf, type Route } from "./lib/routes";
import { ErrorBoundary } from "./parts/ErrorBoundary";
import { Skeleton } from "./parts/Feedback";
import { Logo } from "./parts/Logo";
import { NotebookActionsProvider } from "./parts/NotebookActions";
import { navigate, useAddress } from "./parts/router";
import { SessionProvider } from "./parts/session";
import { Shell } from "./parts/Shell";
import { ToastProvider } from "./parts/Toasts";
import { HomePage } from "./pages/HomePage";
import { SignOutPage } from "./pages/SignOutPage";
import { NotFoundPage } from "./pages/NotFoundPage";

const NotebooksPage = lazy(() => import("./pages/NotebooksPage"));
const NewNotebookPage = lazy(() => import("./pages/NewNotebookPage"));
const NotebookPage = lazy(() => import("./pages/NotebookPage"));
const VolumesPage = lazy(() => import("./pages/VolumesPage"));
const ContributorsPage = lazy(() => import("./pages/ContributorsPage"));
const ActivityPage = lazy(() => import("./pages/ActivityPage"));
const AccountPage = lazy(() => import("./pages/AccountPage"));
const AdminProfilesPage = lazy(() => import("./pages/AdminProfilesPage"));
const AdminWorkspacesPage = lazy(() => import("./pages/AdminWorkspacesPage"));
const AdminAuditPage = lazy(() => import("./pages/AdminAuditPage"));
const FramePage = lazy(() => import("./pages/FramePage"));

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
    case "contributors": return { title: "Contributors", page: <ContributorsPage /> };
    case "activity": return { title: "Activity", page: <ActivityPage /> };
    case "account": return { title: "Account", page: <AccountPage /> };
    case "logout": return { title: "Sign out", page: <SignOutPage /> };
    case "admin-profiles": return { title: "Profiles", page: <AdminProfilesPage /> };
    case "admin-workspaces": return { title: "Workspaces", page: <AdminWorkspacesPage /> };
    case "admin-audit": return { title: "Audit log", page: <AdminAuditPage /> };
    case "frame": return framed(route.target);
    case "not-found": return { title: "Page not found", page: <NotFoundPage path={route.path} /> };
    }
}

/** Applications of Kubeflow's that are pages of ours are shown as such; notebooks are never put into our frame. */
function framed(target: string): { title: string; page: ReactNode } {
    const own = ownPage(target);
    if (own) return { title: "", page: <Moved to={own} /> };
    if (/^\/notebook\//.test(target)) return { title: "Not shown here", page: <NotFoundPage path={target} /> };
    return { title: "Application", page: <FramePage key={target.split(/[?#]/)[0]} target={target} /> };
}

function Moved({ to }: { to: string }) {
    useEffect(() => navigate(to, { replace: true }), [to]);
    return null;
}

/** An application's link to `/logout` concerns the whole page. */
function LeaveFrame() {
    useEffect(() => { window.top?.location.replace("/logout"); }, []);
    return null;
}

/** In somebody's frame there is no room for our navigation, and what is asked for is not a page of ours. */
const isFramed = window.parent !== window;

function App() {
    const { path } = useAddress();
    const route = routeOf(path);
    if (isFramed) return <main className="lone">{route.page === "logout" ? <LeaveFrame /> : <NotFoundPage path={path} />}</main>;
    const { title, page } = pageOf(route);
    return (
        <ToastProvider>
            <SessionProvider route={route} waiting={<div className="splash" role="status" aria-label="Loading Martlet"><Logo size={40} /></div>}>
                {(namespace) => (
                    <NotebookActionsProvider>
                        <Shell route={route} title={title}>
                            <ErrorBoundary scope={`${path} ${namespace}`}>
                                <Suspense fallback={<div className="page"><Skeleton rows={6} label="Loading" /></div>}>
                                    {route.page === "notebook" || route.page === "frame" ? page : <div key={namespace} className="keyed">{page}</div>}
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
