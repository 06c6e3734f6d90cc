import KubeModel

/// Where the webhook for PodDefaults listens, and how the API server gets there.
public struct WebhookSettings: Sendable {
    /// The way from the API server to the webhook.
    public enum Reach: Sendable, Equatable {
        /// Through a Service in the controller's namespace, at this port.
        case service(name: String, port: Int)
        /// At the address that it listens on, because both are on one machine.
        case directly
    }

    /// Address to listen on.
    public var host: String
    /// TCP port; 0 takes a free one.
    public var port: Int
    /// The way from the API server.
    public var reach: Reach

    /// Describes a webhook.
    public init(host: String, port: Int, reach: Reach) { (self.host, self.port, self.reach) = (host, port, reach) }

    func dnsNames(namespace: String) -> [String] {
        guard case .service(let name, _) = reach else { return [] }
        return ["\(name).\(namespace).svc", "\(name).\(namespace).svc.cluster.local"]
    }

    var ipAddresses: [String] { reach == .directly ? [host] : [] }

    func clientConfiguration(namespace: String, path: String, port: Int) -> JSON {
        switch reach {
        case .service(let name, let servicePort):
            [
                "service": [
                    "namespace": .string(namespace), "name": .string(name), "path": .string(path),
                    "port": .int(Int64(servicePort)),
                ]
            ]
        case .directly: ["url": .string("https://\(host):\(port)\(path)")]
        }
    }
}
