import HTTPKit
import Identity
import NIOHTTP1

/// The few pages that the gateway writes itself: signing in, and a notebook that is not there yet.
enum Pages {
    /// Shown for a link that does not work.
    static let linkRefused = page(
        status: 401, title: "This sign-in link does not work",
        lines: [
            "A link works once, and for 15 minutes. This one was used, has expired, or is not complete.",
            "Get a fresh one on the machine that runs Martlet:",
        ], code: "martlet login url")

    /// Any page: title, sentences, what to do, perhaps a command, an address to try again, a link, what happened last, and a reload after
    /// some seconds.
    static func page(
        status: Int, title: String, lines: [String], code: String? = nil, link: (text: String, target: String)? = nil,
        advice: String? = nil, retry: String? = nil, steps: [String] = [], reloadSeconds: Int? = nil
    ) -> HTTPResponse {
        let nonce = Base64URL.encode(Secrets.random(12))
        var body = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        body += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        if let reloadSeconds { body += "<meta http-equiv=\"refresh\" content=\"\(reloadSeconds)\">\n" }
        body += "<title>\(escape(title))</title>\n<style nonce=\"\(nonce)\">\(style)</style>\n</head>\n<body>\n<main>\n"
        if reloadSeconds != nil { body += "<div class=\"busy\" role=\"progressbar\" aria-label=\"Waiting\"></div>\n" }
        body += "<h1>\(escape(title))</h1>\n"
        for line in lines { body += "<p>\(escape(line))</p>\n" }
        if let advice { body += "<p class=\"advice\">\(escape(advice))</p>\n" }
        if let code { body += "<pre>\(escape(code))</pre>\n" }
        if !steps.isEmpty {
            body += "<ul aria-label=\"What happened last\">\n"
            for step in steps { body += "<li>\(escape(step))</li>\n" }
            body += "</ul>\n"
        }
        if let retry { body += "<p><a class=\"button\" href=\"\(escape(retry))\">Try again</a></p>\n" }
        if let link { body += "<p><a href=\"\(escape(link.target))\">\(escape(link.text))</a></p>\n" }
        body += "</main>\n</body>\n</html>\n"
        var response = HTTPResponse.html(body, status: status)
        response.headers.add(name: "cache-control", value: "no-store")
        response.headers.add(name: "x-content-type-options", value: "nosniff")
        response.headers.add(name: "referrer-policy", value: "same-origin")
        response.headers.add(
            name: "content-security-policy",
            value:
                "default-src 'none'; style-src 'nonce-\(nonce)'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
        )
        return response
    }

    static func escape(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { escaped, scalar in
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
    }

    private static let style = """
        :root{color-scheme:light dark;--text:#15181f;--soft:#5a6272;--back:#f7f8fa;--card:#fff;--line:#e5e7ec;--mark:#2f4ac4;
        --accent:#3451d1;--accent-hover:#2a43b4;--on-accent:#fff;--focus:#5b78f5;--shadow:0 1px 2px rgb(16 20 32/6%)}
        @media(prefers-color-scheme:dark){:root{--text:#e8eaf0;--soft:#9ba3b4;--back:#0b0d12;--card:#181b23;--line:#252a36;
        --mark:#94a8ff;--accent:#4a66e8;--accent-hover:#5b76f3;--focus:#7b93ff;--shadow:0 1px 2px rgb(0 0 0/40%)}}
        *{box-sizing:border-box}html{-webkit-text-size-adjust:100%}body{margin:0;min-height:100vh;min-height:100dvh;display:grid;
        place-items:center;padding:24px 16px;background:var(--back);color:var(--text);font:400 14px/1.5 system-ui,-apple-system,
        "Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif}main{width:100%;max-width:30rem;padding:32px;
        background:var(--card);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shadow)}h1{margin:0 0 12px;
        font-size:22px;line-height:1.25;font-weight:600;letter-spacing:-.015em;overflow-wrap:anywhere}p{margin:0 0 12px;
        color:var(--soft);overflow-wrap:anywhere}p:last-child{margin:0}pre{margin:0;padding:10px 12px;background:var(--back);
        border:1px solid var(--line);border-radius:8px;overflow-x:auto;font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,
        "DejaVu Sans Mono","Liberation Mono",monospace}a{color:var(--mark)}:focus-visible{outline:2px solid var(--focus);
        outline-offset:2px}
        a.button{display:inline-flex;align-items:center;height:38px;padding:0 16px;border-radius:8px;background:var(--accent);
        color:var(--on-accent);font-weight:500;text-decoration:none}a.button:hover{background:var(--accent-hover)}
        .advice{color:var(--text);font-weight:500}ul{margin:4px 0 16px;padding:10px 14px;list-style:none;background:var(--back);border:1px solid var(--line);border-radius:8px;
        font-size:13px;color:var(--soft)}li{overflow-wrap:anywhere;padding:3px 0}
        .busy{height:3px;margin:-32px -32px 29px;border-radius:12px 12px 0 0;overflow:hidden;background:var(--line)}
        .busy::after{content:"";display:block;width:35%;height:100%;background:var(--mark);animation:run 1.4s ease-in-out infinite}
        @keyframes run{from{transform:translateX(-100%)}to{transform:translateX(300%)}}
        @media(max-width:440px){main{padding:24px 20px}.busy{margin:-24px -20px 21px}}
        @media(prefers-reduced-motion:reduce){.busy::after{animation:none;width:100%}}
        """
}
