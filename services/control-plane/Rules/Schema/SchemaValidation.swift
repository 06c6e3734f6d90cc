import Foundation
import KubeModel

/// One run over an object with a schema.
struct SchemaValidation {
    private(set) var issues: [FieldIssue] = []
    private var path: [String] = []
    /// True when the first part of the path is where the whole value stands, which is a default then.
    private var hasBase = false
    /// How many values were held against a schema.
    private var visits = 0
    /// More issues than these help nobody, and would only make the answer large.
    private static let limit = 100

    private var field: String { path.joined() }

    /// What is wrong with a value that stands at a path.
    static func issues(of value: JSON, _ node: SchemaNode, at path: String) -> [FieldIssue] {
        var validation = SchemaValidation()
        validation.path = [path]
        validation.hasBase = true
        validation.check(value, node, isResource: node.isEmbeddedResource)
        return validation.issues
    }

    private mutating func add(_ reason: FieldIssue.Reason, _ value: JSON?, _ detail: String = "") {
        guard issues.count < Self.limit else { return }
        issues.append(FieldIssue(field: field, reason: reason, value: value, detail: detail))
    }

    private mutating func inBody(_ value: JSON, _ rule: String) { add(.invalid, value, "\(field) in body \(rule)") }

    private mutating func descend(_ step: String, _ body: (inout SchemaValidation) -> Void) {
        let isPlain = path.isEmpty || (step.hasPrefix("[") && !(path.count == 1 && hasBase))
        path.append(isPlain ? step : ".\(step)")
        body(&self)
        path.removeLast()
    }

    /// True when the value has no issue below the schema.
    private func accepts(_ value: JSON, _ node: SchemaNode) -> Bool {
        var attempt = SchemaValidation()
        attempt.path = path
        attempt.check(value, node)
        return attempt.issues.isEmpty
    }

    /// Looks at a value. What is as it was may stay, however wrong it is.
    mutating func check(_ value: JSON, _ node: SchemaNode, isResource: Bool = false, old: JSON? = nil) {
        guard issues.count < Self.limit else { return }
        if let old, node.isSame(value, old) { return }
        visits += 1
        if value.isNull {
            if !node.isNullable, node.type != nil || node.isIntOrString { wrongType(value, node) }
            if node.isNullable, !node.allowed.isEmpty, !node.allowed.contains(.null) { notAllowed(value, node) }
            return
        }
        guard hasRightType(value, node) else {
            wrongType(value, node)
            return
        }
        if !node.allowed.isEmpty, !node.allowed.contains(value) { notAllowed(value, node) }
        switch value {
        case .string(let text): check(text, value, node)
        case .int, .double: checkNumber(value, node)
        case .array(let elements): check(elements, node, old: old?.array)
        case .object(let object): check(object, value, node, isResource: isResource, old: old?.object)
        case .bool, .null: break
        }
        checkCombinations(value, node)
    }

    private mutating func notAllowed(_ value: JSON, _ node: SchemaNode) {
        add(.notSupported, value, "supported values: \(node.allowed.map(\.text).joined(separator: ", "))")
    }

    private func hasRightType(_ value: JSON, _ node: SchemaNode) -> Bool {
        if node.isIntOrString {
            if case .string = value { return true }
            return value.int != nil
        }
        switch (node.type, value) {
        case (nil, _), ("object", .object), ("array", .array), ("string", .string), ("boolean", .bool),
            ("number", .int), ("number", .double), ("integer", .int):
            return true
        case ("integer", .double): return value.int != nil
        default: return false
        }
    }

    private mutating func wrongType(_ value: JSON, _ node: SchemaNode) {
        let found: String
        switch value {
        case .null: found = "null"
        case .bool: found = "boolean"
        case .int: found = "integer"
        case .double: found = "number"
        case .string: found = "string"
        case .array: found = "array"
        case .object: found = "object"
        }
        let wanted = node.isIntOrString ? "integer,string" : node.type ?? ""
        add(.typeInvalid, .string(found), "\(field) in body must be of type \(wanted): \"\(found)\"")
    }

