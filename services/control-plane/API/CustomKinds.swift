import ClusterRules
import Foundation
import KubeModel

/// Makes served kinds of CustomResourceDefinitions.
enum CustomKinds {
    /// What a definition serves: one kind a served version.
    static func served(by definition: JSON) -> [ServedKind] {
        let spec = definition["spec"] ?? [:]
        let isAccepted = definition.value(at: "status", "conditions")?.array?.contains {
            $0["type"] == "Established" && $0["status"] == "True"
        }
        guard isAccepted == true, let group = spec["group"]?.string, let names = spec["names"],
            let plural = names["plural"]?.string, let kind = names["kind"]?.string
        else { return [] }
        let versions = spec["versions"]?.array ?? []
        let storage = versions.first { $0["storage"]?.bool == true }?["name"]?.string ?? ""
        let sorted = versions.filter { $0["served"]?.bool == true }
            .sorted { VersionOrder.precedes($0["name"]?.string ?? "", $1["name"]?.string ?? "") }
        return sorted.map { version in
            let type = ResourceType(
                group, version["name"]?.string ?? "", plural, kind, isNamespaced: spec["scope"]?.string == "Namespaced")
            return make(type, names: names, version: version, storage: storage, definition: definition)
        }
    }

    private static func make(
        _ type: ResourceType, names: JSON, version: JSON, storage: String, definition: JSON
    ) -> ServedKind {
        let openAPI = version.value(at: "schema", "openAPIV3Schema")
        let preserves = definition.value(at: "spec", "preserveUnknownFields")?.bool == true
        let schema = openAPI.flatMap { try? StructuralSchema($0, preserveUnknown: preserves) }
        let hasStatus = version.value(at: "subresources", "status") != nil
        let scale = version.value(at: "subresources", "scale").flatMap(scalePaths)
        let (columns, cells) = PrinterColumns.make(version["additionalPrinterColumns"]?.array)
        func texts(_ key: String) -> [String] { names[key]?.array?.compactMap(\.string) ?? [] }
        let kind = KindDefinition(
            type: type, singular: names["singular"]?.string, shortNames: texts("shortNames"),
            categories: texts("categories"),
            hasStatus: hasStatus, extraSubresources: scale == nil ? [] : ["scale"],
            prepareForCreate: { object in if hasStatus { object["status"] = nil } },
            validate: { object, old in
                var issues = (schema?.validate(object, old: old) ?? []) + (scale?.issues(in: object) ?? [])
                // An object without a name is as invalid as one without another required field.
                let isNameless = object.value(at: "metadata", "name")?.string?.isEmpty ?? true
                schema?.checkRules(object, old: old, isBlocked: isNameless, issues: &issues)
                return issues
            },
            columns: columns, cells: cells)
        let selectable = version["selectableFields"]?.array?.compactMap {
            $0["jsonPath"]?.string.map { String($0.drop { $0 == "." }) }
        }
        return ServedKind(
            kind,
            custom: .init(
                definitionName: definition.value(at: "metadata", "name")?.string ?? "", schema: schema,
                storageVersion: storage,
                scale: scale, openAPI: openAPI, selectableFields: selectable ?? [],
                isDeprecated: version["deprecated"]?.bool == true))
    }

    private static func scalePaths(_ json: JSON) -> ServedKind.ScalePaths? {
        func path(_ key: String) -> [String]? {
            json[key]?.string.map { $0.split(separator: ".").map(String.init) }
        }
        guard let spec = path("specReplicasPath"), let status = path("statusReplicasPath") else { return nil }
        return .init(specReplicas: spec, statusReplicas: status, labelSelector: path("labelSelectorPath"))
    }
}

extension ServedKind.ScalePaths {
    /// What is wrong with the fields that the `scale` subresource shows; paths are written as the definition has them.
    func issues(in object: JSON) -> [FieldIssue] {
        func number(_ path: [String]) -> FieldIssue? {
            if let root = path.first, path.count > 1, let value = object[root], !value.isNull, value.object == nil {
                let name = ".\(path.joined(separator: "."))"
                return FieldIssue(
                    field: name, reason: .invalid, value: 0,
                    detail: "\(name) accessor error: \(value.text) is no object")
            }
            guard let value = object.value(at: path), !value.isNull else { return nil }
            let detail: String
            if let count = value.int {
                guard count < 0 || count > Int32.max else { return nil }
                detail =
                    count < 0 ? "should be a non-negative integer" : "should be less than or equal to \(Int32.max)"
            } else {
                detail = ".\(path.joined(separator: ".")) accessor error: \(value.text) is no int64"
            }
            return FieldIssue(
                field: ".\(path.joined(separator: "."))", reason: .invalid, value: .int(value.int ?? 0), detail: detail)
        }
        var issues = [number(specReplicas), number(statusReplicas)].compactMap { $0 }
        if let path = labelSelector, let value = object.value(at: path), value.string == nil, !value.isNull {
            let name = ".\(path.joined(separator: "."))"
            issues.append(
                FieldIssue(
                    field: name, reason: .invalid, value: "", detail: "\(name) accessor error: it is no string"))
        }
        return issues
    }
}

/// The order of versions in discovery: `v2`, `v1`, `v2beta1`, `v1beta2`, `v1alpha1`, everything else by name.
enum VersionOrder {
    private static func rank(_ version: String) -> (stage: Int, major: Int, minor: Int)? {
        guard version.first == "v" else { return nil }
        var rest = version.dropFirst()
        let major = rest.prefix { $0.isNumber }
        rest = rest.dropFirst(major.count)
        guard let number = Int(major) else { return nil }
        if rest.isEmpty { return (3, number, 0) }
        for (name, stage) in [("beta", 2), ("alpha", 1)] where rest.hasPrefix(name) {
            guard let minor = Int(rest.dropFirst(name.count)) else { return nil }
            return (stage, number, minor)
        }
        return nil
    }

