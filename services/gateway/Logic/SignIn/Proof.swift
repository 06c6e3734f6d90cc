import Foundation
import HTTPKit
import KubeModel
import NIOHTTP1

/// By what a request's sender is known.
enum Proof: Sendable {
    /// The cookie of a browser that signed in here.
    case session(Session)

    /// Who that is.
    var identity: UserIdentity {
        switch self {
        case .session(let session): session.identity
        }
    }
}

/// What a proof may be used for; sessions may all.
enum Scope: String, Sendable, CaseIterable {
    /// Reading from the platform's API.
    case read
    /// Changing things by the platform's API; includes reading.
    case write
    /// Opening notebooks, which then do what they do.
    case notebooks
}

extension GatewayCore {
    /// Who sent a request, nil for nobody.
    ///
    /// - Throws: ``APIError`` when it brings a proof that does not hold.
    func proof(of request: HTTPRequest) async throws -> Proof? {
        if let session = session(of: request) { return .session(session) }
        return nil
    }

    /// Who opens a notebook's page, nil for nobody.
    func visitor(of request: HTTPRequest, scope: Scope) async throws -> UserIdentity? {
        if let session = session(of: request) { return session.identity }
        return try await proof(of: request)?.identity
    }

    /// True while what a long answer was begun with still holds.
    func isStillValid(_ caller: Caller) async throws -> Bool {
        switch caller.proof {
        case .session(let session): sessions.session(session.id) != nil
        }
    }

    /// The CSRF token that goes with a proof; nil for those that no browser sends by itself.
    func csrfToken(_ proof: Proof, _ request: HTTPRequest? = nil) -> String? {
        switch proof {
        case .session(let session): sessions.csrfToken(session)
        }
    }

    /// True when the browser came by HTTPS, so that cookies may be kept to that.
    func isSecure(_ request: HTTPRequest) -> Bool { request.peer.isTLS }

    /// Where the sender is, as far as it can be known.
    func address(of request: HTTPRequest) -> String? { request.peer.address }
}
