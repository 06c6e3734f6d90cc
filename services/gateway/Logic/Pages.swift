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

    /// Any page: title, sentences, perhaps a command, a link, and a reload after some seconds.
    static func page(
        status: Int, title: String, lines: [String], code: String? = nil, link: (text: String, target: String)? = nil,
        reloadSeconds: Int? = nil
    ) -> HTTPResponse {
        let nonce = Base64URL.encode(Secrets.random(12))
        var body = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        body += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        if let reloadSeconds { body += "<meta http-equiv=\"refresh\" content=\"\(reloadSeconds)\">\n" }
        body += "<title>\(escape(title))</title>\n<style nonce=\"\(nonce)\">\(style)</style>\n</head>\n<body>\n<main>\n"
        if reloadSeconds != nil { body += "<div class=\"busy\" role=\"progressbar\" aria-label=\"Waiting\"></div>\n" }
        body += "<h1>\(escape(title))</h1>\n"
        for line in lines { body += "<p>\(escape(line))</p>\n" }
        if let code { body += "<pre>\(escape(code))</pre>\n" }
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
        text.reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.append(character)
            }
        }
    }

    private static let style = """
        :root{color-scheme:light dark;--text:#1b2430;--soft:#5a6675;--back:#f6f7f9;--card:#fff;--line:#dfe3e8;--mark:#1f6feb}
        @media(prefers-color-scheme:dark){:root{--text:#e6eaf0;--soft:#9aa6b5;--back:#0f141a;--card:#171e26;--line:#2a333e;--mark:#6ea8ff}}
        *{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:24px;background:var(--back);
        color:var(--text);font:16px/1.5 system-ui,sans-serif}main{width:100%;max-width:32rem;padding:32px;background:var(--card);
        border:1px solid var(--line);border-radius:12px}h1{margin:0 0 12px;font-size:1.35rem;line-height:1.3}p{margin:0 0 12px;
        color:var(--soft);overflow-wrap:anywhere}pre{margin:0;padding:12px 14px;background:var(--back);border:1px solid var(--line);
        border-radius:8px;overflow-x:auto}a{color:var(--mark)}a:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
        .busy{height:3px;margin:-32px -32px 29px;border-radius:12px 12px 0 0;overflow:hidden;background:var(--line)}
        .busy::after{content:"";display:block;width:35%;height:100%;background:var(--mark);animation:run 1.4s ease-in-out infinite}
        @keyframes run{from{transform:translateX(-100%)}to{transform:translateX(300%)}}
        @media(prefers-reduced-motion:reduce){.busy::after{animation:none;width:100%}}
        """
}
