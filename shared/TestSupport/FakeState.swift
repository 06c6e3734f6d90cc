import Foundation
import KubeClient
import KubeModel
import NIOCore

struct FakeWatcher: Sendable {
    let target: FakeTarget
    let continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation
}

struct FakeEvent: Sendable {
    let revision: UInt64
    let target: FakeTarget
    let object: JSON
    let line: [UInt8]
}

/// What a request addresses, and what of it a watch or list wants.
struct FakeTarget: Sendable {
    let path: String
    /// `group/plural`: versions of one type share their objects.
    let collection: String
    let namespace: String?
    let name: String?
    let subresource: String?
    let query: [String: String]

    init(_ text: String) throws {
        let parts = text.split(separator: "?", maxSplits: 1)
        path = parts.first.map(String.init) ?? ""
        var query: [String: String] = [:]
        for item in parts.dropFirst().first?.split(separator: "&") ?? [] {
            let pair = item.split(separator: "=", maxSplits: 1).map { String($0).removingPercentEncoding ?? "" }
            query[pair[0]] = pair.count > 1 ? pair[1] : ""
        }
        self.query = query
        var segments = path.split(separator: "/").map { String($0).removingPercentEncoding ?? "" }[...]
        let isCore = segments.popFirst() == "api"
        let group = isCore ? "" : segments.popFirst() ?? ""
        _ = segments.popFirst()
        if segments.first == "namespaces", segments.count >= 3, segments[segments.startIndex + 2] != "status" {
            namespace = segments[segments.startIndex + 1]
            segments = segments.dropFirst(2)
        } else {
            namespace = nil
        }
        guard let plural = segments.popFirst() else { throw APIError(.notFound, "no such path: \(path)") }
        collection = "\(group)/\(plural)"
        name = segments.popFirst()
        subresource = segments.popFirst()
    }

    /// True when an object of another target belongs to this collection and the selectors match it.
    func matches(_ other: FakeTarget, _ object: JSON) -> Bool {
        guard collection == other.collection, namespace == nil || namespace == other.namespace else { return false }
        let labels = object.value(at: "metadata", "labels")?.stringMap ?? [:]
        let labelsMatch = terms("labelSelector").allSatisfy { key, value, isEqual in
            guard let value else { return labels[key] != nil }
            return (labels[key] == value) == isEqual
        }
        return labelsMatch
            && terms("fieldSelector").allSatisfy { key, value, isEqual in
                (object.value(at: key.split(separator: ".").map(String.init))?.string == value) == isEqual
            }
    }

    private func terms(_ selector: String) -> [(key: String, value: String?, isEqual: Bool)] {
        (query[selector] ?? "").split(separator: ",").map { term in
            if let range = term.range(of: "!=") {
                return (String(term[..<range.lowerBound]), String(term[range.upperBound...]), false)
            }
            let pair = term.split(separator: "=", omittingEmptySubsequences: true)
            return (String(pair[0]), term.contains("=") ? String(pair.dropFirst().first ?? "") : nil, true)
        }
    }
}

struct FakeState {
    typealias Line = (AsyncThrowingStream<ByteBuffer, any Error>.Continuation, [UInt8])

    var objects: [String: (target: FakeTarget, json: JSON)] = [:]
    var revision: UInt64 = 100
    var oldest: UInt64 = 0
    var history: [FakeEvent] = []
    var watchers: [Int: FakeWatcher] = [:]
    var watcherIDs = 0
    var writes: [String] = []
    var rule: (@Sendable (KubeRequest) -> APIError?)?

    private func key(_ target: FakeTarget, _ name: String?) -> String {
        "\(target.collection)|\(target.namespace ?? "")|\(name ?? "")"
    }

    func existing(_ target: FakeTarget) throws -> JSON {
        guard let found = objects[key(target, target.name)] else {
            throw APIError(.notFound, "\(target.collection) \"\(target.name ?? "")\" not found", name: target.name)
        }
        return found.json
    }

