import ControllerKit
import HTTPKit
import Identity
import KubeClient
import KubeModel
import Logging
import NIOCore
import NIOHTTP1

/// What all routes share.
struct GatewayCore: Sendable {
    let configuration: GatewayConfiguration
    /// Acts as the gateway itself: only for finding notebooks, reviews and memberships.
    let client: KubeClient
    let sessions: Sessions
    let signIn: SignInTokens
    let users: LocalUsers
    let tokens: APITokens
    let provider: OpenIDProvider?
    let providerSessions: ProviderSessions?
    let bearers: BearerTokens
    let proxies: TrustedProxies
    let passwords: PasswordCheck
    let throttle = SignInThrottle()
    let requestGuard: RequestGuard
    /// Nil where workspaces have no port of their own.
    let workspacePort: WorkspacePort?
    let reviews: AccessReviews
    let memberships: Memberships
    let spawner: SpawnerConfigurationFile
    let workspaces: WorkspaceDirectory
    /// Changes of what the directory has.
    let places = ChangeCount()
    /// Tells services who is asking.
    let serviceTokens: ServiceTokens
    let usage: UsageHistory
    let metrics: Metrics
    let refusals: RefusalLog
    /// Nil where none is wanted.
    let accessLog: AccessLog?
    let limits: UserLimits
    /// Opens when the gateway stops.
    let stopping = Latch()
    let logger: Logger

    init(configuration: GatewayConfiguration, client: KubeClient, signIn: SignInTokens?, logger: Logger) throws {
        self.configuration = configuration
        self.client = client
        self.logger = logger
        sessions = try Sessions(stateDirectory: configuration.stateDirectory, lifetime: configuration.sessionLifetime)
        self.signIn = try signIn ?? SignInTokens(stateDirectory: configuration.stateDirectory)
        users = try LocalUsers(stateDirectory: configuration.stateDirectory)
        passwords = PasswordCheck(users: users)
        tokens = try APITokens(stateDirectory: configuration.stateDirectory)
        let provider = configuration.signIn.oidc.map { OpenIDProvider($0, logger: logger) }
        self.provider = provider
        providerSessions = provider.map { [sessions] in
            ProviderSessions(provider: $0, sessions: sessions, logger: logger)
        }
        bearers = BearerTokens(
            client: client, provider: provider, audiences: configuration.signIn.serviceAccountAudiences)
        proxies = TrustedProxies(configuration)
        serviceTokens = try ServiceTokens(folder: PrivateFolder(configuration.stateDirectory))
        workspacePort = configuration.workspacePort.map { _ in
            WorkspacePort(url: configuration.signIn.workspaceURL, platform: configuration.port)
        }
        requestGuard = RequestGuard(configuration, port: workspacePort)
        refusals = RefusalLog(stateDirectory: configuration.stateDirectory)
        accessLog = configuration.accessLogPath.map { AccessLog(path: $0) }
        limits = UserLimits(concurrent: configuration.requestsAtATime, rate: configuration.requestsPerSecond)
        reviews = AccessReviews(client: client)
        memberships = Memberships(client: client)
        // Who lost a role must not go on by what was answered before.
        memberships.roleBindings.observe { [reviews] _ in reviews.forget() }
        spawner = try SpawnerConfigurationFile(path: configuration.spawnerConfigPath, logger: logger)
        workspaces = WorkspaceDirectory(client: client)
        for cache in workspaces.caches { cache.observe { [places] _ in places.add() } }
        usage = UsageHistory(client: client, logger: logger)
        metrics = Metrics()
        metrics.describe("gateway_requests_total", "Requests by part of the gateway and class of the answer.")
        metrics.describe(
            "gateway_connections_refused_total", "Connections of addresses that had too many of them already.")
        metrics.describe("gateway_sign_ins_total", "Attempts to sign in, by way and outcome.")
    }

    /// The caches that the gateway keeps for itself.
    var caches: [WatchCache] { workspaces.caches + [memberships.profiles, memberships.roleBindings] }

    /// The caller of a request to the platform's own API.
    ///
    /// - Throws: ``APIError`` when nobody is signed in, or when a foreign page could have caused the request.
    func caller(of request: HTTPRequest) async throws -> Caller {
        try requestGuard.checkOrigin(request)
        guard let proof = try await proof(of: request) else { throw APIError(.unauthorized, "No user detected.") }
        try proof.check(.needed(request.method))
        if let token = csrfToken(proof, request) { try requestGuard.checkCSRF(request, token: token) }
        return Caller(request: request, proof: proof, client: proof.identity.client(client))
    }
}

extension GatewayCore {
    /// Makes the key known by which services verify the gateway's tokens, again each hour, until cancelled.
    func publishKeys() async {
        var backoff = Backoff(limit: .seconds(30))
        while !Task.isCancelled {
            var pause = ServiceTokens.renewal
            do {
                try await serviceTokens.publish(client, namespace: configuration.namespace)
                backoff.reset()
            } catch {
                pause = backoff.next()
                if !Task.isCancelled {
                    logger.warning("services do not know our key yet", metadata: ["error": "\(error)"])
                }
            }
            guard (try? await Task.sleep(for: pause)) != nil else { return }
        }
    }
}

/// Somebody signed in, with the request and the client that acts as this user.
struct Caller: Sendable {
    let request: HTTPRequest
    let proof: Proof
    let client: KubeClient

    var identity: UserIdentity { proof.identity }

    /// The JSON body of a changing request.
    func json(limit: Int = 1 << 20) async throws -> JSON {
        let type = (request.headers.first(name: "content-type") ?? "").prefix { $0 != ";" }.trimmed
        guard type.lowercased() == "application/json" else {
            throw APIError(.badRequest, "Request is not in JSON format.")
        }
        let body = try await request.body.collect(upTo: limit)
        do {
            return try JSON(parsing: body.readableBytesView)
        } catch {
            throw APIError(.badRequest, "Request is not in JSON format: \(error)")
        }
    }
}

extension ServiceTokens {
    /// Signs with the key of the state directory; makes one where there is none.
    init(folder: PrivateFolder) throws {
        if let bytes = try folder.read("service.key"),
            let tokens = try? ServiceTokens(privateKeyPEM: String(decoding: bytes, as: UTF8.self))
        {
            self = tokens
            return
        }
        let pem = try TokenSigner.generateKeyPEM()
        try folder.write("service.key", Array(pem.utf8))
        try self.init(privateKeyPEM: pem)
    }
}
