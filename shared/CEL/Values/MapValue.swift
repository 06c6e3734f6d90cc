public import KubeModel

/// A map: of values, or a JSON object whose members become values when they are asked for.
public enum MapValue: Sendable {
    case entries(Entries)
    case json(JSONObject, JSONShape)

    /// Keys and values in the order in which they came, and where each key is.
    public final class Entries: Sendable {
        let list: [(key: Value, value: Value)]
        let positions: [ValueKey: Int]

        init(_ list: [(key: Value, value: Value)]) {
            var kept: [(key: Value, value: Value)] = []
            var positions: [ValueKey: Int] = [:]
            for entry in list {
                if let position = positions[ValueKey(entry.key)] {
                    kept[position] = entry
                } else {
                    positions[ValueKey(entry.key)] = kept.count
                    kept.append(entry)
                }
            }
            (self.list, self.positions) = (kept, positions)
        }
    }

    /// A map of keys and values; of equal keys the last one wins.
    public init(_ entries: [(key: Value, value: Value)]) { self = .entries(Entries(entries)) }

    /// How many members there are, as expressions see it.
    public var count: Int {
        switch self {
        case .entries(let entries): entries.list.count
        case .json(let members, let shape):
            if case .object(_, let fields) = shape.kind {
                fields.values.count { !(members[$0.key] ?? .null).isNull }
            } else {
                members.count
            }
        }
    }

    var type: CELType {
        if case .json(_, let shape) = self, case .object(let name, _) = shape.kind { return .structure(name) }
        return .map(.dyn, .dyn)
    }

    /// The member with a name, nil without one. A field of a schema that is null counts as not there.
    @inline(__always)
    public func member(_ name: String) -> Value? {
        switch self {
        case .json(let members, let shape):
            switch shape.kind {
            case .object(_, let fields):
                guard let field = fields[name], let value = members[field.key], !value.isNull else { return nil }
                return Value(value, field.shape)
            case .map(let values): return members[name].map { Value($0, values) }
            default: return members[name].map { Value($0, .dynamic) }
            }
        case .entries: return find(.string(name))
        }
    }

    /// The member with a key, nil without one.
    public func find(_ key: Value) -> Value? {
        switch self {
        case .entries(let entries): return entries.positions[ValueKey(key)].map { entries.list[$0].value }
        case .json:
            guard case .string(let name) = key else { return nil }
            return member(name)
        }
    }

    /// The keys in order.
    public var keys: [Value] {
        switch self {
        case .entries(let entries): return entries.list.map(\.key)
        case .json(let members, let shape):
            guard case .object(_, let fields) = shape.kind else { return members.map { .string($0.key) } }
            return fields.filter { !(members[$0.value.key] ?? .null).isNull }.keys.sorted().map { .string($0) }
        }
    }

    /// Keys and values in order.
    public var all: [(key: Value, value: Value)] {
        switch self {
        case .entries(let entries): entries.list
        case .json: keys.map { ($0, find($0) ?? .null) }
        }
    }
}

extension MapValue: Equatable {
    /// Equal when both have the same keys with equal values.
    public static func == (left: MapValue, right: MapValue) -> Bool {
        guard left.count == right.count else { return false }
        for (key, value) in left.all {
            guard let other = right.find(key), other == value else { return false }
        }
        return true
    }
}
