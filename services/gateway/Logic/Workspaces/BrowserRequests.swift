import HTTPKit
import KubeModel
import NIOHTTP1

/// What a browser says of a request by itself.
extension HTTPRequest {
    /// True for requests of which a browser says how they came about: all do to this machine and over TLS, but old ones.
    var tellsOfBrowser: Bool { headers.contains(name: "sec-fetch-mode") || headers.contains(name: "sec-fetch-site") }

    /// True for a person who opens something in a tab.
    var isNavigation: Bool {
        guard let mode = headers.first(name: "sec-fetch-mode") else { return wantsPage }
        return mode == "navigate" && ["document", nil].contains(headers.first(name: "sec-fetch-dest"))
    }

    var wantsPage: Bool { headers["accept"].contains { $0.contains("text/html") } }

    /// True for what changes nothing.
    var isReading: Bool { ["GET", "HEAD"].contains(method) }

    /// - Throws: ``APIError`` for what no person caused who opens a workspace in a tab.
    func checkNavigation() throws {
        guard isReading else { throw APIError(.methodNotAllowed, "\(method) is not possible here") }
        guard !headers.contains(name: "sec-fetch-mode") || isNavigation else {
            throw APIError(.forbidden, "only a person who opens a workspace in a tab comes this way")
        }
    }
}
