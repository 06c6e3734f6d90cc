import ClusterRules
import KubeModel
import Synchronization

/// Shapes with everything that the types of a kind declare about what belongs together.
extension MergeShape {
    private static let known = Mutex<[ResourceType: MergeShape]>([:])

    /// The declared shape of a kind.
    static func declared(by kind: ServedKind) -> MergeShape {
        kind.isCustom ? kind.shape : declared(kind.type) ?? kind.shape
    }

    /// The declared shape of a built-in kind; nil for kinds that the table of types does not have.
    static func declared(_ type: ResourceType) -> MergeShape? {
        if let shape = known.withLock({ $0[type] }) { return shape }
        let table = WireTable.shared
        guard let place = table.place(apiVersion: type.apiVersion, kind: type.kind) else { return nil }
        let shape = MergeShape(structure: place, in: table, isAtomic: false, isAlwaysPresent: false, within: [])
        known.withLock { $0[type] = shape }
        return shape
    }

    private convenience init(
        structure place: Int, in table: WireTable, isAtomic: Bool, isAlwaysPresent: Bool, within: Set<Int>
    ) {
        let structure = table.structures[place]
        guard !within.contains(place) else {
            self.init()
            return
        }
        var fields: [String: MergeShape] = [:]
        Self.add(structure, in: table, within: within.union([place]), to: &fields)
        self.init(
            rule: isAtomic || structure.isAtomic ? .atomic : .standard, fields: fields,
            isAlwaysPresent: isAlwaysPresent)
    }

    private static func add(
        _ structure: WireTable.Structure, in table: WireTable, within: Set<Int>, to fields: inout [String: MergeShape]
    ) {
        for field in structure.fields {
            if field.name.isEmpty, case .structure(let place) = field.kind {
                add(table.structures[place], in: table, within: within, to: &fields)
            } else if case .structure(let place) = field.kind {
                fields[field.name] = MergeShape(
                    structure: place, in: table, isAtomic: field.ownership == .atomic,
                    isAlwaysPresent: field.isAlwaysWritten, within: within)
            } else {
                fields[field.name] = shape(of: field.kind, field.ownership, in: table, within: within)
            }
        }
    }

    private static func shape(
        of kind: WireTable.Kind, _ ownership: WireTable.Ownership, in table: WireTable, within: Set<Int>
    ) -> MergeShape {
        switch kind {
        case .list(let element):
            let elements = shape(of: element, .unmarked, in: table, within: within)
            switch ownership {
            case .map(let keys):
                // The one key that elements may leave out.
                let defaults: [String: JSON] = keys.contains("protocol") ? ["protocol": "TCP"] : [:]
                return MergeShape(rule: .listMap(keys), keyDefaults: defaults, element: elements)
            case .set: return MergeShape(rule: .set, element: elements)
            case .unmarked, .atomic: return MergeShape(rule: .atomic, element: elements)
            }
        case .map(let value):
            return MergeShape(
                rule: ownership == .atomic ? .atomic : .standard,
                element: shape(of: value, .unmarked, in: table, within: within))
        case .structure(let place):
            return MergeShape(
                structure: place, in: table, isAtomic: ownership == .atomic, isAlwaysPresent: false, within: within)
        case .texts: return .atomic
        default: return .standard
        }
    }

    /// Paths of the parts of a value that can only be replaced as a whole.
    func atomicParts(of json: JSON, path: String = "") -> [String] {
        switch json {
        case .object(let members):
            var found = rule == .atomic ? [path] : []
            for (name, value) in members {
                if let field = fields[name] { found += field.atomicParts(of: value, path: "\(path).\(name)") }
            }
            return found
        case .array(let elements):
            var found = rule == .atomic || rule == .standard ? [path] : []
            for (index, value) in elements.enumerated() {
                found += self.elements.atomicParts(of: value, path: "\(path)[\(index)]")
            }
            return found
        default: return []
        }
    }
}
