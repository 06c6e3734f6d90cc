import { Component, type ReactNode } from "react";
import { Problem } from "./Feedback";

/** A page that breaks says so in its place; navigation and the other pages go on. A new `scope` is a new chance. */
export class ErrorBoundary extends Component<{ scope: string; children: ReactNode }, { error: Error | null; scope: string }> {
    override state = { error: null as Error | null, scope: this.props.scope };

    static getDerivedStateFromError(error: Error) {
        return { error };
    }

    static getDerivedStateFromProps(props: { scope: string }, state: { scope: string }) {
        return props.scope === state.scope ? null : { error: null, scope: props.scope };
    }

    override render() {
        const { error } = this.state;
        if (!error) return this.props.children;
        // A chunk that is gone means that a newer version was installed: only loading the page anew helps.
        const outdated = /dynamically imported module|Importing a module/.test(error.message);
        const detail = Object.assign(new Error(outdated ? "Martlet was updated since this page was loaded." : error.message));
        const retry = () => (outdated ? window.location.reload() : this.setState({ error: null }));
        return <Problem title={outdated ? "Load the page again" : "This page failed"} error={detail} retry={retry} />;
    }
}
