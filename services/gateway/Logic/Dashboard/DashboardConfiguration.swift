import KubeClient
import KubeModel

/// Links and settings of the dashboard, from the ConfigMap that administrators of Kubeflow edit: `dashboard-config`
/// (2.0), or `centraldashboard-config` (1.10). A key that neither has is answered with what this platform offers.
struct DashboardConfiguration: Sendable {
    /// Names of the ConfigMap, the one that counts first.
    static let names = ["dashboard-config", "centraldashboard-config"]

    let client: KubeClient
    let namespace: String

    /// - Throws: ``APIError`` with code 500 when the ConfigMap holds no JSON.
    func links() async throws -> JSON {
        try await read("links", failure: "Cannot load dashboard menu link") ?? Self.defaultLinks
    }

    /// - Throws: ``APIError`` with code 500 when the ConfigMap holds no JSON.
    func settings() async throws -> JSON {
        try await read("settings", failure: "Cannot load dashboard settings") ?? ["DASHBOARD_FORCE_IFRAME": true]
    }

    private func read(_ key: String, failure: String) async throws -> JSON? {
        for name in Self.names {
            guard let map = try await client.find(.configMaps, name, namespace: namespace),
                let text = map["data"]?[key]?.string
            else { continue }
            guard let json = try? JSON(parsing: text), json.object != nil else {
                throw APIError(.internalError, "\(failure): \(key) of ConfigMap \(namespace)/\(name) is not JSON")
            }
            return json
        }
        return nil
    }

    private static let defaultLinks: JSON = [
        "menuLinks": [
            ["type": "item", "link": "/jupyter/", "text": "Notebooks", "icon": "book"],
            ["type": "item", "link": "/volumes/", "text": "Volumes", "icon": "device:storage"],
        ],
        "externalLinks": [],
        "quickLinks": [
            ["text": "Create a new Notebook server", "desc": "Notebook Servers", "link": "/jupyter/new?namespace={ns}"]
        ],
        "documentationItems": [],
    ]
}
