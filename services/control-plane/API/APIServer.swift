import ClusterRules
public import ClusterStore
public import HTTPKit
public import Identity
import KubeModel
public import Logging
import NIOCore
import NIOHTTP1

/// The Kubernetes API over a store: who may do what, and what happens then.
///
/// It knows nothing of sockets: ``handle(_:)`` answers requests of the HTTP server, ``InProcessTransport`` those that
/// come from inside the process.
public final class APIServer: Sendable {
    /// What the API needs to know about its surroundings.
    public struct Configuration: Sendable {
        /// Addresses for Services, such as `10.96.0.0/20`.
        public var serviceCIDR: String
        /// Unix socket of the node agent, for logs.
        public var nodeSocket: String?
        /// Issuer of service-account tokens.
        public var tokenIssuer: String
        /// `gitVersion` that `/version` answers.
        public var gitVersion: String
        /// The authority whose client certificates are believed, PEM.
        public var certificateAuthorityPEM: String
        /// The authority for proxies that name users to extension servers, PEM.
        public var proxyAuthorityPEM: String
        /// Where requests are noted; nil notes none.
        public var audit: AuditLog?

        /// Describes the surroundings.
        public init(
            serviceCIDR: String, nodeSocket: String?, tokenIssuer: String, gitVersion: String,
            certificateAuthorityPEM: String, proxyAuthorityPEM: String = "", audit: AuditLog? = nil
        ) {
            (self.serviceCIDR, self.nodeSocket, self.tokenIssuer) = (serviceCIDR, nodeSocket, tokenIssuer)
            (self.gitVersion, self.certificateAuthorityPEM) = (gitVersion, certificateAuthorityPEM)
            self.proxyAuthorityPEM = proxyAuthorityPEM
            self.audit = audit
        }
    }

    let configuration: Configuration
    let cluster: Cluster
    let authenticator: Authenticator
    let admission: AdmissionChain
    let tokens: ServiceAccountTokens
    let documents = DocumentCache()
    let watches = Watches()
    let health: HealthState
    let logger: Logger

    /// Makes the API over a store; ``load()`` must run before the first request.
    public init(configuration: Configuration, store: Store, signer: TokenSigner, logger: Logger) throws {
        self.configuration = configuration
        self.logger = logger
        let registry = KindRegistry(builtin: BuiltinKinds.all)
        cluster = Cluster(store: store, registry: registry, logger: logger)
        tokens = try ServiceAccountTokens(signer: signer, issuer: configuration.tokenIssuer, cluster: cluster)
        authenticator = Authenticator(tokens: tokens)
        admission = try AdmissionChain(cluster: cluster, serviceCIDR: configuration.serviceCIDR)
        health = HealthState()
    }

    /// Reads roles, bindings and custom kinds out of the store.
    public func load() async throws { try await cluster.load() }

    /// Tells `/readyz` that everything is up (or going down).
    public func setReady(_ isReady: Bool) { health.isReady = isReady }

    /// Answers one request of the HTTP server.
    public func handle(_ request: HTTPRequest) async -> HTTPResponse {
        let body = request.body
        let query = request.rawQuery
        let apiRequest = APIRequest(
            method: request.method, path: request.path, query: Query(raw: query), rawQuery: query,
            headers: request.headers, content: body,
            body: { limit in try await body.collect(upTo: limit) })
        let answer = await respond(to: apiRequest, id: request.id, address: request.peer.address ?? "") {
            try await self.authenticator.authenticate(
                headers: request.headers, certificate: request.peer.clientCertificateDER)
        }
        return answer.response(hasBody: request.method != "HEAD", id: request.id)
    }

    /// Answers one request of a user found out by `authenticate`.
    func respond(
        to request: APIRequest, id: String = "", address: String = "", authenticate: () async throws -> UserInfo
    ) async -> APIAnswer {
        let info = RequestInfo(method: request.method, path: request.path, query: request.query)
        // Only admission leaves notes, and of reads only those are admitted that lead into Pods, nodes and Services.
        let notes = configuration.audit.flatMap { _ in
            info.isRead && info.subresource.isEmpty ? nil : AuditNotes()
        }
        let (answer, user, sender): (APIAnswer, UserInfo, String) =
            if let notes {
                await AuditNotes.$current.withValue(notes) {
                    await self.attributed(request, info, address: address, authenticate)
                }
            } else {
                await self.attributed(request, info, address: address, authenticate)
            }
        if let audit = configuration.audit, AuditLog.covers(info, code: answer.status) {
            var info = info
            if info.name.isEmpty { info.name = answer.createdName }
            audit.record(
                .init(
                    id: id, address: address, user: user, impersonator: sender,
                    agent: String((request.header("user-agent") ?? "").prefix(200)), info: info, code: answer.status,
                    notes: notes?.all ?? []))
        }
        return answer
    }

    /// The answer, the user it was given to, and who that really was when somebody acts as another user.
    private func attributed(
        _ request: APIRequest, _ info: RequestInfo, address: String, _ authenticate: () async throws -> UserInfo
    ) async -> (answer: APIAnswer, user: UserInfo, sender: String) {
        var user = UserInfo.anonymous
        var sender = ""
        let answer = await answer(to: request, info, address: address) {
            user = try await authenticate()
            let own = user.name
            user = try impersonated(user, request)
            if user.name != own { sender = own }
            return user
        }
        let written = answer.encoded(accept: request.header("accept"))
        return (written.compressed(accept: request.header("accept-encoding")), user, sender)
    }

