import Foundation
public import KubeModel

/// The kinds that the API server brings along, in the order of discovery.
public enum BuiltinKinds {
    /// All of them.
    public static let all: [KindDefinition] =
        core + workloads + jobs + access + networking + storage + policies + reviews + extensions
        + devices + admissionPolicies + refused + registrations + measurements

    private static let typeNames: [ResourceType: String] = Dictionary(
        all.compactMap { kind in kind.mergeKeys.map { (kind.type, $0.root) } }, uniquingKeysWith: { first, _ in first })

    /// The definition of a built-in kind.
    public static func find(_ type: ResourceType) -> KindDefinition? { all.first { $0.type == type } }

    /// The name of a kind in the table of types; nil for kinds that are not built in.
    static func typeName(of type: ResourceType) -> String? { typeNames[type] }

    /// Makes the definition of a kind whose fields are in the table of types. On creation the status is dropped, on
    /// update the stored one is kept. A new status is checked by `validateStatus`, what other subresources make of an
    /// object by `validate` or, when it answers, by `validateSubresource`.
    static func kind(
        _ type: ResourceType, root: String? = nil, short: [String] = [], categories: [String] = [],
        hasStatus: Bool = false, comesWithStatus: Bool = false, subresources: [String] = [], isCreateOnly: Bool = false,
        storedAs: ResourceType? = nil, fromStored: @escaping @Sendable (JSON) -> JSON = { $0 },
        toStored: @escaping @Sendable (JSON) -> JSON = { $0 },
        defaults: @escaping @Sendable (inout JSON) -> Void = { _ in },
        create: (@Sendable (inout JSON) -> Void)? = nil,
        update: (@Sendable (inout JSON, JSON) -> Void)? = nil,
        validate: @escaping @Sendable (JSON, JSON?, inout Issues) -> Void = { _, _, _ in },
        prepareForSubresource: @escaping @Sendable (inout JSON, JSON, String) -> Void = { _, _, _ in },
        validateStatus: @escaping @Sendable (JSON, JSON, inout Issues) -> Void = { _, _, _ in },
        validateSubresource: @escaping @Sendable (JSON, JSON, String) -> [FieldIssue]? = { _, _, _ in nil },
        warnings: @escaping @Sendable (JSON, JSON?, String) -> [String] = { _, _, _ in [] },
        columns: [TableColumn] = [.name, .age],
        cells: @escaping @Sendable (JSON, Date) -> [JSON] = { [Cell.name($0), Cell.age($0, $1)] }
    ) -> KindDefinition {
        let name = root ?? type.kind
        return KindDefinition(
            type: type, shortNames: short, categories: categories, hasStatus: hasStatus,
            extraSubresources: subresources,
            isCreateOnly: isCreateOnly, storedAs: storedAs, fromStored: fromStored, toStored: toStored,
            decode: { (object: inout JSON) throws(APIError) -> [String] in
                var reader = TypedReader(kind: type)
                try reader.read(&object, as: name)
                return reader.unknown
            },
            applyDefaults: { object in
                defaults(&object)
                TypedReader.complete(&object, as: name)
            },
            prepareForCreate: { object in
                if hasStatus, !comesWithStatus { object["status"] = nil }
                create?(&object)
            },
            prepareForUpdate: { object, old in
                if hasStatus { object["status"] = old["status"] }
                update?(&object, old)
            },
            validate: { object, old in
                var issues = Issues()
                validate(object, old, &issues)
                return issues.all
            },
            prepareForSubresource: prepareForSubresource,
            validateStatus: { object, old in
                var issues = Issues()
                validateStatus(object, old, &issues)
                return issues.all
            },
            validateSubresource: validateSubresource,
            warnings: warnings,
            columns: columns, cells: cells, mergeKeys: MergeKeys(root: name))
    }
}
