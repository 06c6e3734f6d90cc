/** `/logout`, to which applications and bookmarks lead: signs out when one of our own pages led here, and asks otherwise. */

import { useEffect, useState } from "react";
import { messageOf } from "../api/client";
import { signOut } from "../api/platform";
import { Button } from "../parts/Button";
import { Empty, Note } from "../parts/Feedback";
import { Link } from "../parts/router";

const cameFromHere = () => document.referrer !== "" && new URL(document.referrer).origin === window.location.origin;

export function SignOutPage() {
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const leave = async () => {
        setBusy(true);
        setProblem(null);
        try {
            window.location.replace(await signOut());
        } catch (error) {
            setBusy(false);
            setProblem(messageOf(error));
        }
    };
    useEffect(() => { if (cameFromHere()) void leave(); }, []);
    return (
        <div className="page">
            <h1 className="visually-hidden">Sign out</h1>
            <Empty icon="sign-out" title={busy ? "Signing out" : "Sign out of Martlet?"}
                action={<div className="row-actions"><Button look="primary" busy={busy} onClick={leave}>Sign out</Button><Link to="/" className="button plain"><span>Stay</span></Link></div>}>
                Notebooks go on running, and files on volumes stay.
            </Empty>
            {problem && <Note tone="bad">{problem}</Note>}
        </div>
    );
}
