import ControllerKit
import HTTPKit
import KubeClient
import KubeModel
import NIOHTTP1

/// Streams, logs and downloads can take longer than the session, token or role lasts that they were begun with. They end with it.
extension GatewayCore {
    /// How often it is looked at: what has ended is noticed about a second later.
    private static let interval = Duration.seconds(1)
    /// How often roles are asked about that nobody has told to have changed.
    private static let longest = Duration.seconds(60)

    /// A body that goes on while its caller is who they were, and may have it. After that its connection is cut, so that nobody takes
    /// the part that came for the whole.
    ///
    /// - Parameters:
    ///   - caller: who asked.
    ///   - endsAtStop: ends it as if there was no more when the gateway stops, for what has no end of its own.
    ///   - isAllowed: asks whether the caller may have it; throws an ``APIError`` below 500 for no as well.
    ///   - body: sends it.
    /// - Returns: the body of an answer.
    func stream(
        to caller: Caller, endsAtStop: Bool = false, while isAllowed: @escaping @Sendable () async throws -> Bool,
        _ body: @escaping @Sendable (HTTPBodyWriter) async throws -> Void
    ) -> HTTPResponse.Body {
        held(body, endsAtStop: endsAtStop, while: { try await isStillValid(caller) }, and: isAllowed)
    }

    /// What a workspace answers, for as long as its visitor may be there.
    func held(_ response: HTTPResponse, from workspace: Workspace, to request: HTTPRequest) -> HTTPResponse {
        guard case .stream(let body) = response.body else { return response }
        var response = response
        let isEndless = response.headers.first(name: "content-type")?.hasPrefix("text/event-stream") ?? false
        response.body = held(body, endsAtStop: isEndless) {
            try await visitor(of: request, scope: .notebooks) != nil
        } and: {
            guard let identity = try await visitor(of: request, scope: .notebooks) else { return false }
            return try await allows(identity, in: workspace)
        }
        return response
    }

    private func held(
        _ body: @escaping @Sendable (HTTPBodyWriter) async throws -> Void, endsAtStop: Bool,
        while isValid: @escaping @Sendable () async throws -> Bool,
        and isAllowed: @escaping @Sendable () async throws -> Bool
    ) -> HTTPResponse.Body {
        .stream { writer in
            try await withThrowingTaskGroup { group in
                group.addTask { try await body(writer) }
                group.addTask { try await watch(isValid, isAllowed) }
                if endsAtStop { group.addTask { try await stopping.wait() } }
                try await group.next()
                group.cancelAll()
            }
        }
    }

    /// Returns never; throws once somebody may not go on, or the task is cancelled.
    private func watch(
        _ isValid: @Sendable () async throws -> Bool, _ isAllowed: @Sendable () async throws -> Bool
    ) async throws {
        var changes = reviews.changeCount
        var askedAt = ContinuousClock.now
        while true {
            try await Task.sleep(for: Self.interval)
            do {
                guard try await isValid() else { throw APIError(.unauthorized, "the session has ended") }
                let now = reviews.changeCount
                guard now != changes || askedAt + Self.longest < .now else { continue }
                (changes, askedAt) = (now, .now)
                guard try await isAllowed() else { throw APIError(.forbidden, "the role was taken away") }
            } catch let error as APIError where error.code >= 500 {
                continue  // nobody could be asked just now
            }
        }
    }
}

/// What a request to the Kubernetes API asks for, as an access review names it.
struct KubeAction: Sendable, Equatable {
    var verb: String
    var type: ResourceType
    var subresource: String?
    var namespace: String?
    var name: String?

    /// Reads a `GET` of `/api/v1/...` or `/apis/{group}/{version}/...`; nil for what is no object, such as `/version`.
    ///
    /// - Parameters:
    ///   - path: without the query.
    ///   - isWatch: whether changes are asked for.
    init?(reading path: String, isWatch: Bool) {
        var segments = path.split(separator: "/").map(String.init)[...]
        guard let root = segments.popFirst() else { return nil }
        var group = ""
        if root == "apis" {
            guard let named = segments.popFirst() else { return nil }
            group = named
        } else if root != "api" {
            return nil
        }
        guard let version = segments.popFirst() else { return nil }
        if segments.first == "namespaces", segments.count > 2 {
            namespace = segments.dropFirst().first
            segments = segments.dropFirst(2)
        }
        guard let plural = segments.popFirst() else { return nil }
        name = segments.popFirst()
        subresource = segments.popFirst()
        type = ResourceType(group, version, plural, "")
        verb = isWatch ? "watch" : name == nil ? "list" : "get"
    }
}
