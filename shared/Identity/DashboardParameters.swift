public import KubeClient
import KubeModel

/// Parameters of the dashboard that administrators of Kubeflow set in a ConfigMap: `dashboard-parameters` (2.0, keys as
/// here), or `centraldashboard-parameters` (1.10, keys with `CD_` in front). Read from the API server at each question,
/// so that a change counts at once, in every service.
public struct DashboardParameters: Sendable {
    /// Names of the ConfigMap and what its keys begin with, the one that counts first.
    private static let places = [("dashboard-parameters", ""), ("centraldashboard-parameters", "CD_")]

    private let client: KubeClient
    private let namespace: String

    /// Reads with a client that may get these two ConfigMaps of `namespace`, where the platform runs: `kubeflow`.
    public init(client: KubeClient, namespace: String) { (self.client, self.namespace) = (client, namespace) }

    /// True when the switch is on, as `REGISTRATION_FLOW`; what neither ConfigMap says is answered with `standard`.
    ///
    /// Anything but `true` is off: a slip of the pen must not open what is closed.
    ///
    /// - Throws: ``APIError`` when the API server cannot be asked.
    public func isOn(_ key: String, standard: Bool) async throws -> Bool {
        for (name, prefix) in Self.places {
            let map = try await client.find(.configMaps, name, namespace: namespace)
            if let text = map?["data"]?[prefix + key]?.string { return text.lowercased() == "true" }
        }
        return standard
    }
}

extension DashboardParameters {
    /// Whether people may make a Profile of their own; `standard` is what the service was started with.
    public func isRegistrationOpen(standard: Bool) async throws -> Bool {
        try await isOn("REGISTRATION_FLOW", standard: standard)
    }
}
