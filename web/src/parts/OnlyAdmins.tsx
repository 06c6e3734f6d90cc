import type { ReactNode } from "react";
import { Button } from "./Button";
import { Empty } from "./Feedback";
import { navigate } from "./router";
import { useSession } from "./session";

/** The server refuses everybody else anyway; this says so before asking. */
export function OnlyAdmins({ children }: { children: ReactNode }) {
    const { me } = useSession();
    if (me.isAdmin) return <>{children}</>;
    return (
        <div className="page">
            <h1 className="visually-hidden">For administrators</h1>
            <Empty icon="shield" title="For administrators" action={<Button onClick={() => navigate("/")}>Go home</Button>}>
                This page shows what belongs to others. Ask an administrator of the platform for what you need from it.
            </Empty>
        </div>
    );
}
