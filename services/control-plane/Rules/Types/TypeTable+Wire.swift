/// Structures that are read from the table of wire facts rather than written down again.
extension TypeTable {
    /// Kinds of which the server knows no more than their fields.
    private static let wireRoots = [
        "resource/v1.DeviceClass", "resource/v1.ResourceClaim", "resource/v1.ResourceClaimTemplate",
        "resource/v1.ResourceSlice", "admissionregistration/v1.ValidatingAdmissionPolicy",
        "admissionregistration/v1.ValidatingAdmissionPolicyBinding",
        "admissionregistration/v1.MutatingAdmissionPolicy", "admissionregistration/v1.MutatingAdmissionPolicyBinding",
    ]

    /// The structures of these kinds and all that they refer to, by names such as `resource/v1.ResourceClaim`.
    static var wire: [String: Structure] {
        let table = WireTable.shared
        var structures: [String: Structure] = [:]
        var open = wireRoots.compactMap(table.place)
        let roots = Set(open)
        while let place = open.popLast() {
            let structure = table.structures[place]
            guard structures[structure.typeName] == nil else { continue }
            var fields: Structure = [:]
            if roots.contains(place) {
                for name in ["apiVersion", "kind"] {
                    fields[name] = Field(type: .string, mergeKey: nil, isKeptEmpty: false, dropsZero: true)
                }
            }
            add(structure, to: &fields, &open)
            structures[structure.typeName] = fields
        }
        return structures
    }

    private static func add(_ structure: WireTable.Structure, to fields: inout Structure, _ open: inout [Int]) {
        for field in structure.fields {
            if field.name.isEmpty, case .structure(let place) = field.kind {
                add(WireTable.shared.structures[place], to: &fields, &open)
                continue
            }
            fields[field.name] = Field(
                type: type(field.kind, &open), mergeKey: field.mergeKey, isKeptEmpty: field.isOptional,
                dropsZero: !field.isOptional && !field.isAlwaysWritten, isAlwaysWritten: field.isAlwaysWritten)
        }
    }

    private static func type(_ kind: WireTable.Kind, _ open: inout [Int]) -> FieldType {
        switch kind {
        case .string, .duration: return .string
        case .integer: return .integer
        case .long: return .integer64
        case .number: return .number
        case .boolean: return .boolean
        case .bytes: return .base64
        case .quantity: return .quantity
        case .time: return .time
        case .microTime: return .microTime
        case .integerOrString: return .integerOrString
        case .texts: return .list(.string)
        case .anything, .schemaOrBoolean, .schemaOrSchemas, .schemaOrTexts: return .anything
        case .list(let element): return .list(type(element, &open))
        case .map(let value): return .map(type(value, &open))
        case .structure(let place):
            open.append(place)
            return .structure(WireTable.shared.structures[place].typeName)
        }
    }
}

extension WireTable.Structure {
    /// `core/v1.Pod`
    fileprivate var typeName: String { "\(package).\(name)" }
}
