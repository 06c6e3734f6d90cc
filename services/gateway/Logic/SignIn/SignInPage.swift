import HTTPKit
import Identity
import NIOHTTP1

/// The page where people sign in: a form, a way to the identity provider, and how to get a link. Works without scripts.
struct SignInPage {
    /// Cookie by which a form is known to be ours, so that no other site signs a browser in.
    static let formCookie = "martlet_form"

    static let refused = "The name or the password is not right."
    static let outOfDate = "This form was out of date. Please try once more."

    static func locked(seconds: Int) -> String {
        let wait = seconds < 90 ? "\(seconds) seconds" : "\((seconds + 59) / 60) minutes"
        return "Too many attempts did not work. Try again in \(wait)."
    }

    var hasPasswords = false
    /// What the identity provider is called; nil for none.
    var provider: String?
    /// True when links can be made on the machine itself.
    var hasLinks = true
    var next = "/"
    var user = ""
    var problem: String?
    /// Proves that a form is ours.
    var formCode = ""
    /// Origins to which the way may lead on: browsers hold redirects behind a form to the policy of the page that had it.
    var workspaces: [String] = []

    /// The page, with a policy that lets nothing else in.
    func response(status: Int) -> HTTPResponse {
        let nonce = Base64URL.encode(Secrets.random(12))
        var response = HTTPResponse.html(html(nonce: nonce), status: status)
        response.headers.add(name: "cache-control", value: "no-store")
        response.headers.add(name: "x-content-type-options", value: "nosniff")
        response.headers.add(name: "referrer-policy", value: "same-origin")
        response.headers.add(
            name: "content-security-policy",
            value: "default-src 'none'; style-src 'nonce-\(nonce)'; frame-ancestors 'none'; base-uri 'none'; "
                + (["form-action 'self'"] + workspaces).joined(separator: " "))
        return response
    }

    private func html(nonce: String) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Sign in · Martlet</title>
        <style nonce="\(nonce)">\(Self.style)</style>
        </head>
        <body>
        <main>
        <p class="brand"><svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true"><rect width="32" height="32" rx="8" \
        fill="#3451d1"/><path fill="#fff" transform="translate(3.5 3.5) scale(.78) rotate(42 16 16)" d="\(Self.mark)"/></svg>Martlet</p>
        <h1>Sign in</h1>
        \(problem.map { "<p class=\"problem\" role=\"alert\">\(Pages.escape($0))</p>" } ?? "")
        \(hasPasswords ? form : "")
        \(providerLink)
        \(links)
        </main>
        </body>
        </html>

