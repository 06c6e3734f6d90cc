public import KubeClient
public import KubeModel
public import ServiceLifecycle

/// Knows which custom types a cluster has, for services that use some only where they are installed.
public final class InstalledTypes: Service, Sendable {
    private let cache: WatchCache

    /// Asks a cluster; with a name only about that CustomResourceDefinition, `virtualservices.networking.istio.io`.
    public init(client: KubeClient, only name: String? = nil) {
        cache = WatchCache(
            client: client, type: .customResourceDefinitions, fieldSelector: name.map { "metadata.name=\($0)" }
        ) { definition in
            // The schemas are large, and of no interest here.
            let versions = (definition.spec["versions"]?.array ?? []).map { version in
                var version = version
                version["schema"] = nil
                return version
            }
            definition.spec["versions"] = .array(versions)
        }
    }

    /// The type in a version that the cluster serves: the given one, else the first that is served; nil when the type
    /// is not installed.
    public func served(_ type: ResourceType) -> ResourceType? {
        guard let definition = cache.get(type.qualifiedPlural, namespace: nil) else { return nil }
        let versions = (definition.spec["versions"]?.array ?? [])
            .filter { $0["served"]?.bool ?? false }.compactMap { $0["name"]?.string }
        if versions.contains(type.version) { return type }
        return versions.first.map {
            ResourceType(type.group, $0, type.plural, type.kind, isNamespaced: type.isNamespaced)
        }
    }

    /// Waits until a type is installed; nil when the task was cancelled before.
    public func whenServed(_ type: ResourceType) async -> ResourceType? {
        let (news, sink) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        cache.observe { _ in sink.yield() }
        if let served = served(type) { return served }
        for await _ in news {
            if let served = served(type) { return served }
        }
        return nil
    }

    /// The cache, for `Controller(after:)` and to be woken when a type comes or goes.
    public var definitions: WatchCache { cache }

    /// Follows the definitions until cancelled.
    public func run() async throws { try await cache.run() }
}
