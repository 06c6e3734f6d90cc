public import KubeModel

/// A list: of values, or of JSON values that become values when they are asked for.
public enum ListValue: Sendable {
    case values([Value])
    case json([JSON], JSONShape, JSONShape.ListKind)

    /// How many elements there are.
    @inline(__always)
    public var count: Int {
        switch self {
        case .values(let values): values.count
        case .json(let items, _, _): items.count
        }
    }

    /// The element at a position that exists.
    @inline(__always)
    public subscript(index: Int) -> Value {
        switch self {
        case .values(let values): values[index]
        case .json(let items, let shape, _): Value(items[index], shape)
        }
    }

    /// All elements.
    public var all: [Value] {
        switch self {
        case .values(let values): values
        case .json(let items, let shape, _): items.map { Value($0, shape) }
        }
    }

    var kind: JSONShape.ListKind { if case .json(_, _, let kind) = self { kind } else { .plain } }

    func contains(_ wanted: Value) -> Bool {
        for index in 0..<count where self[index] == wanted { return true }
        return false
    }

    /// Both lists in one. Sets take over what they do not have yet, lists known by keys replace what has the same keys.
    static func + (left: ListValue, right: ListValue) -> ListValue {
        switch left.kind {
        case .plain: return .values(left.all + right.all)
        case .set:
            var values = left.all
            var known = Set(values.map(ValueKey.init))
            for value in right.all where known.insert(ValueKey(value)).inserted { values.append(value) }
            return .values(values)
        case .keyed(let keys):
            var values = left.all
            var positions: [ValueKey: Int] = [:]
            for (index, value) in values.enumerated() { positions[value.identity(keys)] = index }
            for value in right.all {
                let identity = value.identity(keys)
                if let position = positions[identity] {
                    values[position] = value
                } else {
                    positions[identity] = values.count
                    values.append(value)
                }
            }
            return .values(values)
        }
    }
}

extension ListValue: Equatable {
    /// Equal element by element; sets in any order, lists known by keys element by element of the same keys.
    public static func == (left: ListValue, right: ListValue) -> Bool {
        guard left.count == right.count else { return false }
        switch (left.kind, right.kind) {
        case (.keyed(let keys), _), (.plain, .keyed(let keys)):
            let others = Dictionary(right.all.map { ($0.identity(keys), $0) }, uniquingKeysWith: { first, _ in first })
            return left.all.allSatisfy { others[$0.identity(keys)] == $0 }
        case (.set, _), (.plain, .set):
            return Set(left.all.map(ValueKey.init)) == Set(right.all.map(ValueKey.init))
        case (.plain, .plain):
            for index in 0..<left.count where left[index] != right[index] { return false }
            return true
        }
    }
}

extension Value {
    /// The values of the fields by which a list knows this element.
    fileprivate func identity(_ keys: [String]) -> ValueKey {
        guard case .map(let map) = self else { return ValueKey(.null) }
        return ValueKey(.list(keys.map { map.member($0) ?? .null }))
    }
}