    func list(_ target: FakeTarget) -> JSON {
        let items = objects.filter { target.matches($0.value.target, $0.value.json) }.sorted { $0.key < $1.key }
        return [
            "kind": "List", "apiVersion": "v1", "metadata": ["resourceVersion": .string(String(revision))],
            "items": .array(items.map(\.value.json)),
        ]
    }

    mutating func write(
        _ method: String, _ target: FakeTarget, _ body: JSON, _ contentType: String
    ) throws -> (JSON, [Line]) {
        switch method {
        case "POST":
            var json = body
            let name = body.value(at: "metadata", "name")?.string ?? ""
            guard objects[key(target, name)] == nil else {
                throw APIError(.alreadyExists, "\(target.collection) \"\(name)\" already exists", name: name)
            }
            json.set(.string(UUID().uuidString.lowercased()), at: "metadata", "uid")
            json.set("2024-05-01T10:00:00Z", at: "metadata", "creationTimestamp")
            json.set(1, at: "metadata", "generation")
            if target.namespace != nil { json.set(target.namespace.map(JSON.string), at: "metadata", "namespace") }
            return store(json, target, name, "ADDED")
        case "PUT", "PATCH":
            let old = try existing(target)
            // A server-side apply creates what is not there; here it needs the object, as the others do.
            var json = method == "PUT" ? body : contentType.contains("json-patch") ? old : Self.merged(old, body)
            if target.subresource == "status" {
                var kept = old
                kept["status"] = json["status"]
                json = kept
            }
            if let expected = body.value(at: "metadata", "resourceVersion")?.string,
                expected != old.value(at: "metadata", "resourceVersion")?.string
            {
                throw APIError(.conflict, "the object has been modified; apply your changes to the latest version")
            }
            json.set(old.value(at: "metadata", "uid"), at: "metadata", "uid")
            let isUnchanged = json == old
            if isUnchanged { return (old, []) }
            if json["spec"] != old["spec"] {
                let generation = old.value(at: "metadata", "generation")?.int ?? 0
                json.set(.int(generation + 1), at: "metadata", "generation")
            }
            let isDeleting = json.value(at: "metadata", "deletionTimestamp") != nil
            let finalizers = json.value(at: "metadata", "finalizers")?.array ?? []
            return store(json, target, target.name ?? "", isDeleting && finalizers.isEmpty ? "DELETED" : "MODIFIED")
        case "DELETE":
            var json = try existing(target)
            if let uid = body.value(at: "preconditions", "uid"), uid != json.value(at: "metadata", "uid") {
                throw APIError(.conflict, "the uid is another one")
            }
            guard json.value(at: "metadata", "finalizers")?.array?.isEmpty ?? true else {
                json.set("2024-05-01T11:00:00Z", at: "metadata", "deletionTimestamp")
                return store(json, target, target.name ?? "", "MODIFIED")
            }
            return store(json, target, target.name ?? "", "DELETED")
        default: throw APIError(.methodNotAllowed, "\(method) is not supported")
        }
    }

    private mutating func store(_ json: JSON, _ target: FakeTarget, _ name: String, _ type: String) -> (JSON, [Line]) {
        revision += 1
        var json = json
        json.set(.string(String(revision)), at: "metadata", "resourceVersion")
        objects[key(target, name)] = type == "DELETED" ? nil : (target, json)
        let event: JSON = ["type": .string(type), "object": json]
        let line = event.bytes + [UInt8(ascii: "\n")]
        history.append(FakeEvent(revision: revision, target: target, object: json, line: line))
        let concerned = watchers.values.filter { $0.target.matches(target, json) }
        return (json, concerned.map { ($0.continuation, line) })
    }

    static func merged(_ target: JSON, _ patch: JSON) -> JSON {
        guard case .object(let members) = patch else { return patch }
        var result = target
        if target.object == nil { result = [:] }
        for (key, value) in members {
            result[key] = value.isNull ? nil : merged(result[key] ?? .null, value)
        }
        return result
    }
}
