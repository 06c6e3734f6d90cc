import KubeModel

extension JSON {
    /// `conditions[]` of the given type, of a status.
    func condition(_ type: String) -> JSON? {
        self["conditions"]?.array?.first { $0["type"]?.string == type }
    }

    /// True when the condition is there with status `True`.
    func isTrue(_ type: String) -> Bool { condition(type)?["status"]?.string == "True" }

    /// Sets a condition of a status. Times change only when something else does, the transition only with the status.
    ///
    /// `updateTime` says whether the kind has `lastUpdateTime` (Deployments have).
    mutating func setCondition(
        _ type: String, _ status: Bool, reason: String, message: String, at now: String, updateTime: Bool = false
    ) {
        setCondition(
            type, status: status ? "True" : "False", reason: reason, message: message, at: now, updateTime: updateTime)
    }

    mutating func setCondition(
        _ type: String, status: String, reason: String, message: String, at now: String, updateTime: Bool = false
    ) {
        let old = condition(type)
        if old?["status"]?.string == status, old?["reason"]?.string == reason, old?["message"]?.string == message {
            return
        }
        var condition = old ?? ["type": .string(type)]
        condition["status"] = .string(status)
        condition["reason"] = .string(reason)
        condition["message"] = .string(message)
        if updateTime { condition["lastUpdateTime"] = .string(now) }
        if old?["status"]?.string != status { condition["lastTransitionTime"] = .string(now) }
        var conditions = self["conditions"]?.array ?? []
        if let index = conditions.firstIndex(where: { $0["type"]?.string == type }) {
            conditions[index] = condition
        } else {
            conditions.append(condition)
        }
        self["conditions"] = .array(conditions)
    }

    mutating func removeCondition(_ type: String) {
        guard let conditions = self["conditions"]?.array, condition(type) != nil else { return }
        let rest = conditions.filter { $0["type"]?.string != type }
        self["conditions"] = rest.isEmpty ? nil : .array(rest)
    }

    /// Sets a count, or with 0 removes it, as counts that may be empty are written.
    mutating func setCount(_ key: String, _ value: Int) { self[key] = value == 0 ? nil : .int(Int64(value)) }

    /// A whole number, 0 when absent.
    func count(_ key: String) -> Int { self[key]?.int.map(Int.init) ?? 0 }
}
