import KubeModel

/// What differs between two states of an object, as field sets.
struct FieldComparison {
    var added = FieldSet()
    var removed = FieldSet()
    var modified = FieldSet()

    init(from old: JSON, to new: JSON, shape: MergeShape) {
        var path: [PathStep] = []
        compare(old, new, shape, &path)
    }

    private mutating func compare(_ old: JSON?, _ new: JSON?, _ shape: MergeShape, _ path: inout [PathStep]) {
        if let old, let new, old == new { return }
        if shape.rule != .atomic {
            switch (old, new) {
            case (.object(let old)?, .object(let new)?) where !(old.isEmpty && new.isEmpty):
                fields(old, new, shape, &path)
                return
            case (nil, .object(let new)?) where !new.isEmpty:
                if !shape.isAlwaysPresent, !path.isEmpty { added.insert(path) }
                fields([:], new, shape, &path)
                return
            case (.object(let old)?, nil) where !old.isEmpty:
                if !path.isEmpty { removed.insert(path) }
                fields(old, [:], shape, &path)
                return
            default: break
            }
            if shape.isKeyedList, old?.array?.isEmpty != true || new?.array?.isEmpty != true,
                let before = Self.items(old), let after = Self.items(new)
            {
                if old == nil, !shape.isAlwaysPresent { added.insert(path) }
                if new == nil { removed.insert(path) }
                elements(before, after, shape, &path)
                return
            }
        }
        if old == nil { added.insert(path) } else if new == nil { removed.insert(path) } else { modified.insert(path) }
    }

    private static func items(_ json: JSON?) -> [JSON]? {
        guard let json else { return [] }
        return json.isNull ? [] : json.array
    }

    private mutating func fields(_ old: JSONObject, _ new: JSONObject, _ shape: MergeShape, _ path: inout [PathStep]) {
        for (key, value) in new {
            path.append(.field(key))
            compare(old[key], value, shape.child(key), &path)
            path.removeLast()
        }
        for (key, value) in old where new[key] == nil {
            path.append(.field(key))
            compare(value, nil, shape.child(key), &path)
            path.removeLast()
        }
    }

    private mutating func elements(_ old: [JSON], _ new: [JSON], _ shape: MergeShape, _ path: inout [PathStep]) {
        var before: [PathStep: JSON] = [:]
        for item in old { if let step = shape.step(of: item) { before[step] = item } }
        var seen: Set<PathStep> = []
        for item in new {
            guard let step = shape.step(of: item) else { continue }
            seen.insert(step)
            path.append(step)
            compare(before[step], item, shape.elements, &path)
            path.removeLast()
        }
        for (step, item) in before where !seen.contains(step) {
            path.append(step)
            compare(item, nil, shape.elements, &path)
            path.removeLast()
        }
    }
}

extension MergeShape {
    var isKeyedList: Bool {
        switch rule {
        case .listMap, .set: true
        default: false
        }
    }

    /// The fields that somebody who applies `json` owns.
    func fieldSet(of json: JSON) -> FieldSet {
        switch (rule, json) {
        case (.atomic, _): return .member
        case (.standard, .object(let object)) where !object.isEmpty:
            var set = FieldSet()
            for (key, value) in object { set.children[.field(key)] = child(key).fieldSet(of: value) }
            return set
        case (.listMap, .array(let items)) where !items.isEmpty, (.set, .array(let items)) where !items.isEmpty:
            var set = FieldSet()
            for item in items {
                guard let step = step(of: item) else { continue }
                var child = elements.fieldSet(of: item)
                child.isMember = true
                set.children[step, default: FieldSet()].formUnion(child)
            }
            return set
        default: return .member
        }
    }

    /// `live` with everything that `applied` says put over it.
    func merge(_ live: JSON?, _ applied: JSON) -> JSON {
        guard let live, rule != .atomic else { return applied }
        switch (live, applied) {
        case (.object(var merged), .object(let applied)) where rule == .standard:
            for (key, value) in applied { merged[key] = child(key).merge(merged[key], value) }
            return .object(merged)
        case (.array(let old), .array(let new)) where isKeyedList:
            // Applied elements keep the order in which they were applied, the others stay where they were.
            var positions: [PathStep: Int] = [:]
            var merged = old
            for (position, item) in old.enumerated() { if let step = step(of: item) { positions[step] = position } }
            for item in new {
                guard let step = step(of: item) else { continue }
                if let position = positions[step] {
                    merged[position] = elements.merge(merged[position], item)
                } else {
                    positions[step] = merged.count
                    merged.append(item)
                }
            }
            return .array(merged)
        default: return applied
        }
    }

    /// `json` without the fields of `gone`, except where `kept` owns something below them. Nil when nothing is left.
    func removing(_ gone: FieldSet, keeping kept: FieldSet, from json: JSON) -> JSON? {
        if gone.isMember, kept.isEmpty { return nil }
        switch json {
        case .object(var object) where rule != .atomic:
            for (step, below) in gone.children {
                guard case .field(let name) = step, let value = object[name] else { continue }
                object[name] = child(name).removing(below, keeping: kept.children[step] ?? FieldSet(), from: value)
            }
            return object.isEmpty && kept.isEmpty ? nil : .object(object)
        case .array(let items) where isKeyedList:
            let left = items.compactMap { item -> JSON? in
                guard let step = step(of: item), let below = gone.children[step] else { return item }
                let above = kept.children[step] ?? FieldSet()
                guard let rest = elements.removing(below, keeping: above, from: item) else { return nil }
                return rest
            }
            return left.isEmpty && !kept.isMember && !items.isEmpty && kept.children.isEmpty ? nil : .array(left)
        default: return json
        }
    }
}
