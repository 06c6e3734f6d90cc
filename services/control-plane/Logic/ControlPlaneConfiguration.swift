/// Where a control plane keeps its data, where it listens, and what it serves.
public struct ControlPlaneConfiguration: Sendable {
    /// Folder of the store, the keys and the volumes; made if need be.
    public var dataDirectory: String
    /// Address to listen on.
    public var host: String
    /// Port to listen on, 0 for a free one.
    public var port: Int
    /// Addresses of Services.
    public var serviceCIDR: String
    /// Unix socket of the node agent, for logs.
    public var nodeSocket: String?
    /// Address under which Pods reach the API; nil is the listening address.
    public var advertisedAddress: String?
    /// Version of Martlet, which `kubectl version` shows behind the version of the Kubernetes API.
    public var version: String
    /// Issuer of service-account tokens.
    public var tokenIssuer: String
    /// False runs the API alone.
    public var controllersEnabled: Bool
    /// Folder of the volumes of claims; nil is `volumes` in the data folder.
    public var volumesDirectory: String?
    /// Bytes after which `audit.log` is put aside.
    public var auditFileLimit: Int
    /// How many changes watches and lists of earlier versions can go back.
    public var historyChanges = 65_536
    /// How many bytes of objects the changes that are kept may take.
    public var historyBytes = 32 << 20
    /// How long changes are kept.
    public var historyAge = Duration.seconds(300)

    /// The usual settings for a data folder.
    public init(
        dataDirectory: String, host: String = "127.0.0.1", port: Int = 6443, serviceCIDR: String = "10.96.0.0/20",
        nodeSocket: String? = nil, advertisedAddress: String? = nil, version: String = "0.1.0",
        tokenIssuer: String = "https://kubernetes.default.svc.cluster.local", controllersEnabled: Bool = true,
        volumesDirectory: String? = nil, auditFileLimit: Int = 32 << 20
    ) {
        self.dataDirectory = dataDirectory
        self.host = host
        self.port = port
        self.serviceCIDR = serviceCIDR
        self.nodeSocket = nodeSocket
        self.advertisedAddress = advertisedAddress
        self.version = version
        self.tokenIssuer = tokenIssuer
        self.controllersEnabled = controllersEnabled
        self.volumesDirectory = volumesDirectory
        self.auditFileLimit = auditFileLimit
    }
}

/// Why a control plane cannot run, in one sentence for the person who started it.
public struct ControlPlaneError: Error, Sendable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    /// Makes an error.
    public init(_ description: String) { self.description = description }
}
