import KubeModel
public import Logging
import NIOHTTP1

/// What the `{names}` of a pattern stood for, decoded.
public struct RouteParameters: Sendable {
    private var values: [(name: String, value: String)] = []

    /// Makes parameters, for tests.
    public init(_ values: [(name: String, value: String)] = []) { self.values = values }

    /// The value of `{name}`; the router only calls a handler when it has all of its names.
    public subscript(name: String) -> String { values.first { $0.name == name }?.value ?? "" }

    mutating func append(_ name: String, _ value: String) { values.append((name, value)) }
}

/// Finds the handler for a method and path: `/api/namespaces/{ns}/notebooks/{name}`, or `/files/{path*}` for the rest.
///
/// A thrown ``APIError`` is answered as a `Status`; anything else is logged and answered as a 500 without detail.
public struct Router: Sendable {
    /// Answers a request.
    public typealias Handler = @Sendable (HTTPRequest, RouteParameters) async throws -> HTTPResponse

    private final class Node: Sendable {
        let fixed: [String: Node]
        let parameter: Node?
        let rest: [String: Route]
        let routes: [String: Route]

        init(
            fixed: [String: Node] = [:], parameter: Node? = nil, rest: [String: Route] = [:],
            routes: [String: Route] = [:]
        ) {
            (self.fixed, self.parameter, self.rest, self.routes) = (fixed, parameter, rest, routes)
        }

        func adding(_ segments: ArraySlice<Substring>, method: String, route: Route) -> Node {
            guard let segment = segments.first else {
                return Node(
                    fixed: fixed, parameter: parameter, rest: rest,
                    routes: routes.merging([method: route]) { _, new in new })
            }
            if segment.hasPrefix("{"), segment.hasSuffix("*}") {
                return Node(
                    fixed: fixed, parameter: parameter, rest: rest.merging([method: route]) { _, new in new },
                    routes: routes)
            }
            if segment.hasPrefix("{") {
                let child = (parameter ?? Node()).adding(segments.dropFirst(), method: method, route: route)
                return Node(fixed: fixed, parameter: child, rest: rest, routes: routes)
            }
            var fixed = fixed
            fixed[String(segment)] = (fixed[String(segment)] ?? Node())
                .adding(segments.dropFirst(), method: method, route: route)
            return Node(fixed: fixed, parameter: parameter, rest: rest, routes: routes)
        }
    }

    private struct Route: Sendable {
        let names: [String]
        let handler: Handler
    }

    private enum Match {
        case found(Route, [Substring])
        case otherMethods([String])
        case none
    }

    private var root = Node()
    /// What was added, in that order; `*` is any method.
    public private(set) var routes: [(method: String, pattern: String)] = []
    private let logger: Logger

    /// An empty table.
    public init(logger: Logger) { self.logger = logger }

    /// Adds a handler. `GET` also answers `HEAD`.
    public mutating func add(_ method: String, _ pattern: String, _ handler: @escaping Handler) {
        let segments = pattern.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let names = segments.filter { $0.hasPrefix("{") }.map { $0.trimmingBraces }
        root = root.adding(segments, method: method, route: Route(names: names, handler: handler))
        routes.append((method, pattern))
    }

    /// Answers a request; nil when no pattern fits, so that something else can.
    public func answer(_ request: HTTPRequest) async -> HTTPResponse? {
        let path = request.path
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        switch find(root, segments[...], method: request.method) {
        case .found(let route, let values):
            do {
                return try await route.handler(request, try Self.parameters(route.names, values))
            } catch {
                return response(for: error, of: request)
            }
        case .otherMethods(let methods):
            var response = HTTPResponse.error(
                APIError(.methodNotAllowed, "\(request.method) is not possible here"))
            response.headers.add(name: "allow", value: methods.sorted().joined(separator: ", "))
            return response
        case .none: return nil
        }
    }

    /// Answers a request, with a 404 when no pattern fits.
    public func callAsFunction(_ request: HTTPRequest) async -> HTTPResponse {
        await answer(request) ?? .error(APIError(.notFound, "the path \(request.path) does not exist"))
    }

    /// The answer for a failure: a `Status` for an ``APIError``, a 500 that says nothing for the rest.
    public func response(for error: any Error, of request: HTTPRequest) -> HTTPResponse {
        if let error = error as? APIError { return .error(error) }
        if error is CancellationError { return .error(APIError(.serviceUnavailable, "the request was given up")) }
        logger.error(
            "request failed",
            metadata: [
                "error": "\(error)", "method": "\(request.method)", "path": "\(request.path)", "id": "\(request.id)",
            ])
        return .error(APIError(.internalError, "an internal error happened; its request id is \(request.id)"))
    }

    private func find(_ node: Node, _ segments: ArraySlice<Substring>, method: String) -> Match {
        guard let segment = segments.first else {
            if let route = Self.pick(node.routes, method) { return .found(route, []) }
            return node.routes.isEmpty ? .none : .otherMethods(Array(node.routes.keys))
        }
        var other: Match = .none
        if let child = node.fixed[String(segment)] {
            switch find(child, segments.dropFirst(), method: method) {
            case .none: break
            case .otherMethods(let methods): other = .otherMethods(methods)
            case .found(let route, let values): return .found(route, values)
            }
        }
        if let child = node.parameter, !segment.isEmpty {
            switch find(child, segments.dropFirst(), method: method) {
            case .none: break
            case .otherMethods(let methods): other = .otherMethods(methods)
            case .found(let route, let values): return .found(route, [segment] + values)
            }
        }
        if let route = Self.pick(node.rest, method), let last = segments.last {
            return .found(route, [segment.base[segment.startIndex..<last.endIndex]])
        }
        return other
    }

    private static func pick(_ routes: [String: Route], _ method: String) -> Route? {
        routes[method] ?? (method == "HEAD" ? routes["GET"] : nil) ?? routes["*"]
    }

    /// Decodes path segments and refuses those that could mean another path once decoded.
    private static func parameters(_ names: [String], _ values: [Substring]) throws -> RouteParameters {
        var parameters = RouteParameters()
        for (name, value) in zip(names, values) {
            if name.hasSuffix("*") {
                // Raw: it is decoded where its meaning is known.
                parameters.append(String(name.dropLast()), String(value))
                continue
            }
            guard let decoded = PercentEncoding.decode(value), decoded != ".", decoded != "..",
                !decoded.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f || $0 == UInt8(ascii: "/") })
            else { throw APIError(.badRequest, "'\(value)' is not possible as \(name)") }
            parameters.append(name, decoded)
        }
        return parameters
    }
}

extension Substring {
    fileprivate var trimmingBraces: String { String(dropFirst().dropLast()) }
}
