public import KubeModel
import NIOCore

/// A list of objects and the revision of the whole at which it was read.
public struct KubeList: Sendable {
    /// The objects, each with `apiVersion` and `kind`.
    public var items: [KubeObject]
    /// Where a watch continues from.
    public var resourceVersion: String

    /// Makes a list.
    public init(items: [KubeObject], resourceVersion: String) {
        (self.items, self.resourceVersion) = (items, resourceVersion)
    }
}

/// How an object is to change.
public enum KubePatch: Sendable {
    /// RFC 7386.
    case merge(JSON)
    /// RFC 6902.
    case json(JSON)
    /// Lists are merged by the keys that the built-in kinds define.
    case strategic(JSON)
    /// Server-side apply.
    case apply(JSON, manager: String, force: Bool)

    var contentType: String {
        switch self {
        case .merge: "application/merge-patch+json"
        case .json: "application/json-patch+json"
        case .strategic: "application/strategic-merge-patch+json"
        case .apply: "application/apply-patch+yaml"  // JSON is YAML
        }
    }

    var body: JSON {
        switch self {
        case .merge(let body), .json(let body), .strategic(let body), .apply(let body, _, _): body
        }
    }
}

extension KubeClient {
    /// Reads one object.
    ///
    /// - Throws: ``APIError`` `notFound` when it does not exist.
    public func get(_ type: ResourceType, _ name: String, namespace: String? = nil) async throws -> KubeObject {
        let target = KubeTarget(type, name: name, namespace: namespace)
        return type.completed(try await json(KubeRequest("GET", target.text)))
    }

    /// Reads one object, nil when it does not exist.
    public func find(_ type: ResourceType, _ name: String, namespace: String? = nil) async throws -> KubeObject? {
        do {
            return try await get(type, name, namespace: namespace)
        } catch let error as APIError where error.code == 404 {
            return nil
        }
    }

    /// Reads all objects of a type that the selectors match, page by page.
    public func list(
        _ type: ResourceType, namespace: String? = nil, labelSelector: String? = nil, fieldSelector: String? = nil
    ) async throws -> KubeList {
        var list = KubeList(items: [], resourceVersion: "")
        list.resourceVersion = try await forEachPage(
            type, namespace: namespace, labelSelector: labelSelector, fieldSelector: fieldSelector
        ) { list.items += $0 }
        return list
    }

    /// Reads all objects of a type that the selectors match and gives them to `take` page by page, so that they need not
    /// all be in memory.
    ///
    /// - Returns: the revision of the list.
    public func forEachPage(
        _ type: ResourceType, namespace: String? = nil, labelSelector: String? = nil, fieldSelector: String? = nil,
        _ take: ([KubeObject]) -> Void
    ) async throws -> String {
        var revision = ""
        var position: String?
        repeat {
            var target = KubeTarget(type, namespace: namespace)
            target.add("labelSelector", labelSelector)
            target.add("fieldSelector", fieldSelector)
            target.add("limit", String(Self.pageSize))
            target.add("continue", position)
            // The list is at depth 1, its array at 2.
            let page = try await json(KubeRequest("GET", target.text), leavingOut: parts.leftOut(ofObjectsAt: 3))
            take((page["items"]?.array ?? []).map(type.completed))
            revision = page.value(at: "metadata", "resourceVersion")?.string ?? ""
            position = page.value(at: "metadata", "continue")?.string
        } while !(position ?? "").isEmpty
        return revision
    }

    /// Creates an object, in the namespace that it names.
    public func create(_ type: ResourceType, _ object: KubeObject, dryRun: Bool = false) async throws -> KubeObject {
        if type.isNamespaced, (object.namespace ?? "").isEmpty {
            throw APIError(.badRequest, "\(type.kind) \(object.name) needs metadata.namespace to be created")
        }
        var target = KubeTarget(type, namespace: object.namespace)
        if dryRun { target.add("dryRun", "All") }
        return type.completed(try await json(request("POST", target, type.completed(object.json).json)))
    }

    /// Replaces an object, or one of its subresources; `metadata.resourceVersion`, where set, must be the current one.
    public func update(
        _ type: ResourceType, _ object: KubeObject, subresource: String? = nil
    ) async throws -> KubeObject {
        let target = KubeTarget(type, name: object.name, namespace: object.namespace, subresource: subresource)
        return type.completed(try await json(request("PUT", target, type.completed(object.json).json)))
    }

    /// Changes parts of an object, or of one of its subresources.
    public func patch(
        _ type: ResourceType, _ name: String, namespace: String? = nil, _ patch: KubePatch,
        subresource: String? = nil
    ) async throws -> KubeObject {
        var target = KubeTarget(type, name: name, namespace: namespace, subresource: subresource)
        if case .apply(_, let manager, let force) = patch {
            target.add("fieldManager", manager)
            if force { target.add("force", "true") }
        }
        let request = request("PATCH", target, patch.body, contentType: patch.contentType)
        return type.completed(try await json(request))
    }

    /// Deletes an object.
    ///
    /// - Parameters:
    ///   - type: what kind of object.
    ///   - name: its name.
    ///   - namespace: its namespace.
    ///   - propagation: `Foreground`, `Background` or `Orphan`; nil is the server's default.
    ///   - gracePeriodSeconds: how long a Pod may take to end; nil is what the Pod says.
    ///   - uid: the deletion is refused with `conflict` when the object of that name is another one.
    /// - Returns: the object in deletion, or a `Status`.
    /// - Throws: ``APIError`` `notFound` when it does not exist.
    @discardableResult public func delete(
        _ type: ResourceType, _ name: String, namespace: String? = nil, propagation: String? = nil,
        gracePeriodSeconds: Int? = nil, uid: String? = nil
    ) async throws -> JSON {
        var options: JSON = ["kind": "DeleteOptions", "apiVersion": "v1"]
        options["propagationPolicy"] = propagation.map(JSON.string)
        options["gracePeriodSeconds"] = gracePeriodSeconds.map { .int(Int64($0)) }
        if let uid { options["preconditions"] = ["uid": .string(uid)] }
        return try await json(request("DELETE", KubeTarget(type, name: name, namespace: namespace), options))
    }

    /// The log of a container as text; the caller checks `status` and reads the body.
    public func logs(
        pod: String, namespace: String, container: String? = nil, follow: Bool = false, tailLines: Int? = nil,
        previous: Bool = false
    ) async throws -> KubeResponse {
        var target = KubeTarget(.pods, name: pod, namespace: namespace, subresource: "log")
        target.add("container", container)
        if follow { target.add("follow", "true") }
        target.add("tailLines", tailLines.map(String.init))
        if previous { target.add("previous", "true") }
        return try await send(KubeRequest("GET", target.text, headers: [("Accept", "*/*")]))
    }

    private func request(
        _ method: String, _ target: KubeTarget, _ body: JSON, contentType: String = "application/json"
    ) -> KubeRequest {
        KubeRequest(
            method, target.text, headers: [("Content-Type", contentType), ("Accept", "application/json")],
            body: ByteBuffer(bytes: body.bytes))
    }
}

extension ResourceType {
    /// The object with `apiVersion` and `kind`, which the items of lists lack.
    func completed(_ json: JSON) -> KubeObject {
        guard json["kind"] == nil || json["apiVersion"] == nil else { return KubeObject(json) }
        var json = json
        if json["apiVersion"] == nil { json["apiVersion"] = .string(apiVersion) }
        if json["kind"] == nil { json["kind"] = .string(kind) }
        return KubeObject(json)
    }
}
