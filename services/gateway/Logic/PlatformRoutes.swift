import HTTPKit
import KubeClient
import KubeModel
import NIOCore
import NIOHTTP1

/// `/api`: what the page needs besides notebooks, and the Kubernetes API itself, as the user.
struct PlatformRoutes: Sendable {
    /// What the API server takes at most.
    private static let bodyLimit = 3 << 20

    let core: GatewayCore

    func register(on router: inout Router) {
        router.add("*", "/api/k8s/{path*}") { request, _ in try await forward(core.caller(of: request)) }
        router.add("GET", "/api/logs/{ns}/{pod}/{container}") { request, values in
            try await logs(core.caller(of: request), values)
        }
        router.add("GET", "/api/quota") { request, _ in try await quota(core.caller(of: request)) }
        router.add("GET", "/api/stream") { request, _ in
            try await EventStream(core: core, caller: core.caller(of: request)).response()
        }
    }

    // MARK: The Kubernetes API

    private func forward(_ caller: Caller) async throws -> HTTPResponse {
        let target = String(caller.request.target.dropFirst("/api/k8s".count))
        try Self.check(target: target)
        let body = try await caller.request.body.collect(upTo: Self.bodyLimit)
        var headers: [(name: String, value: String)] = []
        for name in ["accept", "content-type", "if-none-match", "if-match"] {
            let values = caller.request.headers[name]
            if !values.isEmpty { headers.append((name, values.joined(separator: ", "))) }
        }
        let response = try await caller.client.send(
            KubeRequest(
                caller.request.method, target, headers: headers, body: body.readableBytes > 0 ? body : nil))
        var answer = HTTPResponse(status: response.status)
        for name in ["content-type", "warning", "etag", "retry-after", "audit-id"] {
            for (_, value) in response.headers.filter({ $0.name == name }) {
                answer.headers.add(name: name, value: value)
            }
        }
        answer.body = core.stream(to: caller, endsAtStop: Self.isOn("watch", caller) || Self.isOn("follow", caller)) {
            try await mayGoOn(caller)
        } _: { writer in
            for try await chunk in response.body { try await writer.write(chunk) }
        }
        return answer
    }

    /// Asks for a long answer of the API server, which asks only at its beginning.
    private func mayGoOn(_ caller: Caller) async throws -> Bool {
        let request = caller.request
        let isWatch = Self.isOn("watch", caller)
        guard request.method == "GET",
            let action = KubeAction(reading: String(request.path.dropFirst("/api/k8s".count)), isWatch: isWatch)
        else { return true }
        return try await core.reviews.allows(
            caller.identity, to: action.verb, action.type, subresource: action.subresource,
            namespace: action.namespace, name: action.name)
    }

    /// Whether a field of the query asks for an answer that goes on.
    private static func isOn(_ field: String, _ caller: Caller) -> Bool {
        caller.request.query(field).map { $0 != "0" && $0 != "false" } ?? false
    }

    /// Only the API's own paths, and none that would show a Pod's pages under our origin.
    static func check(target: String) throws {
        let path = target.prefix { $0 != "?" }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard let root = segments.first, ["api", "apis", "version", "openapi"].contains(root) else {
            throw APIError(.notFound, "the path \(path) is not part of the Kubernetes API")
        }
        for segment in segments {
            guard let decoded = PercentEncoding.decode(segment), decoded != "..", decoded != ".",
                !decoded.contains("/"), !decoded.utf8.contains(where: { $0 < 0x20 })
            else { throw APIError(.badRequest, "the path \(path) is not possible") }
            if ["proxy", "exec", "attach", "portforward"].contains(decoded), segments.count > 4 {
                throw APIError(.forbidden, "'\(decoded)' is not possible through the gateway")
            }
        }
    }

    // MARK: Logs and quota

    private func logs(_ caller: Caller, _ values: RouteParameters) async throws -> HTTPResponse {
        let follow = Self.isOn("follow", caller)
        let tail = caller.request.query("tail").flatMap { Int($0) }.map { min(max($0, 0), 100_000) }
        let response = try await caller.client.logs(
            pod: values["pod"], namespace: values["ns"], container: values["container"], follow: follow,
            tailLines: tail, previous: caller.request.query("previous") == "1")
        guard response.status < 400 else {
            let bytes = try await response.collect(upTo: 1 << 20)
            throw APIError(status: (try? JSON(parsing: bytes)) ?? [:], code: response.status)
        }
        return HTTPResponse(
            status: 200, headers: ["content-type": "text/plain; charset=utf-8", "x-accel-buffering": "no"],
            body: core.stream(to: caller, endsAtStop: follow) {
                try await core.reviews.allows(
                    caller.identity, to: "get", .pods, subresource: "log", namespace: values["ns"], name: values["pod"])
            } _: { writer in
                for try await chunk in response.body { try await writer.write(chunk) }
            })
    }

    private func quota(_ caller: Caller) async throws -> HTTPResponse {
        guard let namespace = caller.request.query("ns"), !namespace.isEmpty else {
            throw APIError(.badRequest, "name a namespace: /api/quota?ns=NAME")
        }
        var hard: JSON = [:]
        var used: JSON = [:]
        for quota in try await caller.client.list(.resourceQuotas, namespace: namespace).items {
            for (resource, limit) in quota.status["hard"]?.object ?? quota.spec["hard"]?.object ?? [:] {
                // Of several limits the lowest one counts.
                if let known = Quantity(hard[resource]), let new = Quantity(limit), known <= new { continue }
                hard[resource] = limit
                used[resource] = quota.status["used"]?[resource] ?? "0"
            }
        }
        return .json(["hard": hard, "used": used])
    }
}
