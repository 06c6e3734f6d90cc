import ClusterStore
import Foundation
import KubeModel

extension APIServer {
    /// Where the API itself can be reached.
    public struct Address: Sendable {
        /// IP address.
        public var ip: String
        /// TCP port.
        public var port: Int
        /// Names an address.
        public init(ip: String, port: Int) { (self.ip, self.port) = (ip, port) }
    }

    /// The first address of the service range, which is the API's own.
    public static func ownServiceAddress(cidr: String) throws -> String { try AddressRange(cidr: cidr).address(1) }

    /// Writes what every cluster has from the start, where it is missing or belongs to an older version.
    public func bootstrap() async throws {
        let namespaces = ["default", "kube-system", "kube-public", "kube-node-lease"].map { name -> JSON in
            [
                "kind": "Namespace", "apiVersion": "v1",
                "metadata": ["name": .string(name), "labels": ["kubernetes.io/metadata.name": .string(name)]],
                "spec": ["finalizers": ["kubernetes"]], "status": ["phase": "Active"],
            ]
        }
        let storageClass: JSON = [
            "kind": "StorageClass", "apiVersion": "storage.k8s.io/v1",
            "metadata": ["name": "standard", "annotations": ["storageclass.kubernetes.io/is-default-class": "true"]],
            "provisioner": "martlet.dev/local-folder", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
        ]
        func priority(_ name: String, _ value: Int64, _ description: String) -> JSON {
            [
                "kind": "PriorityClass", "apiVersion": "scheduling.k8s.io/v1",
                "metadata": ["name": .string(name), "generation": 1], "value": .int(value),
                "description": .string(description), "preemptionPolicy": "PreemptLowerPriority",
            ]
        }
        let objects =
            namespaces + DefaultRoles.roles + DefaultRoles.bindings + [
                configMap(
                    "kube-apiserver-legacy-service-account-token-tracking",
                    ["since": .string(String(Timestamp.now.text.prefix("2026-01-01".count)))]),
                storageClass,
                priority(
                    "system-cluster-critical", 2_000_000_000,
                    "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
                ),
                priority(
                    "system-node-critical", 2_000_001_000,
                    "Used for system critical pods that must not be moved from their current node."),
                try ownService(), addressRange,
            ]
        try await withThrowingDiscardingTaskGroup { group in
            for object in objects { group.addTask { try await self.ensure(object) } }
            // Extension servers read here whose client certificates are believed.
            let trust = configMap(
                "extension-apiserver-authentication",
                trusted)
            group.addTask { try await self.ensure(trust, replacing: ["data"]) }
            group.addTask { try await APIServiceRegistrar(cluster: self.cluster).settle() }
        }
    }

    /// Whose word extension servers take for who a user is.
    private var trusted: JSON {
        var data: JSON = ["client-ca-file": .string(configuration.certificateAuthorityPEM)]
        guard !configuration.proxyAuthorityPEM.isEmpty else { return data }
        data["requestheader-allowed-names"] = "[\"front-proxy-client\"]"
        data["requestheader-client-ca-file"] = .string(configuration.proxyAuthorityPEM)
        data["requestheader-extra-headers-prefix"] = "[\"X-Remote-Extra-\"]"
        data["requestheader-group-headers"] = "[\"X-Remote-Group\"]"
        data["requestheader-username-headers"] = "[\"X-Remote-User\"]"
        return data
    }

    private func configMap(_ name: String, _ data: JSON) -> JSON {
        [
            "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": ["name": .string(name), "namespace": "kube-system"], "data": data,
        ]
    }

    /// The range that Services get their addresses from.
    private var addressRange: JSON {
        [
            "kind": "ServiceCIDR", "apiVersion": "networking.k8s.io/v1",
            "metadata": ["name": "kubernetes", "finalizers": ["networking.k8s.io/service-cidr-finalizer"]],
            "spec": ["cidrs": [.string(configuration.serviceCIDR)]],
            "status": [
                "conditions": [
                    [
                        "type": "Ready", "status": "True", "lastTransitionTime": .string(Timestamp.now.text),
                        "reason": "", "message": "Kubernetes Service CIDR is ready",
                    ]
                ]
            ],
        ]
    }

    private func ownService() throws -> JSON {
        let address = try Self.ownServiceAddress(cidr: configuration.serviceCIDR)
        return [
            "kind": "Service", "apiVersion": "v1",
            "metadata": [
                "name": "kubernetes", "namespace": "default",
                "labels": ["component": "apiserver", "provider": "kubernetes"],
            ],
            "spec": [
                "clusterIP": .string(address), "clusterIPs": [.string(address)], "type": "ClusterIP",
                "sessionAffinity": "None", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
                "internalTrafficPolicy": "Cluster",
                "ports": [["name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443]],
            ],
            "status": ["loadBalancer": [:]],
        ]
    }

    /// Says in the Endpoints of `kubernetes.default` where the API listens.
    public func publish(_ address: Address) async throws {
        let metadata: JSON = [
            "name": "kubernetes", "namespace": "default", "labels": ["endpointslice.kubernetes.io/skip-mirror": "true"],
        ]
        try await ensure(
            [
                "kind": "Endpoints", "apiVersion": "v1", "metadata": metadata,
                "subsets": [
                    [
                        "addresses": [["ip": .string(address.ip)]],
                        "ports": [["name": "https", "port": .int(Int64(address.port)), "protocol": "TCP"]],
                    ]
                ],
            ], replacing: ["subsets"])
        try await ensure(
            [
                "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
                "metadata": [
                    "name": "kubernetes", "namespace": "default",
                    "labels": ["kubernetes.io/service-name": "kubernetes"],
                    "generation": 1,
                ], "addressType": "IPv4",
                "endpoints": [["addresses": [.string(address.ip)], "conditions": ["ready": true]]],
                "ports": [["name": "https", "port": .int(Int64(address.port)), "protocol": "TCP"]],
            ], replacing: ["endpoints", "ports"])
    }

    /// Creates an object that is missing. Of one that exists, the fields in `replacing` are set, and the rules of roles
    /// that say so are brought up to date.
    private func ensure(_ object: JSON, replacing fields: [String] = []) async throws {
        guard
            let kind = cluster.registry.find(
                apiVersion: object["apiVersion"]?.string ?? "", kind: object["kind"]?.string ?? "")
        else { return }
        let metadata = object["metadata"] ?? [:]
        let key = kind.key(metadata["namespace"]?.string ?? "", metadata["name"]?.string ?? "")
        guard let stored = try await cluster.get(key) else {
            var new = object
            new.set(.string(UUID().uuidString.lowercased()), at: "metadata", "uid")
            new.set(.string(Timestamp.now.text), at: "metadata", "creationTimestamp")
            _ = try await cluster.put(key, kind.normalized(new), expecting: .absent)
            return
        }
        var present = try stored.json()
        let before = present
        for field in fields { present[field] = object[field] }
        let annotation = present.value(at: "metadata", "annotations", "rbac.authorization.kubernetes.io/autoupdate")?
            .string
        if annotation == "true", kind.type.kind == "ClusterRole", object["aggregationRule"] == nil {
            var rules = present["rules"]?.array ?? []
            for rule in object["rules"]?.array ?? [] where !rules.contains(rule) { rules.append(rule) }
            present["rules"] = .array(rules)
        }
        guard present != before else { return }
        _ = try await cluster.put(key, present, expecting: .revision(stored.revision))
    }
}
