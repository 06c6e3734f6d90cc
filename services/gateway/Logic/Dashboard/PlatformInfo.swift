import KubeClient
import KubeModel
import Synchronization

/// On what the platform runs, as the dashboard tells it. Read once: it does not change while a gateway lives.
final class PlatformInfo: Sendable {
    private let client: KubeClient
    private let version: String
    private let logoutURL: String
    private let known = Mutex<JSON?>(nil)

    init(client: KubeClient, version: String, logoutURL: String) {
        (self.client, self.version, self.logoutURL) = (client, version, logoutURL)
    }

    /// `{provider, providerName, kubeflowVersion, logoutUrl}`
    func json() async throws -> JSON {
        if let known = known.withLock({ $0 }) { return known }
        let provider =
            try await client.list(.nodes).items.lazy
            .compactMap { $0.spec["providerID"]?.string }.first { !$0.isEmpty } ?? "other://"
        let json: JSON = [
            "provider": .string(provider), "providerName": .string(String(provider.prefix { $0 != ":" })),
            "kubeflowVersion": .string(version), "logoutUrl": .string(logoutURL),
        ]
        known.withLock { $0 = json }
        return json
    }
}
