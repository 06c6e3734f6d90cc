import { isAborted, messageOf } from "../api/client";
import { signOut } from "../api/platform";
import { Segments } from "./Fields";
import { Icon } from "./Icon";
import { Popover } from "./Menu";
import { applyAppearance, usePreference } from "./preferences";
import { Link } from "./router";
import { useSession } from "./session";
import { useToast } from "./Toasts";

export function AccountMenu() {
    const { me } = useSession();
    const toast = useToast();
    const [theme] = usePreference("theme", "system");
    const [density] = usePreference("density", "comfortable");
    const leave = async () => {
        try {
            window.location.assign(await signOut());
        } catch (error) {
            if (!isAborted(error)) toast({ tone: "bad", text: `Signing out failed: ${messageOf(error)}` });
        }
    };
    const initials = me.user.slice(0, 1).toUpperCase();
    return (
        <Popover kind="dialog" label="Account" className="avatar" button={<span aria-hidden="true">{initials}</span>}>
            {(close) => (
                <div className="account">
                    <div className="account-user">
                        <span className="avatar" aria-hidden="true">{initials}</span>
                        <div><strong>{me.user}</strong><span className="muted">{me.isAdmin ? "Administrator" : "Member"}</span></div>
                    </div>
                    <div className="account-row">
                        <span>Theme</span>
                        <Segments label="Theme" value={theme} onChange={(value) => applyAppearance("theme", value)}
                            options={[{ value: "light", label: "Light" }, { value: "dark", label: "Dark" }, { value: "system", label: "System" }]} />
                    </div>
                    <div className="account-row">
                        <span>Density</span>
                        <Segments label="Density" value={density} onChange={(value) => applyAppearance("density", value)}
                            options={[{ value: "comfortable", label: "Comfortable" }, { value: "compact", label: "Compact" }]} />
                    </div>
                    <Link to="/account" className="menu-item" onClick={close}><Icon name="user" />Account and tokens</Link>
                    <button type="button" className="menu-item" onClick={leave}><Icon name="sign-out" />Sign out</button>
                </div>
            )}
        </Popover>
    );
}
