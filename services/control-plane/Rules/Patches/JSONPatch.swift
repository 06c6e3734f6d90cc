public import KubeModel

/// JSON Patch (RFC 6902).
public enum JSONPatch {
    /// How many operations one patch may have.
    public static let maximumOperations = 10_000
    /// How many bytes all `copy` operations of a patch together may add: a few of them could double a document again and
    /// again.
    public static let maximumCopiedBytes = 3 << 20

    /// Applies the operations one after the other.
    ///
    /// - Throws: ``APIError``: `badRequest` for what is no patch, `invalid` where an operation cannot be applied.
    public static func apply(_ operations: JSON, to document: JSON) throws(APIError) -> JSON {
        guard case .array(let list) = operations else {
            throw APIError(.badRequest, "error decoding patch: a JSON patch must be an array of operations")
        }
        guard list.count <= maximumOperations else {
            throw APIError(
                .requestEntityTooLarge,
                "The allowed maximum operations in a JSON patch is \(maximumOperations), got \(list.count)")
        }
        var result = document
        var copied = 0
        for operation in list { try apply(operation, to: &result, &copied) }
        return result
    }

    private static func apply(
        _ operation: JSON, to document: inout JSON, _ copied: inout Int
    ) throws(APIError) {
        guard let name = operation["op"]?.string, let pathText = operation["path"]?.string else {
            throw APIError(.badRequest, "error decoding patch: an operation needs 'op' and 'path'")
        }
        let path = try pointer(pathText)
        switch name {
        case "add": try change(&document, path[...], pathText, .add(try value(of: operation, at: path)))
        case "replace": try change(&document, path[...], pathText, .replace(try value(of: operation, at: path)))
        case "remove": try change(&document, path[...], pathText, .remove)
        case "test":
            // RFC 6902 demands the member `value`; one that is not there is tested as null, as the server does.
            let expected = operation["value"] ?? .null
            guard (find(document, path) ?? .null) == expected else {
                throw failure("testing value \(pathText) failed: test failed")
            }
        case "move", "copy":
            guard let fromText = operation["from"]?.string else {
                throw APIError(.badRequest, "error decoding patch: '\(name)' needs 'from'")
            }
            let from = try pointer(fromText)
            guard let moved = find(document, from) else { throw missing(fromText) }
            if name == "move" {
                guard path.count <= from.count || Array(path.prefix(from.count)) != from || path == from else {
                    throw failure("a value cannot be moved into itself: \(fromText)")
                }
                if path == from { return }
                try change(&document, from[...], fromText, .remove)
            } else {
                copied += moved.bytes.count
                guard copied <= maximumCopiedBytes else {
                    throw failure(
                        "Unable to complete the copy, the accumulated size increase of copy is \(copied), exceeding the "
                            + "limit \(maximumCopiedBytes)")
                }
            }
            try checkDepth(of: moved, at: path)
            try change(&document, path[...], pathText, .add(moved))
        default: throw failure("Unexpected kind: \(name)")
        }
    }

    private enum Change {
        case add(JSON)
        case replace(JSON)
        case remove
    }

    private static func value(of operation: JSON, at path: [String]) throws(APIError) -> JSON {
        guard let value = operation["value"] else {
            throw APIError(.badRequest, "error decoding patch: the operation needs 'value'")
        }
        try checkDepth(of: value, at: path)
        return value
    }

    /// Values put into values must not become deeper than what can be read again.
    private static func checkDepth(of value: JSON, at path: [String]) throws(APIError) {
        guard path.count + depth(of: value) <= JSON.maximumDepth else {
            throw failure("the result would be nested deeper than \(JSON.maximumDepth)")
        }
    }

    private static func depth(of value: JSON) -> Int {
        switch value {
        case .array(let elements): 1 + (elements.lazy.map(depth).max() ?? 0)
        case .object(let object): 1 + (object.values.lazy.map(depth).max() ?? 0)
        default: 0
        }
    }

    /// The keys of a JSON pointer (RFC 6901).
    static func pointer(_ text: String) throws(APIError) -> [String] {
        if text.isEmpty { return [] }
        guard text.hasPrefix("/") else { throw failure("the path '\(text)' must begin with '/'") }
        return text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { part in
            part.contains("~") ? String(part).replacing("~1", with: "/").replacing("~0", with: "~") : String(part)
        }
    }

    private static func find(_ document: JSON, _ path: [String]) -> JSON? {
        var current = document
        for key in path {
            switch current {
            case .object(let object):
                guard let next = object[key] else { return nil }
                current = next
            case .array(let elements):
                guard let index = index(key), elements.indices.contains(index) else { return nil }
                current = elements[index]
            default: return nil
            }
        }
        return current
    }

    private static func index(_ text: String) -> Int? {
        guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), text == "0" || !text.hasPrefix("0") else {
            return nil
        }
        return Int(text)
    }

    private static func change(
        _ document: inout JSON, _ path: ArraySlice<String>, _ text: String, _ change: Change
    ) throws(APIError) {
        guard let key = path.first else {
            switch change {
            case .add(let value), .replace(let value): document = value
            case .remove: document = .null
            }
            return
        }
        let rest = path.dropFirst()
        switch document {
        case .object(var object):
            if rest.isEmpty {
                switch change {
                case .add(let value): object[key] = value
                case .replace(let value):
                    guard object[key] != nil else { throw missing(text) }
                    object[key] = value
                case .remove:
                    guard object[key] != nil else { throw missing(text) }
                    object[key] = nil
                }
            } else {
                guard var child = object[key] else { throw missing(text) }
                try Self.change(&child, rest, text, change)
                object[key] = child
            }
            document = .object(object)
        case .array(var elements):
            if rest.isEmpty, key == "-", case .add(let value) = change {
                elements.append(value)
            } else {
                guard let index = index(key) else { throw missing(text) }
                if rest.isEmpty, case .add(let value) = change {
                    guard index <= elements.count else { throw outside(text) }
                    elements.insert(value, at: index)
                } else {
                    guard elements.indices.contains(index) else { throw outside(text) }
                    if !rest.isEmpty {
                        try Self.change(&elements[index], rest, text, change)
                    } else if case .replace(let value) = change {
                        elements[index] = value
                    } else {
                        elements.remove(at: index)
                    }
                }
            }
            document = .array(elements)
        default: throw missing(text)
        }
    }

    private static func failure(_ message: String) -> APIError {
        APIError(.invalid, "the server rejected our request due to an error in our request: \(message)")
    }
    private static func missing(_ path: String) -> APIError {
        failure("the path '\(path)' does not exist: missing value")
    }
    private static func outside(_ path: String) -> APIError {
        failure("the path '\(path)' is out of bounds: invalid index referenced")
    }
}

/// JSON Merge Patch (RFC 7386).
public enum MergePatch {
    /// Applies the patch: objects merge, null removes, everything else replaces.
    public static func apply(_ patch: JSON, to document: JSON) -> JSON {
        guard case .object(let changes) = patch else { return patch }
        guard case .object(var object) = document else {
            var object = JSONObject()
            for (key, value) in changes where !value.isNull { object[key] = apply(value, to: .null) }
            return .object(object)
        }
        for (key, value) in changes {
            if value.isNull {
                object[key] = nil
            } else if case .object = value {
                object[key] = apply(value, to: object[key] ?? .null)
            } else {
                object[key] = value
            }
        }
        return .object(object)
    }
}
