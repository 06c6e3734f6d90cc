/// `status.conditions` of an object, as a list that keeps its order and its transition times.
public struct Conditions: Sendable, Equatable {
    /// One condition (meta/v1 Condition and the older forms of it).
    public struct Condition: Sendable, Equatable {
        /// The whole condition, unknown fields included.
        public var json: JSON
        /// What it is about, `Ready`.
        public var type: String { json["type"]?.string ?? "" }
        /// `True`, `False` or `Unknown`.
        public var status: String { json["status"]?.string ?? "" }
        /// True when the status is `True`.
        public var isTrue: Bool { status == "True" }
        /// The reason in CamelCase.
        public var reason: String { json["reason"]?.string ?? "" }
        /// The sentence for a person.
        public var message: String { json["message"]?.string ?? "" }
        /// When the status changed last.
        public var lastTransitionTime: String { json["lastTransitionTime"]?.string ?? "" }
    }

    /// The conditions in order.
    public private(set) var all: [Condition]

    /// Reads `status.conditions`.
    public init(_ json: JSON?) { all = (json?.array ?? []).map(Condition.init(json:)) }

    /// Reads the conditions of an object.
    public init(of object: KubeObject) { self.init(object.status["conditions"]) }

    /// The list as written in an object.
    public var json: JSON { .array(all.map(\.json)) }

    /// The condition of a type, or nil.
    public subscript(type: String) -> Condition? { all.first { $0.type == type } }

    /// True when the condition is there with status `True`.
    public func isTrue(_ type: String) -> Bool { self[type]?.isTrue ?? false }

    /// Sets a condition. The transition time only moves when the status changes.
    ///
    /// - Returns: true when anything changed.
    @discardableResult
    public mutating func set(
        _ type: String, _ status: String, reason: String = "", message: String = "", extra: JSONObject = [:],
        now: Timestamp = .now
    ) -> Bool {
        let position = all.firstIndex { $0.type == type }
        let old = position.map { all[$0].json } ?? .object(["type": .string(type)])
        var new = old
        new["status"] = .string(status)
        new["reason"] = reason.isEmpty ? nil : .string(reason)
        new["message"] = message.isEmpty ? nil : .string(message)
        for (key, value) in extra { new[key] = value }
        if old["status"]?.string != status { new["lastTransitionTime"] = now.json }
        guard new != old || position == nil else { return false }
        if let position { all[position].json = new } else { all.append(Condition(json: new)) }
        return true
    }

    /// Removes a condition.
    public mutating func remove(_ type: String) { all.removeAll { $0.type == type } }
}
