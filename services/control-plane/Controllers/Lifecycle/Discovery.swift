import KubeClient
import KubeModel
import Synchronization

/// The types that the API serves, each in its preferred version.
final class Discovery: Sendable {
    struct Resource: Sendable, Hashable {
        let type: ResourceType
        let verbs: Set<String>
    }

    private let client: KubeClient
    private let known = Mutex<[Resource]?>(nil)

    init(client: KubeClient) { self.client = client }

    /// Asks again next time: a CustomResourceDefinition came, went or changed.
    func invalidate() { known.withLock { $0 = nil } }

    /// All types that can be listed and deleted.
    func resources() async throws -> [Resource] {
        if let known = known.withLock({ $0 }) { return known }
        let found = try await load()
        known.withLock { $0 = found }
        return found
    }

    /// The type of an owner reference; asked anew when it is not known, for it may be new.
    func type(apiVersion: String, kind: String) async throws -> ResourceType? {
        func find(_ resources: [Resource]) -> ResourceType? {
            let group = apiVersion.contains("/") ? String(apiVersion.prefix { $0 != "/" }) : ""
            return resources.first { $0.type.apiVersion == apiVersion && $0.type.kind == kind }?.type
                ?? resources.first { $0.type.group == group && $0.type.kind == kind }?.type
        }
        if let type = find(try await resources()) { return type }
        invalidate()
        return find(try await resources())
    }

    private func load() async throws -> [Resource] {
        var found = try await list("/api/v1", group: "", version: "v1")
        let groups = try await client.json(JSONRequest.get("/apis"))
        for group in groups["groups"]?.array ?? [] {
            guard let name = group["name"]?.string,
                let preferred = group.value(at: "preferredVersion", "version")?.string
            else { continue }
            let versions = (group["versions"]?.array ?? []).compactMap { $0["version"]?.string }
            for version in [preferred] + versions.filter({ $0 != preferred }) {
                // A type that only an older version serves is taken from there.
                let resources = try await list("/apis/\(name)/\(version)", group: name, version: version)
                found += resources.filter { new in
                    !found.contains { $0.type.group == name && $0.type.plural == new.type.plural }
                }
            }
        }
        return found
    }

    private func list(_ path: String, group: String, version: String) async throws -> [Resource] {
        let list = try await client.json(JSONRequest.get(path))
        return (list["resources"]?.array ?? []).compactMap { entry in
            guard let plural = entry["name"]?.string, !plural.contains("/"), let kind = entry["kind"]?.string else {
                return nil
            }
            let verbs = Set(entry["verbs"]?.array?.compactMap(\.string) ?? [])
            guard verbs.isSuperset(of: ["list", "delete"]) else { return nil }
            let isNamespaced = entry["namespaced"]?.bool ?? false
            return Resource(
                type: ResourceType(group, version, plural, kind, isNamespaced: isNamespaced), verbs: verbs)
        }
    }
}
