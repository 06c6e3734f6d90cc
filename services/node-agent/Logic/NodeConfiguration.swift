/// Settings of the node agent; `Main` fills them from flags.
public struct NodeConfiguration: Sendable {
    /// Where pods, volumes, environments and the socket live.
    public var dataDirectory: String
    /// Name of the Node object.
    public var nodeName: String
    /// Network of the pods, `10.244.7.0/24`; the bridge takes its first address.
    public var podCIDR: String
    /// Network of the Services' cluster addresses.
    public var serviceCIDR: String
    /// Unix socket of the HTTP interface.
    public var socketPath: String
    /// File that lists the environments.
    public var environmentsFile: String
    /// Where built environments lie.
    public var environmentsDirectory: String
    /// Package cache of uv; on the same file system as the environments, so that files are linked, not copied.
    public var uvCacheDirectory: String
    /// Domain of the cluster's names.
    public var clusterDomain: String
    /// True when pods may mount folders of the host.
    public var allowsHostPath: Bool
    /// True when root in a pod that says `hostUsers: true` is root of the host.
    public var allowsHostUsers: Bool
    /// True when pods may use the network of the host (`hostNetwork: true`).
    public var allowsHostNetwork: Bool
    /// True when pods of different Profiles do not reach each other unless a NetworkPolicy lets them.
    public var isolatesProfiles: Bool
    /// True when pods go on running after SIGTERM.
    public var keepsPods: Bool
    /// The only user besides root that may use the HTTP interface; no container runs as it on the host.
    public var servedUser: UInt32?
    /// A socket at whose other end ports of the machine are opened, for an agent in a network of its own; nil in the machine's.
    public var machinePorts: Int32?
    /// How many pods the node takes.
    public var maximumPods: Int
    /// Directory of `container-shim`; nil: that of this program.
    public var shimDirectory: String?

    /// Makes settings; what lies in the data directory by default follows from it.
    public init(
        dataDirectory: String, nodeName: String, podCIDR: String, serviceCIDR: String, socketPath: String? = nil,
        environmentsFile: String, environmentsDirectory: String? = nil, uvCacheDirectory: String? = nil,
        clusterDomain: String = "cluster.local", allowsHostPath: Bool = false, allowsHostUsers: Bool = false,
        allowsHostNetwork: Bool = false,
        isolatesProfiles: Bool = true,
        keepsPods: Bool = false, servedUser: UInt32? = nil, machinePorts: Int32? = nil,
        maximumPods: Int = 110, shimDirectory: String? = nil
    ) {
        self.dataDirectory = dataDirectory
        self.nodeName = nodeName
        self.podCIDR = podCIDR
        self.serviceCIDR = serviceCIDR
        self.socketPath = socketPath ?? "\(dataDirectory)/run/node-agent.sock"
        self.environmentsFile = environmentsFile
        self.environmentsDirectory = environmentsDirectory ?? "\(dataDirectory)/environments"
        self.uvCacheDirectory = uvCacheDirectory ?? "\(dataDirectory)/uv-cache"
        self.clusterDomain = clusterDomain
        self.allowsHostPath = allowsHostPath
        self.allowsHostUsers = allowsHostUsers
        self.allowsHostNetwork = allowsHostNetwork
        self.isolatesProfiles = isolatesProfiles
        self.keepsPods = keepsPods
        self.servedUser = servedUser
        self.machinePorts = machinePorts
        self.maximumPods = maximumPods
        self.shimDirectory = shimDirectory
    }

    /// Directory of one pod.
    func podDirectory(_ uid: String) -> String { "\(dataDirectory)/pods/\(uid)" }
    /// Directory of all pods.
    var podsDirectory: String { "\(dataDirectory)/pods" }
    /// Folders of claims, `<namespace>/<claim>`.
    var volumesDirectory: String { "\(dataDirectory)/volumes" }
    /// State of crun.
    var crunRoot: String { "\(dataDirectory)/run/crun" }
}

/// A reason for which the node agent cannot work, in one sentence that says what to do.
public struct NodeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The sentence.
    public let description: String
    /// Makes an error.
    public init(_ description: String) { self.description = description }
}
