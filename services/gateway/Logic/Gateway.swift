import ControllerKit
import HTTPKit
public import KubeClient
import KubeModel
public import Logging
import NIOHTTP1
public import ServiceLifecycle

/// The gateway: signs people in, serves the page and its API, and leads to the notebooks and what else has a server of its own.
///
/// Acts as the user towards Kubernetes, by impersonation; its own rights serve to find notebooks and to ask reviews.
public struct Gateway: Service {
    private let core: GatewayCore
    private let proxy: WorkspaceProxy
    private let relay: WorkspaceRelay
    private let site: StaticSite?
    private let router: Router
    private let server: HTTPServer

    /// Prepares a gateway; `run` starts it.
    ///
    /// - Parameters:
    ///   - configuration: settings.
    ///   - client: the Kubernetes API, as the gateway itself.
    ///   - signIn: the one-time tokens; nil takes those in the state directory.
    ///   - logger: where it tells what happens.
    ///   - onListening: called with the port once connections are accepted.
    /// - Throws: ``GatewayConfigurationError`` with what to change; errors of the state directory.
    public init(
        configuration: GatewayConfiguration, client: KubeClient, signIn: SignInTokens? = nil, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws {
        if let problem = configuration.problem { throw GatewayConfigurationError(problem) }
        let core = try GatewayCore(configuration: configuration, client: client, signIn: signIn, logger: logger)
        let relay = WorkspaceRelay(core: core)
        let proxy = WorkspaceProxy(core: core, relay: relay)
        let site = configuration.webRoot.map { StaticSite(root: $0) }
        if let site, !site.isBuilt {
            logger.warning("the page is not built", metadata: ["webRoot": "\(configuration.webRoot ?? "")"])
        }
        var router = Router(logger: logger)
        SessionRoutes(core: core).register(on: &router)
        TokenRoutes(core: core).register(on: &router)
        if let provider = core.provider { OIDCRoutes(core: core, provider: provider).register(on: &router) }
        JupyterRoutes(core: core).register(on: &router)
        PlatformRoutes(core: core).register(on: &router)
        let kfam = configuration.kfamAddress.map {
            ServiceProxy(core: core, pool: proxy.pool, name: "profiles-kfam", address: $0)
        }
        DashboardRoutes(core: core, kfam: kfam).register(on: &router)
        AdminRoutes(core: core).register(on: &router)
        (self.core, self.proxy, self.site, self.router) = (core, proxy, site, router)
        self.relay = relay

        let handler = GatewayHandler(core: core, proxy: proxy, kfam: kfam, site: site, router: router)
        let desk = FrontDesk(core: core, handler: handler)
        let tls = try configuration.certificatePEM.map {
            try ServerTLS.context(certificatePEM: $0, keyPEM: configuration.keyPEM ?? "", offersHTTP2: true)
        }
        var server = HTTPServer(
            listener: .tcp(host: configuration.host, port: configuration.port), tls: tls, logger: logger,
            runsOnEventLoop: true,
            onListening: { [workspacePort = core.workspacePort] port in
                workspacePort?.platformListens(at: port)
                await onListening(port)
            }
        ) { request in await desk.answer(request) }
        if let own = core.workspacePort, let port = configuration.workspacePort {
            server.second = .init(.tcp(host: configuration.host, port: port)) { own.listens(at: $0) }
        }
        if configuration.sharesOrigin {
            logger.warning(
                """
                notebooks share the platform's origin, so that what runs in their pages can act as who opens them; \
                --workspace-host or --workspace-port keeps them apart
                """)
        }
        server.relay = relay
        server.perAddress = configuration.addressLimit.map { [proxies = core.proxies, metrics = core.metrics] in
            .init($0, isExempt: proxies.trusts(address:)) { metrics.count("gateway_connections_refused_total") }
        }
        server.onRefusal = { [refusals = core.refusals] in refusals.record($0) }
        self.server = server
    }

    /// Every route, for whoever has to know that none was forgotten: method (`*` for any) and pattern.
    public var routes: [(method: String, pattern: String)] { GatewayHandler.routes + router.routes }

    /// Serves until graceful shutdown or cancellation.
    public func run() async throws {
        try await withTaskCancellationOrGracefulShutdownHandler {
            try await serve()
        } onCancelOrGracefulShutdown: { [core] in
            core.stopping.open()
        }
        core.refusals.finish()
        core.accessLog?.finish()
    }

    private func serve() async throws {
        try await withThrowingTaskGroup { group in
            for cache in core.caches { group.addTask { try await cache.run() } }
            if core.configuration.kfamAddress != nil {
                group.addTask { [core] in await core.publishKeys() }
            }
            group.addTask { [pool = proxy.pool] in await pool.run() }
            group.addTask { [relay] in await relay.run() }
            group.addTask { [usage = core.usage] in await usage.run() }
            if let provider = core.provider { group.addTask { await provider.run() } }
            defer { group.cancelAll() }
            // The caches end by themselves at a graceful stop; the server goes on until its requests are answered.
            try await server.run()
        }
    }
}
