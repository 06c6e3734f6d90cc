public import KubeModel

/// The merge patch (RFC 7386) that turns one value into another.
public enum MergeDifference {
    /// Nil when both are equal. Members that are missing in `wanted` are removed.
    public static func patch(from current: JSON, to wanted: JSON) -> JSON? {
        guard current != wanted else { return nil }
        guard case .object(let old) = current, case .object(let new) = wanted else { return wanted }
        var patch = JSONObject()
        for (key, value) in new {
            if let before = old[key] {
                patch[key] = self.patch(from: before, to: value)
            } else {
                patch[key] = value
            }
        }
        for key in old.keys where new[key] == nil { patch[key] = .null }
        return .object(patch)
    }

    /// The patch that makes `current` contain all of `wanted`; what only `current` has stays.
    ///
    /// Lists are compared element by element in the same way when they have the same length, so that fields which the
    /// server filled in by default are no difference; else the whole list is replaced.
    public static func patch(in current: JSON?, toContain wanted: JSON) -> JSON? {
        guard let current else { return wanted }
        if contains(current, wanted) { return nil }
        guard case .object(let old) = current, case .object(let new) = wanted else { return wanted }
        var patch = JSONObject()
        for (key, value) in new {
            if let difference = self.patch(in: old[key], toContain: value) { patch[key] = difference }
        }
        return .object(patch)
    }

    /// True when every member of `wanted` is in `current` with an equal (or containing) value.
    public static func contains(_ current: JSON, _ wanted: JSON) -> Bool {
        switch (current, wanted) {
        case (.object(let old), .object(let new)):
            return new.allSatisfy { key, value in
                guard let before = old[key] else { return value.isEmptyValue }
                return contains(before, value)
            }
        case (.array(let old), .array(let new)):
            return old.count == new.count && zip(old, new).allSatisfy { contains($0, $1) }
        default:
            return current == wanted
        }
    }
}

extension JSON {
    /// Null, and empty objects and lists: what servers leave out.
    fileprivate var isEmptyValue: Bool {
        switch self {
        case .null: true
        case .array(let items): items.isEmpty
        case .object(let members): members.isEmpty
        default: false
        }
    }
}