    private mutating func check(_ text: String, _ value: JSON, _ node: SchemaNode) {
        if node.lengths.minimum != nil || node.lengths.maximum != nil {
            let length = Int64(text.unicodeScalars.count)
            if let maximum = node.lengths.maximum, length > maximum {
                add(.tooLong, value, "may not be more than \(maximum) bytes")
            }
            if let minimum = node.lengths.minimum, length < minimum {
                inBody(value, "should be at least \(minimum) chars long")
            }
        }
        if let pattern = node.pattern,
            pattern.firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count)) == nil
        {
            inBody(value, "should match '\(node.patternText)'")
        }
        if let format = node.format, !SchemaFormat.accepts(text, format) {
            add(.typeInvalid, value, "\(field) in body must be of type \(format): \(value.text)")
        }
    }

    private mutating func checkNumber(_ value: JSON, _ node: SchemaNode) {
        guard let number = value.double else { return }
        if let maximum = node.maximum, node.excludesMaximum ? number >= maximum : number > maximum {
            inBody(
                value, "should be less than \(node.excludesMaximum ? "" : "or equal to ")\(JSON.double(maximum).text)")
        }
        if let minimum = node.minimum, node.excludesMinimum ? number <= minimum : number < minimum {
            inBody(
                value,
                "should be greater than \(node.excludesMinimum ? "" : "or equal to ")\(JSON.double(minimum).text)")
        }
        if let factor = node.multipleOf, factor > 0 {
            let quotient = number / factor
            if quotient != quotient.rounded() { inBody(value, "should be a multiple of \(JSON.double(factor).text)") }
        }
        if node.format == "int32", let whole = value.int, Int32(exactly: whole) == nil {
            issues.append(
                FieldIssue(
                    field: hasBase ? path[0] : "<nil>", reason: .invalid, value: "",
                    detail: "Checked value must be of type integer with format int32 in \(field)"))
        }
    }

    private mutating func check(_ elements: [JSON], _ node: SchemaNode, old: [JSON]?) {
        let count = Int64(elements.count)
        if let minimum = node.itemCounts.minimum, count < minimum {
            inBody(.int(count), "should have at least \(minimum) items")
        }
        if let maximum = node.itemCounts.maximum, count > maximum {
            add(.tooMany, .int(count), "must have at most \(maximum) items")
        }
        if let items = node.items {
            let before = OldElements(old, node)
            for (index, element) in elements.enumerated() {
                descend("[\(index)]") {
                    $0.check(element, items, isResource: items.isEmbeddedResource, old: before.match(element))
                }
            }
        }
        // Defaults are not held to it.
        if hasBase { return }
        switch node.listType {
        case .set: checkUnique(elements) { $0 }
        case .map(let keys):
            checkUnique(elements) { element in
                var named = JSONObject()
                for key in keys { named[key] = element[key] ?? node.items?.properties[key]?.defaultValue }
                return .object(named)
            }
        case .atomic:
            if node.hasUniqueItems { checkUnique(elements) { $0 } }
        }
    }

    private mutating func checkUnique(_ elements: [JSON], by identity: (JSON) -> JSON) {
        var seen: Set<String> = []
        for (index, element) in elements.enumerated() {
            let identity = identity(element)
            guard !seen.insert(Self.canonical(identity)).inserted else { continue }
            descend("[\(index)]") { $0.add(.duplicate, identity) }
        }
    }

    /// Text that is the same for equal values, whatever the order of their keys.
    private static func canonical(_ value: JSON) -> String {
        switch value {
        case .object(let object):
            object.keys.sorted().map { "\(JSON.string($0).text):\(canonical(object[$0] ?? .null))" }.joined(
                separator: ",")
        case .array(let elements): "[\(elements.map(canonical).joined(separator: ","))]"
        default: value.text
        }
    }

    private mutating func check(
        _ object: JSONObject, _ value: JSON, _ node: SchemaNode, isResource: Bool, old: JSONObject?
    ) {
        let count = Int64(object.count)
        if let minimum = node.propertyCounts.minimum, count < minimum {
            inBody(.int(count), "should have at least \(minimum) properties")
        }
        if let maximum = node.propertyCounts.maximum, count > maximum {
            add(.tooMany, .int(count), "must have at most \(maximum) items")
        }
        for name in node.required where object[name] == nil {
            descend(name) { $0.add(.required, nil) }
        }
        if isResource, !path.isEmpty {
            checkResource(object)
        }
        for (key, member) in object {
            if isResource, key == "metadata" || key == "apiVersion" || key == "kind" { continue }
            if let child = node.child(key) {
                descend(key) { $0.check(member, child, isResource: child.isEmbeddedResource, old: old?[key]) }
            } else if case .none = node.additional {
                inBody(value, "property \(key) is forbidden")
            }
        }
    }

    /// An embedded resource says what it is, and has labels like any other.
    private mutating func checkResource(_ object: JSONObject) {
        for name in ["apiVersion", "kind"] {
            guard let text = object[name]?.string else {
                descend(name) { $0.add(.required, nil, "must not be empty") }
                continue
            }
            if text.isEmpty { descend(name) { $0.add(.invalid, "", "must not be empty") } }
            guard name == "kind", !text.isEmpty else { continue }
            for problem in NameRules.label1035(text.lowercased()) {
                descend(name) {
                    $0.add(
                        .invalid, .string(text), "may have mixed case, but should otherwise match: \(problem)")
                }
            }
        }
        let labels = object["metadata"]?["labels"]
        let place = field
        issues += MetadataRules.labels(labels, "\(place).metadata.labels")
    }

    private mutating func checkCombinations(_ value: JSON, _ node: SchemaNode) {
        // Where the parts of `allOf` fail, their own issues say more than that they do.
        for part in node.allOf { check(value, part) }
        if !node.anyOf.isEmpty {
            let attempts = attempts(value, node.anyOf)
            if !attempts.contains(where: \.issues.isEmpty) {
                combination("must validate at least one schema (anyOf)")
                addBest(of: attempts)
            }
        }
        if !node.oneOf.isEmpty {
            let attempts = attempts(value, node.oneOf)
            let count = attempts.count { $0.issues.isEmpty }
            if count != 1 {
                let found = count == 0 ? "none valid" : "\(count) valid alternatives"
                combination("must validate one and only one schema (oneOf). Found \(found)")
                if count == 0 { addBest(of: attempts) }
            }
        }
        if let not = node.not, accepts(value, not) { combination("must not validate the schema (not)") }
    }

    /// Issues of a whole value have no field of their own.
    private mutating func combination(_ rule: String) {
        guard issues.count < Self.limit else { return }
        issues.append(
            FieldIssue(
                field: hasBase ? path[0] : "<nil>", reason: .invalid, value: "", detail: "\"\(field)\" \(rule)"))
    }

    private func attempts(_ value: JSON, _ nodes: [SchemaNode]) -> [SchemaValidation] {
        nodes.map { node in
            var attempt = SchemaValidation()
            (attempt.path, attempt.hasBase) = (path, hasBase)
            attempt.check(value, node)
            return attempt
        }
    }

    /// Says what is wrong with the alternative that came nearest: the first that looked at most of the value.
    private mutating func addBest(of attempts: [SchemaValidation]) {
        guard let most = attempts.map(\.visits).max(), let best = attempts.first(where: { $0.visits == most }) else {
            return
        }
        for issue in best.issues where issues.count < Self.limit && !issues.contains(issue) { issues.append(issue) }
    }
}
