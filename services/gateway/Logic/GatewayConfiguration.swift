/// Settings of the gateway.
public struct GatewayConfiguration: Sendable {
    /// Address to listen on. Anything but loopback needs TLS or `allowsPlainNetwork`.
    public var host: String
    /// Port to listen on; 0 takes a free one.
    public var port: Int
    /// Folder with the built page (`web/dist`), nil for none: then the API is all there is.
    public var webRoot: String?
    /// Folder for the session key and the one-time tokens; made with mode 0700.
    public var stateDirectory: String
    /// The `spawner_ui_config.yaml` that says what the new-notebook form offers.
    public var spawnerConfigPath: String
    /// Host names, besides those of loopback, under which browsers may reach the gateway.
    public var hosts: [String]
    /// Shown to users.
    public var version: String
    /// Certificate chain, PEM, to serve HTTPS.
    public var certificatePEM: String?
    /// Key of the certificate, PEM.
    public var keyPEM: String?
    /// Serve plain HTTP to the network, because TLS ends in front of the gateway.
    public var allowsPlainNetwork: Bool
    /// How long a sign-in lasts; it is renewed by use.
    public var sessionLifetime: Duration
    /// By what people and programs are known.
    public var signIn: SignInSettings
    /// Where KFAM listens, `host:port`, served below `/kfam/`; nil for nowhere.
    public var kfamAddress: String?
    /// Where the gateway publishes the keys by which it tells services who is asking.
    public var namespace: String
    /// Whether people may make a Profile of their own; KFAM decides, this tells the page.
    public var allowsRegistration: Bool
    /// The API server's audit log, for administrators to read; nil where it is kept elsewhere.
    public var auditLogPath: String?
    /// Where a line for every request goes; nil for nowhere.
    public var accessLogPath: String?
    /// Requests of one user that may be under way, WebSockets among them; 0 for any number.
    public var requestsAtATime: Int
    /// Requests of one user a second, for long; twice as many may come at once. 0 for any number.
    public var requestsPerSecond: Int
    /// Connections that an address may have at a time, and never more than half of the files that the process may have; 0 for any
    /// number. Trusted proxies may have any number.
    public var connectionsPerAddress: Int
    /// How long a connection to a notebook may take to be made.
    public var connectTimeout: Duration
    /// How long a notebook may take to begin its answer.
    public var responseTimeout: Duration

    /// Settings for one machine.
    public init(
        host: String = "127.0.0.1", port: Int = 8080, webRoot: String? = nil, stateDirectory: String,
        spawnerConfigPath: String, hosts: [String] = [], version: String = "dev", certificatePEM: String? = nil,
        keyPEM: String? = nil, allowsPlainNetwork: Bool = false, sessionLifetime: Duration = .seconds(7 * 86_400),
        signIn: SignInSettings = SignInSettings(), kfamAddress: String? = nil, namespace: String = "kubeflow",
        allowsRegistration: Bool = false, auditLogPath: String? = nil, accessLogPath: String? = nil,
        requestsAtATime: Int = 500, requestsPerSecond: Int = 1000, connectionsPerAddress: Int = 1000,
        connectTimeout: Duration = .seconds(5), responseTimeout: Duration = .seconds(300)
    ) {
        self.host = host
        self.port = port
        self.webRoot = webRoot
        self.stateDirectory = stateDirectory
        self.spawnerConfigPath = spawnerConfigPath
        self.hosts = hosts
        self.version = version
        self.certificatePEM = certificatePEM
        self.keyPEM = keyPEM
        self.allowsPlainNetwork = allowsPlainNetwork
        self.sessionLifetime = sessionLifetime
        self.signIn = signIn
        self.kfamAddress = kfamAddress
        self.namespace = namespace
        self.allowsRegistration = allowsRegistration
        self.auditLogPath = auditLogPath
        self.accessLogPath = accessLogPath
        self.requestsAtATime = requestsAtATime
        self.requestsPerSecond = requestsPerSecond
        self.connectionsPerAddress = connectionsPerAddress
        self.connectTimeout = connectTimeout
        self.responseTimeout = responseTimeout
    }

    /// True when only this machine can reach the gateway.
    var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
    /// True when browsers reach the gateway by HTTPS.
    var isSecure: Bool { certificatePEM != nil }

    /// What is wrong with it, in one sentence; nil for nothing.
    var problem: String? {
        if !isLoopback, certificatePEM == nil, !allowsPlainNetwork {
            return
                "listening on \(host) needs TLS (--tls-certificate, --tls-key), or --allow-plain-network where a proxy "
                + "in front ends TLS"
        }
        if workspaces.map({ !$0.isLocal }) ?? false, signIn.externalURL == nil {
            return "--workspace-host needs --external-url, so that workspaces find back to the platform"
        }
        if let workspacePort, workspacePort != 0, workspacePort == port {
            return "--workspace-port is another port than the platform's, which is \(port)"
        }
        return signIn.problem
    }
}

/// Settings that cannot be served with.
public struct GatewayConfigurationError: Error, Equatable, CustomStringConvertible {
    /// What is wrong and what to change, in one sentence.
    public let description: String

    /// Says what is wrong.
    public init(_ description: String) { self.description = description }
}
