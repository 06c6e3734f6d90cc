import KubeModel
import Testing

@testable import ClusterAPI

@Suite("Links of proxied answers")
struct ProxyLinksTests {
    private let links = ProxyLinks(prefix: "/api/v1/pods/p/proxy", target: "10.0.0.7:8080", host: "me:6443")

    @Test(
        "lead through the proxy when they are the target's own",
        arguments: [
            ("/a?b=c#d", "/api/v1/pods/p/proxy/a?b=c#d"), ("a/b", "a/b"), ("#x", "#x"), ("", ""),
            ("http://10.0.0.7:8080/a", "/api/v1/pods/p/proxy/a"),
            ("http://me:6443/a", "http://me:6443/api/v1/pods/p/proxy/a"),
            ("//me:6443/a", "//me:6443/api/v1/pods/p/proxy/a"), ("https://example.com/a", "https://example.com/a"),
            ("//cdn.example.com/x.js", "//cdn.example.com/x.js"), ("mailto:a@b", "mailto:a@b"),
            ("/api/v1/pods/p/proxy/a", "/api/v1/pods/p/proxy/a"),
        ])
    func link(_ link: String, wanted: String) { #expect(links.rewritten(link) == wanted) }

    @Test(
        "change in attributes of start tags only",
        arguments: [
            ("<A HREF='/b?c=1&amp;d'>x</A>", "<A HREF='/api/v1/pods/p/proxy/b?c=1&amp;d'>x</A>"),
            (
                "<img src=/i.png><img\nalt=\"/\" src = \"/j\">",
                "<img src=/api/v1/pods/p/proxy/i.png><img\nalt=\"/\" src = \"/api/v1/pods/p/proxy/j\">"
            ),
            ("<!-- <a href=\"/c\"> --></a><p title=\"/\">/x</p>", "<!-- <a href=\"/c\"> --></a><p title=\"/\">/x</p>"),
            (
                "<script src=\"/x\">\"<a href='/n'>\"</script><a href=\"/y\">",
                "<script src=\"/api/v1/pods/p/proxy/x\">\"<a href='/n'>\"</script><a href=\"/api/v1/pods/p/proxy/y\">"
            ),
            ("<a href", "<a href"), ("<a href=", "<a href="), ("<a href=\"/x", "<a href=\"/api/v1/pods/p/proxy/x"),
            ("<a =/ = href=/>", "<a =/ = href=/api/v1/pods/p/proxy/>"), ("1 < 2 <", "1 < 2 <"), ("<!--", "<!--"),
        ])
    func page(_ page: String, wanted: String) {
        #expect(String(decoding: links.rewritten(html: Array(page.utf8)), as: UTF8.self) == wanted)
    }
}

@Suite("Targets of proxied requests")
struct ProxyTargetTests {
    @Test("are named with or without scheme and port")
    func names() {
        #expect(ProxyName("p").map { [$0.scheme, $0.name, $0.port] } == ["", "p", ""])
        #expect(ProxyName("p:80").map { [$0.scheme, $0.name, $0.port] } == ["", "p", "80"])
        #expect(ProxyName("https:p:").map { [$0.scheme, $0.name, $0.port] } == ["https", "p", ""])
        for wrong in ["", ":80", "ftp:p:80", "a:b:c:d", "http::80"] { #expect(ProxyName(wrong) == nil) }
    }

    @Test("are neither this machine nor its link")
    func addresses() {
        for ip in ["10.0.0.7", "192.168.1.1", "fd00::2", "::ffff:10.0.0.7", "2001:db8::1"] {
            #expect((try? APIServer.reachable(ip)) == ip)
        }
        for ip in [
            "", "x", "127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "::1",
            "::", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "239.255.0.1", "127.0.0.01", "010.0.0.7", "febf::1",
        ] {
            #expect(throws: APIError.self) { try APIServer.reachable(ip) }
        }
    }
}
