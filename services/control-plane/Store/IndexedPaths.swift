import KubeModel

/// One field that is indexed.
struct IndexedPath: Sendable {
    /// With dots, as selectors write it.
    let text: String
    let keys: [String]

    /// The field with the value that was found there.
    func field(_ value: JSON?) -> IndexedField {
        let text: String =
            switch value {
            case .string(let text): text
            case .bool(let flag): flag ? "true" : "false"
            case .int(let number): String(number)
            default: ""
            }
        return IndexedField(path: self.text, value: text)
    }
}

/// Which fields of which resources are indexed, and how they are found in an object that is only text.
struct IndexedPaths: Sendable {
    private let byResource: [String: [IndexedPath]]

    init(_ fields: [String: [String]] = [:]) {
        byResource = fields.mapValues { paths in
            paths.map { IndexedPath(text: $0, keys: $0.split(separator: ".").map(String.init)) }
        }
    }

    subscript(resource: String) -> [IndexedPath] { byResource[resource] ?? [] }

    /// The values of the indexed fields in the text of an object.
    func fields(of resource: String, in text: [UInt8]) -> [IndexedField] {
        guard let paths = byResource[resource] else { return [] }
        return paths.map { path in
            path.field(FieldScan.range(of: path.keys, in: text).flatMap { try? JSON(parsing: text[$0]) })
        }
    }

    /// The uids of the owners in the text of an object.
    static func owners(in text: [UInt8]) -> [String] {
        FieldScan.ranges(of: "uid", inArrayAt: ["metadata", "ownerReferences"], in: text).compactMap {
            (try? JSON(parsing: text[$0]))?.string
        }
    }
}
