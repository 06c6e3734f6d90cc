/** Runs before the first paint, as a file of its own because the content policy forbids inline scripts. */
{
    const root = document.documentElement;
    const read = (key: string) => {
        try {
            return localStorage.getItem(key);
        } catch {
            return null;
        }
    };
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
        const theme = read("martlet.theme");
        root.dataset.theme = theme === "light" || theme === "dark" ? theme : system.matches ? "dark" : "light";
    };
    apply();
    system.addEventListener("change", apply);
    // Another tab may have changed the preference.
    window.addEventListener("storage", apply);
    if (read("martlet.density") === "compact") root.dataset.density = "compact";
    if (read("martlet.navigation") === "narrow") root.dataset.navigation = "narrow";
}
export {};