    private func answer(
        to request: APIRequest, _ info: RequestInfo, address: String, identify: () async throws -> UserInfo
    ) async -> APIAnswer {
        do {
            return try await dispatch(request, info, address: address, try await identify())
        } catch let error as APIError {
            return .error(error)
        } catch is CancellationError {
            return .error(APIError(.timeout, "the request was given up"))
        } catch {
            logger.error("request failed", metadata: ["path": "\(request.path)", "error": "\(error)"])
            return .error(
                APIError(.internalError, "Internal error occurred: the server could not complete the request"))
        }
    }

    private func dispatch(
        _ request: APIRequest, _ info: RequestInfo, address: String, _ user: UserInfo
    ) async throws -> APIAnswer {
        guard info.isResource else {
            if !PathRoutes.isPublic(info.path) {
                try cluster.rbac.require(user, AccessAttributes(info))
            }
            return try await answerPath(request, info, user)
        }
        try cluster.rbac.require(user, AccessAttributes(info))
        // No path of ours; the real server only looks for permissions behind it.
        guard !info.path.utf8.starts(with: "//".utf8) else { return .pageNotFound }
        guard let kind = cluster.registry.find(group: info.group, version: info.version, plural: info.resource) else {
            let isKnown = info.group.isEmpty || cluster.registry.all.contains { $0.type.group == info.group }
            guard isKnown else { return .pageNotFound }
            throw Self.unknownPath
        }
        guard kind.type.isNamespaced || !info.isInNamespace else { throw Self.unknownPath }
        let isProxied = info.subresource == "proxy" && kind.definition.extraSubresources.contains("proxy")
        // There the verb does not follow from the method.
        guard !isProxied || !info.isOnWatchPath else { throw Self.unknownPath }
        // What the target may be asked, and answer in, is between it and the client.
        let context = try RequestContext(
            user: user, kind: kind, info: info, request: isProxied ? request.bare : request)
        if kind.storageName == "endpoints" {
            context.warnings.add("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
        }
        var answer: APIAnswer
        do {
            answer =
                isProxied
                ? try await proxy(request, context, address: address)
                : try await perform(request, context).asMessages(request)
        } catch let error as APIError where !context.warnings.all.isEmpty {
            answer = .error(error)
        }
        for warning in context.warnings.all {
            let escaped = warning.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            answer.headers.append(("Warning", "299 - \"\(escaped)\""))
        }
        return answer
    }

    static let unknownPath = APIError(
        .notFound, "the server could not find the requested resource", hasDetails: true)

    private func perform(_ request: APIRequest, _ context: RequestContext) async throws -> APIAnswer {
        let (info, kind) = (context.info, context.kind)
        guard info.rest.isEmpty else { throw Self.unknownPath }
        if info.isOnWatchPath {
            let isWatched = !kind.definition.isCreateOnly && !kind.definition.isMeasured && info.subresource.isEmpty
            guard isWatched else { throw Self.unknownPath }
            guard request.method == "GET" else { throw notAllowed(info, kind) }
        }
        guard request.method != "HEAD" else { throw notAllowed(info, kind) }
        if kind.definition.isCreateOnly {
            guard info.name.isEmpty else { throw Self.unknownPath }
            guard info.verb == "create" else { throw notAllowed(info, kind) }
            if kind.type.kind == "Binding" { return try await bind(request, context) }
            return try await review(request, context)
        }
        if kind.type.kind == "ComponentStatus" { return try componentStatus(context) }
        if kind.definition.isMeasured { return try await usage(context) }
        if !info.subresource.isEmpty { return try await performSubresource(request, context) }
        switch info.verb {
        case "get": return try await get(context)
        case "list": return try await list(context)
        case "watch": return try await watch(context)
        case "create":
            guard info.name.isEmpty else { throw notAllowed(info, kind) }
            guard !kind.type.isNamespaced || !info.namespace.isEmpty else { throw notAllowed(info, kind) }
            return try await create(request, context)
        case "update":
            guard !info.name.isEmpty else { throw notAllowed(info, kind) }
            return try await update(request, context)
        case "patch":
            guard !info.name.isEmpty else { throw notAllowed(info, kind) }
            return try await patch(request, context)
        case "delete": return try await delete(request, context)
        case "deletecollection": return try await deleteCollection(request, context)
        default: throw notAllowed(info, kind)
        }
    }

    static let notAllowed = APIError(
        .methodNotAllowed, "the server does not allow this method on the requested resource", hasDetails: true)

    func notAllowed(_ info: RequestInfo, _ kind: ServedKind) -> APIError {
        Self.notAllowed
    }
}

extension APIAnswer {
    /// The answer as HTTP.
    func response(hasBody: Bool, id: String) -> HTTPResponse {
        var fields = HTTPHeaders()
        fields.reserveCapacity(4 + headers.count)
        if !contentType.isEmpty { fields.add(name: "content-type", value: contentType) }
        fields.add(name: "audit-id", value: id)
        fields.add(name: "cache-control", value: "no-cache, private")
        for (name, value) in headers { fields.add(name: name, value: value) }
        switch body {
        case .bytes(let buffer):
            return HTTPResponse(status: status, headers: fields, body: hasBody ? .bytes(buffer) : .empty)
        case .stream(let produce):
            return HTTPResponse(
                status: status, headers: fields,
                body: hasBody
                    ? .stream { writer in
                        try await produce(ChunkWriter(writer))
                    } : .empty)
        case .takeOver(let own): return HTTPResponse(status: status, body: .takeOver(own))
        }
    }
}
