import Foundation
import KubeClient
import KubeModel
import KubeYAML

/// The objects of `deploy/` that every instance has: definitions of kinds, roles, service accounts.
struct Manifests {
    let root: String
    let client: KubeClient

    private static let manager = "martlet"
    private static let fingerprint = "martlet.dev/manifest"

    /// The folders and files that the platform on one machine takes from `deploy/`, in order.
    private func files() throws -> [String] {
        let files = FileManager.default
        var found: [String] = []
        for folder in ["crds", "base/kubeflow-roles"] {
            found += try files.contentsOfDirectory(atPath: "\(root)/deploy/\(folder)")
                .filter { $0.hasSuffix(".yaml") && $0 != "kustomization.yaml" }.sorted()
                .map { "\(root)/deploy/\(folder)/\($0)" }
        }
        found.insert("\(root)/deploy/base/namespace.yaml", at: 0)
        for service in try files.contentsOfDirectory(atPath: "\(root)/deploy/base").sorted() {
            let file = "\(root)/deploy/base/\(service)/rbac.yaml"
            if files.fileExists(atPath: file), !found.contains(file) { found.append(file) }
        }
        return found
    }

    /// Brings every object to what its file says; objects that already are cost one read each.
    func apply() async throws {
        for file in try files() {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            for document in try YAML.documents(text) where !document.isNull {
                do {
                    try await apply(KubeObject(document))
                } catch let error as APIError {
                    throw Complaint("\(file) could not be applied: \(error.message)")
                }
            }
        }
    }

    private func apply(_ wanted: KubeObject) async throws {
        guard let type = Self.types[wanted.kind] else {
            throw Complaint("objects of kind \(wanted.kind) are not expected among the manifests")
        }
        let print = Self.fingerprint(of: wanted.json.bytes)
        let existing = try await client.find(type, wanted.name, namespace: wanted.namespace)
        if existing?.annotations[Self.fingerprint] == print { return }
        var object = wanted
        object.json.set(.string(print), at: "metadata", "annotations", Self.fingerprint)
        if let existing {
            object.json.set(.string(existing.resourceVersion), at: "metadata", "resourceVersion")
            if wanted.kind == "ServiceAccount" || wanted.kind == "Namespace" {
                _ = try await client.patch(type, wanted.name, namespace: wanted.namespace, .merge(object.json))
            } else {
                _ = try await client.update(type, object)
            }
        } else {
            _ = try await client.create(type, object)
        }
    }

    private static let types: [String: ResourceType] = [
        "Namespace": .namespaces, "CustomResourceDefinition": .customResourceDefinitions,
        "ClusterRole": .clusterRoles, "ClusterRoleBinding": .clusterRoleBindings, "Role": .roles,
        "RoleBinding": .roleBindings, "ServiceAccount": .serviceAccounts, "ConfigMap": .configMaps,
    ]

    /// FNV-1a, 64 bit: enough to see that a file of our own has changed.
    private static func fingerprint(of bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