        """
    }

    private var form: String {
        let isAgain = !user.isEmpty
        return """
            <form method="post" action="/login">
            <input type="hidden" name="form" value="\(Pages.escape(formCode))">
            <input type="hidden" name="next" value="\(Pages.escape(next))">
            <label for="user">Name</label>
            <input id="user" name="user" value="\(Pages.escape(user))" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="256" required\(isAgain ? "" : " autofocus")>
            <label for="password">Password</label>
            <input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required\(isAgain ? " autofocus" : "")>
            <button type="submit" class="primary">Sign in</button>
            </form>
            """
    }

    private var providerLink: String {
        guard let provider else { return "" }
        let target = "/login/oidc?next=\(PercentEncoding.encode(next))"
        return (hasPasswords ? "<p class=\"or\"><span>or</span></p>\n" : "")
            + "<a class=\"\(hasPasswords ? "plain" : "primary")\" href=\"\(Pages.escape(target))\">"
            + "Continue with \(Pages.escape(provider))</a>"
    }

    private var links: String {
        guard hasLinks else { return "" }
        let command = "<pre>martlet login url</pre>"
        if hasPasswords || provider != nil {
            return "<details><summary>No password at hand?</summary>"
                + "<p>Get a sign-in link on the machine that runs Martlet and open it in this browser:</p>\(command)</details>"
        }
        return "<p>You are not signed in, or your session has ended.</p>"
            + "<p>Get a fresh sign-in link on the machine that runs Martlet and open it in this browser:</p>\(command)"
    }

    /// The mark of the page (`web/public/martlet.svg`).
    private static let mark =
        "M16 4.6c1.3 0 2.1 1 2.4 2.4.2.9.5 1.4 1.3 1.7 5 1 9.3 4 11.5 9.3-3.6-3-7.6-4-11.6-3.2-.5 2.6-.9 4.7-.8 6.6"
        + "l2.4 8.6-5.2-5.6-5.2 5.6 2.4-8.6c.1-1.9-.3-4-.8-6.6-4-.8-8 .2-11.6 3.2C3 12.7 7.3 9.7 12.3 8.7c.8-.3 1.1-.8 1.3-1.7"
        + ".3-1.4 1.1-2.4 2.4-2.4z"

    /// The page's own tokens (`web/src/styles/tokens.css`), as far as they are needed here.
    private static let style = """
        :root{color-scheme:light dark;--ground:#f7f8fa;--raised:#fff;--line:#e5e7ec;--line-strong:#cfd3dc;--text:#15181f;--muted:#5a6272;
        --accent:#3451d1;--accent-hover:#2a43b4;--accent-text:#2f4ac4;--on-accent:#fff;--focus:#5b78f5;--bad:#b42323;--bad-ground:#fdeceb;
        --hover:#f0f1f5;--shadow:0 1px 2px rgb(16 20 32/6%)}
        @media(prefers-color-scheme:dark){:root{--ground:#0b0d12;--raised:#181b23;--line:#252a36;--line-strong:#3a4150;--text:#e8eaf0;
        --muted:#9ba3b4;--accent:#4a66e8;--accent-hover:#5b76f3;--accent-text:#94a8ff;--focus:#7b93ff;--bad:#ff8b85;--bad-ground:#331616;
        --hover:#1d212b;--shadow:0 1px 2px rgb(0 0 0/40%)}}
        *{box-sizing:border-box}html{-webkit-text-size-adjust:100%}body{margin:0;min-height:100vh;min-height:100dvh;display:grid;
        place-items:center;padding:24px 16px;background:var(--ground);color:var(--text);font:400 14px/1.5 system-ui,-apple-system,"Segoe UI",
        Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif}main{width:100%;max-width:368px;padding:32px;background:var(--raised);
        border:1px solid var(--line);border-radius:12px;box-shadow:var(--shadow)}.brand{display:flex;align-items:center;gap:8px;margin:0 0 24px;
        color:var(--text);font-weight:600;font-size:16px}h1{margin:0 0 16px;font-size:22px;line-height:1.25;
        font-weight:600;letter-spacing:-.015em}p{margin:0 0 12px;color:var(--muted);overflow-wrap:anywhere}form{display:grid;gap:4px}
        label{font-weight:500}input:not([type=hidden]){width:100%;height:38px;margin-bottom:12px;padding:0 10px;color:inherit;font:inherit;
        background:var(--raised);border:1px solid var(--line-strong);border-radius:8px}button,a.primary,a.plain{display:flex;width:100%;
        height:38px;align-items:center;justify-content:center;margin-top:4px;padding:0 14px;font:inherit;font-weight:500;text-decoration:none;
        text-align:center;border:1px solid transparent;border-radius:8px;cursor:pointer}.primary{background:var(--accent);color:var(--on-accent)}
        .primary:hover{background:var(--accent-hover)}a.plain{color:var(--text);background:var(--raised);border-color:var(--line-strong)}
        a.plain:hover{background:var(--hover)}.or{display:flex;align-items:center;gap:12px;margin:16px 0 12px}.or::before,.or::after{content:"";
        flex:1;height:1px;background:var(--line)}.problem{padding:10px 12px;color:var(--bad);background:var(--bad-ground);border-radius:8px}
        details{margin-top:20px;color:var(--muted);font-size:12.5px}summary{cursor:pointer;padding:4px 0}details p{margin-top:8px}
        pre{margin:0;padding:10px 12px;color:var(--text);background:var(--ground);border:1px solid var(--line);border-radius:8px;overflow-x:auto;
        font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,"DejaVu Sans Mono","Liberation Mono",monospace}
        :focus-visible{outline:2px solid var(--focus);outline-offset:2px}@media(max-width:440px){main{padding:24px 20px}
        input:not([type=hidden]){font-size:16px}}
        """
}

extension GatewayCore {
    /// The page where somebody who asked for something signs in; afterwards it leads there.
    func signInPage(
        _ request: HTTPRequest, next: String? = nil, status: Int = 401, user: String = "", problem: String? = nil
    ) -> HTTPResponse {
        let (code, cookie) = formCode(request)
        let page = SignInPage(
            hasPasswords: users.areThere, provider: provider?.configuration.name,
            hasLinks: configuration.isLoopback, next: next ?? ReturnPath.checked(request.target), user: user,
            problem: problem, formCode: code, workspaces: workspaceOrigins(request))
        var response = page.response(status: status)
        response.headers.add(name: "set-cookie", value: cookie)
        return response
    }
}
