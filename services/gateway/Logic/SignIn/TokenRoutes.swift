import Foundation
import HTTPKit
import KubeModel
import Logging

/// `/api/tokens`: the caller's API tokens. Only somebody who is signed in may manage them, so that a token cannot outlive itself.
struct TokenRoutes: Sendable {
    private static let standardDays = 30

    let core: GatewayCore

    func register(on router: inout Router) {
        router.add("GET", "/api/tokens") { request, _ in try list(await core.person(of: request)) }
        router.add("POST", "/api/tokens") { request, _ in try await create(core.person(of: request)) }
        router.add("DELETE", "/api/tokens/{id}") { request, values in
            try revoke(values["id"], await core.person(of: request))
        }
    }

    private func list(_ caller: Caller) throws -> HTTPResponse {
        let own = try core.tokens.all().filter { $0.user == caller.identity.user }
        return .json(["tokens": .array(try own.map(json))])
    }

    private func create(_ caller: Caller) async throws -> HTTPResponse {
        let body = try await caller.json(limit: 64 << 10)
        let names = (body["scopes"]?.array ?? []).compactMap(\.string)
        let scopes = Set(names.compactMap(TokenScope.init))
        guard scopes.count == Set(names).count, names.count == body["scopes"]?.array?.count ?? 0 else {
            throw APIError(.badRequest, "scopes are read, write and notebooks")
        }
        let days: Int
        switch body["days"] {
        case nil: days = Self.standardDays
        case let given?:
            guard let number = given.int, let exact = Int(exactly: number) else {
                throw APIError(.badRequest, "days is a number")
            }
            days = exact
        }
        do {
            let (token, secret) = try core.tokens.create(
                user: caller.identity.user, groups: caller.identity.groups, name: body["name"]?.string ?? "",
                scopes: scopes, days: days)
            core.logger.info(
                "API token made", metadata: ["user": "\(token.user)", "token": "\(token.id)"])
            var answer = try json(token)
            answer["token"] = .string(secret)
            return .json(answer, status: 201)
        } catch let refusal as APITokens.Refusal {
            throw APIError(.badRequest, refusal.description)
        }
    }

    private func revoke(_ id: String, _ caller: Caller) throws -> HTTPResponse {
        guard try core.tokens.all().contains(where: { $0.id == id && $0.user == caller.identity.user }),
            try core.tokens.revoke(id)
        else { throw APIError(.notFound, "you have no token \(id)") }
        core.logger.info(
            "API token revoked", metadata: ["user": "\(caller.identity.user)", "token": "\(id)"])
        return HTTPResponse(status: 204)
    }

    private func json(_ token: APIToken) throws -> JSON {
        var json: JSON = [
            "id": .string(token.id), "name": .string(token.name),
            "scopes": .array(token.scopes.sorted().map { .string($0.rawValue) }),
            "groups": .array(token.groups.map(JSON.string)), "created": .string(token.created.text),
            "expires": .string(token.expires.text),
        ]
        json["lastUsed"] = try core.tokens.lastUse(of: token).map { .string($0.text) }
        return json
    }
}

extension GatewayCore {
    /// The caller of what only a person who is signed in may do.
    ///
    /// - Throws: ``APIError``, also for programs that bring a token.
    func person(of request: HTTPRequest) async throws -> Caller {
        let caller = try await caller(of: request)
        switch caller.proof {
        case .session, .forwarded: return caller
        case .token, .bearer: throw APIError(.forbidden, "this takes somebody who is signed in, not a token")
        }
    }
}