    static func precedes(_ left: String, _ right: String) -> Bool {
        switch (rank(left), rank(right)) {
        case (let left?, let right?): left > right
        case (_?, nil): true
        case (nil, _?): false
        case (nil, nil): left < right
        }
    }
}

/// Columns that a definition adds to tables.
enum PrinterColumns {
    static func make(_ declared: [JSON]?) -> (columns: [TableColumn], cells: @Sendable (JSON, Date) -> [JSON]) {
        guard let declared, !declared.isEmpty else {
            let age = TableColumn("Age", type: "date", description: TableColumn.age.description)
            return ([.name, age], { [Cell.name($0), Cell.age($0, $1)] })
        }
        let parsed = declared.map { column in
            (type: column["type"]?.string ?? "string", path: FieldPath(column["jsonPath"]?.string ?? ""))
        }
        let columns = declared.map { column in
            TableColumn(
                column["name"]?.string ?? "", type: column["type"]?.string ?? "string",
                format: column["format"]?.string ?? "",
                description: column["description"]?.string
                    ?? "Custom resource definition column (in JSONPath format): \(column["jsonPath"]?.string ?? "")",
                priority: column["priority"]?.int.map(Int.init) ?? 0)
        }
        return (
            [.name] + columns,
            { object, now in
                [Cell.name(object)]
                    + parsed.map { column in
                        // Of several values the first one is shown; what is not of the column's type is not shown.
                        guard let value = column.path.values(in: object).first else { return .null }
                        return cell(of: value, type: column.type, now)
                    }
            }
        )
    }
}

extension PrinterColumns {
    private static func cell(of value: JSON, type: String, _ now: Date) -> JSON {
        switch (type, value) {
        case ("string", .null): return "<no value>"
        case ("string", .string): return value
        case ("string", _): return .string(sorted(value).text)
        case ("date", .string): return Timestamp(value) == nil ? "<invalid>" : Cell.since(value, now)
        case ("integer", .int): return value
        case ("integer", .double(let number)): return .int(Int64(exactly: number.rounded(.towardZero)) ?? .min)
        case ("number", .int), ("number", .double): return value
        case ("boolean", .bool): return value
        default: return .null
        }
    }

    /// The same value with the keys of all objects in order, as it is shown.
    private static func sorted(_ value: JSON) -> JSON {
        switch value {
        case .array(let items): return .array(items.map(sorted))
        case .object(let object):
            var copy = JSONObject()
            for (key, item) in object.sorted(by: { $0.key < $1.key }) { copy[key] = sorted(item) }
            return .object(copy)
        default: return value
        }
    }
}

/// The part of JSONPath that printer columns use: `.spec.a`, `['b']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`.
struct FieldPath: Sendable {
    private enum Step: Sendable {
        case field(String)
        case index(Int)
        case all
        case filter(path: [String], value: String, isEqual: Bool)
    }

    private var steps: [Step] = []

    init(_ text: String) {
        var rest = Substring(text)
        if rest.hasPrefix("{"), rest.hasSuffix("}") { rest = rest.dropFirst().dropLast() }
        if rest.hasPrefix("$") { rest = rest.dropFirst() }
        while let first = rest.first {
            if first == "[" {
                guard let end = Self.closing(rest) else { return }
                let inside = rest[rest.index(after: rest.startIndex)..<end]
                rest = rest[rest.index(after: end)...]
                steps.append(Self.bracket(inside))
            } else {
                if first == "." { rest = rest.dropFirst() }
                var name = ""
                while let next = rest.first, next != ".", next != "[" {
                    rest = rest.dropFirst()
                    if next == "\\", let escaped = rest.first {
                        name.append(escaped)
                        rest = rest.dropFirst()
                    } else {
                        name.append(next)
                    }
                }
                if !name.isEmpty { steps.append(name == "*" ? .all : .field(name)) }
            }
        }
    }

    private static func closing(_ text: Substring) -> Substring.Index? {
        var depth = 0
        var quote: Character?
        for index in text.indices {
            let character = text[index]
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == "[" {
                depth += 1
            } else if character == "]" {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return nil
    }

    private static func bracket(_ text: Substring) -> Step {
        if text == "*" { return .all }
        if let index = Int(text) { return .index(index) }
        if text.hasPrefix("?(@"), text.hasSuffix(")") {
            let condition = text.dropFirst(3).dropLast()
            let sign = condition.contains("!=") ? "!=" : "=="
            let sides = condition.split(separator: sign, maxSplits: 1).map { $0.filter { $0 != " " } }
            if sides.count == 2 {
                return .filter(
                    path: sides[0].split(separator: ".").map(String.init),
                    value: sides[1].filter { $0 != "\"" && $0 != "'" },
                    isEqual: sign == "==")
            }
        }
        return .field(text.filter { $0 != "'" && $0 != "\"" })
    }

    func values(in object: JSON) -> [JSON] {
        var current = [object]
        for step in steps {
            current = current.flatMap { value -> [JSON] in
                switch step {
                case .field(let name): return value[name].map { [$0] } ?? []
                case .index(let index):
                    let count = value.array?.count ?? 0
                    return value[index < 0 ? count + index : index].map { [$0] } ?? []
                case .all: return value.array ?? value.object?.values ?? []
                case .filter(let path, let wanted, let isEqual):
                    return (value.array ?? []).filter { item in
                        let found = item.value(at: path)
                        return ((found?.string ?? found?.text) == wanted) == isEqual
                    }
                }
            }
        }
        return current
    }
}
