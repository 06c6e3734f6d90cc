import CEL
import ClusterRules
import KubeModel

/// Applies to objects of a kind what expressions of mutating policies say.
struct ObjectPatching: Sendable {
    /// Why a change cannot be made.
    struct Problem: Error { let message: String }

    let kind: ServedKind

    /// The object with a configuration put over it, as server-side apply does it.
    ///
    /// - Throws: ``Problem`` when the configuration does not fit the kind, or would replace what belongs together.
    func applying(configuration value: Value, to object: JSON) throws -> JSON {
        guard case .object(let made) = value, let structure = made as? StructureValue else {
            throw Problem(
                message: "unsupported return type from ApplyConfiguration expression: \(value.type.runtimeName)")
        }
        try checkNames(structure)
        var patch = try PatchValue.json(structure, isOperation: false)
        patch["apiVersion"] = object["apiVersion"]
        patch["kind"] = object["kind"]
        do {
            var read = patch
            if read["metadata"] == nil { read["metadata"] = [:] }
            let unknown = try kind.read(&read)
            guard unknown.isEmpty else {
                throw Self.misfit(unknown.map { ".\($0): field not declared in schema" })
            }
        } catch let error as APIError {
            throw Self.misfit([Self.reason(error)])
        }
        let shape = MergeShape.declared(by: kind)
        let atomic = shape.atomicParts(of: patch)
        guard atomic.isEmpty else {
            throw Problem(
                message: "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or "
                    + "structs: \(atomic.joined(separator: ", "))")
        }
        return try complete(shape.merge(object, patch))
    }

    /// What is wrong, without the words that say of what.
    private static func reason(_ error: APIError) -> String {
        for end in ["due to an error in our request: ", "cannot be handled as a "] {
            guard let range = error.message.firstRange(of: end) else { continue }
            let rest = error.message[range.upperBound...]
            return String(end.hasPrefix("due") ? rest : rest.drop { $0 != " " }.dropFirst())
        }
        return error.message
    }

    private static func misfit(_ reasons: [String]) -> Problem {
        let text = reasons.count == 1 ? reasons[0] : "errors:\n  \(reasons.joined(separator: "\n  "))"
        return Problem(
            message: "error applying patch: failed to convert patch object to typed object: \(text)")
    }

    /// The object after a list of JSON Patch operations; as it was when one of them tests in vain.
    ///
    /// - Throws: ``Problem`` for operations that cannot be applied, ``APIError`` when no object of the kind is left.
    func applying(operations value: Value, to object: JSON) throws -> JSON {
        guard case .list(let list) = value else {
            throw Problem(message: "type mismatch: JSONPatchType.expression should evaluate to array")
        }
        var operations: [JSON] = []
        for element in list.all { operations.append(try operation(element)) }
        var patched: JSON
        do throws(APIError) {
            patched = try JSONPatch.apply(.array(operations), to: object)
        } catch {
            if error.message.contains("testing value"), error.message.contains("test failed") { return object }
            throw Problem(message: "JSON Patch: \(Self.reason(error))")
        }
        do throws(APIError) {
            let unknown = try kind.read(&patched)
            guard kind.isCustom || unknown.isEmpty else {
                let texts = unknown.map { "unknown field \"\($0)\"" }.joined(separator: ", ")
                throw APIError(.internalError, "strict decoding error: \(texts)")
            }
        } catch {
            let reason = Self.reason(error)
            throw APIError(
                .internalError, "Internal error occurred: \(reason)",
                causes: [.init(field: "", reason: "", message: reason)])
        }
        return try complete(patched)
    }

    private func operation(_ value: Value) throws -> JSON {
        guard case .object(let made) = value, let structure = made as? StructureValue, structure.name == "JSONPatch"
        else {
            throw Problem(message: "type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch")
        }
        var operation: JSON = ["op": "", "path": ""]
        for (name, member) in structure.members {
            if name == "value" {
                if case .object(let inner) = member, let inner = inner as? StructureValue { try checkNames(inner) }
                operation[name] = try PatchValue.json(member, isOperation: true)
            } else if case .string(let text) = member, name != "from" || !text.isEmpty {
                operation[name] = .string(text)
            }
        }
        return operation
    }

    private func complete(_ object: JSON) throws -> JSON {
        var object = object
        try kind.read(&object)
        kind.definition.applyDefaults(&object)
        return object
    }

    /// Types of nested objects are named after the fields that hold them.
    private func checkNames(_ structure: StructureValue) throws(Problem) {
        var problems: [String] = []
        func check(_ value: Value, _ path: String) {
            switch value {
            case .object(let object):
                guard let structure = object as? StructureValue else { return }
                if structure.name != path {
                    problems.append(
                        "unexpected type name \"\(structure.name)\", expected \"\(path)\", which matches field name "
                            + "path from root Object type")
                }
                for (name, member) in structure.members { check(member, "\(path).\(name)") }
            case .list(let list): for element in list.all { check(element, path) }
            case .map(.entries(let entries)):
                for element in MapValue.entries(entries).all { check(element.value, path) }
            default: break
            }
        }
        check(.object(structure), structure.name)
        if !problems.isEmpty { throw Problem(message: "type mismatch: \(problems.joined(separator: "\n"))") }
    }
}

/// Values of expressions as JSON.
enum PatchValue {
    private static let largestExact: Int64 = 1 << 53 - 1

    /// The fields of a structure; in values of JSON Patch operations large numbers become texts.
    static func json(_ structure: StructureValue, isOperation: Bool) throws(ObjectPatching.Problem) -> JSON {
        var object = JSONObject()
        for (name, value) in structure.members { object[name] = try json(value, isOperation: isOperation) }
        return .object(object)
    }

    /// A value.
    static func json(_ value: Value, isOperation: Bool) throws(ObjectPatching.Problem) -> JSON {
        switch value {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .int(let value):
            let isExact = (-largestExact...largestExact).contains(value)
            return isExact || !isOperation ? .int(value) : .string(String(value))
        case .uint(let value):
            return value <= UInt64(largestExact) ? .int(Int64(value)) : .string(String(value))
        case .double(let value): return .double(value)
        case .string(let text): return .string(text)
        case .list(let list):
            var elements: [JSON] = []
            for element in list.all { elements.append(try json(element, isOperation: isOperation)) }
            return .array(elements)
        case .map(let map):
            var object = JSONObject()
            for (key, element) in map.all {
                guard case .string(let name) = key else {
                    throw ObjectPatching.Problem(
                        message: "map key \(key.debugText) is of type \(key.type.runtimeName), not string")
                }
                object[name] = try json(element, isOperation: isOperation)
            }
            return .object(object)
        case .object(let object):
            if let structure = object as? StructureValue { return try json(structure, isOperation: isOperation) }
            fallthrough
        default:
            throw ObjectPatching.Problem(
                message: "JSONPath valueExpression evaluated to a type that could not marshal to JSON: "
                    + value.type.runtimeName)
        }
    }
}
