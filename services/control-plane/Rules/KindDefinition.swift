public import Foundation
public import KubeModel

/// A column of the table form of a list (meta/v1 TableColumnDefinition).
public struct TableColumn: Sendable, Equatable {
    /// Heading, as written before clients capitalise it.
    public let name: String
    /// `string`, `integer`, `number`, `boolean` or `date`.
    public let type: String
    /// OpenAPI format; `name` marks the column with the object's name.
    public let format: String
    /// What the column shows.
    public let description: String
    /// 0 is always shown, others only in wide output.
    public let priority: Int

    /// Makes a column.
    public init(
        _ name: String, type: String = "string", format: String = "", description: String = "", priority: Int = 0
    ) {
        (self.name, self.type, self.format) = (name, type, format)
        (self.description, self.priority) = (description, priority)
    }

    /// The column as written in a Table.
    public var json: JSON {
        [
            "name": .string(name), "type": .string(type), "format": .string(format),
            "description": .string(description), "priority": .int(Int64(priority)),
        ]
    }

    /// The column of names, which every table begins with.
    public static let name = TableColumn(
        "Name", format: "name", description: "Name of the object, unique within its namespace.")
    /// The column that tells how long ago the object was made.
    public static let age = TableColumn("Age", description: "How long ago the object was created.")
    /// The column with the moment at which the object was made.
    public static let createdAt = TableColumn("Created At", type: "date", description: "When the object was created.")
}

/// All that the API has to know about one kind. Built-in kinds are in ``BuiltinKinds``, custom ones are made from their
/// CustomResourceDefinition.
public struct KindDefinition: Sendable {
    /// Group, version, plural and kind.
    public let type: ResourceType
    /// Singular name, `pod`.
    public let singular: String
    /// Short names, `po`.
    public let shortNames: [String]
    /// Categories, `all`.
    public let categories: [String]
    /// True with a `status` subresource.
    public let hasStatus: Bool
    /// Subresources besides `status`.
    public let extraSubresources: [String]
    /// True for reviews, which are answered and not stored.
    public let isCreateOnly: Bool
    /// True for what the node agent measures: read only, not stored, not watched.
    public let isMeasured: Bool
    /// The kind under which objects are stored, when that is another one (`events.k8s.io` Events are core Events).
    public let storedAs: ResourceType?
    /// Turns a stored object of ``storedAs`` into one of this kind.
    public let fromStored: @Sendable (JSON) -> JSON
    /// Turns an object of this kind into one of ``storedAs``.
    public let toStored: @Sendable (JSON) -> JSON
    /// Reads the object as the typed server does: drops nulls and unknown fields, writes quantities canonically. Answers
    /// the paths of unknown fields; throws `badRequest` for values of the wrong type.
    public let decode: @Sendable (inout JSON) throws(APIError) -> [String]
    /// Fills in what was left out.
    public let applyDefaults: @Sendable (inout JSON) -> Void
    /// Prepares a new object, after its uid was set: drops what clients may not set.
    public let prepareForCreate: @Sendable (inout JSON) -> Void
    /// Prepares a changed object (the first) given the stored one: keeps what clients may not change.
    public let prepareForUpdate: @Sendable (inout JSON, JSON) -> Void
    /// Finds what is wrong; the second object is the stored one when it is changed.
    public let validate: @Sendable (JSON, JSON?) -> [FieldIssue]
    /// Prepares what a request to a subresource (the last argument) changes, given the stored object: everything that
    /// the subresource is not about stays as it was.
    public let prepareForSubresource: @Sendable (inout JSON, JSON, String) -> Void
    /// Finds what is wrong with a new status; the second object is the stored one. Used instead of ``validate`` where
    /// only the status is written.
    public let validateStatus: @Sendable (JSON, JSON) -> [FieldIssue]
    /// Finds what is wrong with what a request to another subresource makes of the stored object; nil where ``validate``
    /// holds for those requests, too.
    public let validateSubresource: @Sendable (JSON, JSON, String) -> [FieldIssue]?
    /// What the writer of an object is to be told although it is accepted: the object, the stored one when it is
    /// changed, and the subresource.
    public let warnings: @Sendable (JSON, JSON?, String) -> [String]
    /// Columns of the table form.
    public let columns: [TableColumn]
    /// Cells of an object's row.
    public let cells: @Sendable (JSON, Date) -> [JSON]
    /// How lists merge in a strategic merge patch; nil for custom resources, which have no such patches.
    public let mergeKeys: MergeKeys?

    /// Makes a definition; what is left out does nothing. `root` names the type in the table of built-in types.
    public init(
        type: ResourceType, singular: String? = nil, shortNames: [String] = [], categories: [String] = [],
        hasStatus: Bool = false, extraSubresources: [String] = [], isCreateOnly: Bool = false,
        isMeasured: Bool = false, storedAs: ResourceType? = nil,
        fromStored: @escaping @Sendable (JSON) -> JSON = { $0 },
        toStored: @escaping @Sendable (JSON) -> JSON = { $0 },
        decode: @escaping @Sendable (inout JSON) throws(APIError) -> [String] = {
            (_: inout JSON) throws(APIError) -> [String] in []
        },
        applyDefaults: @escaping @Sendable (inout JSON) -> Void = { _ in },
        prepareForCreate: @escaping @Sendable (inout JSON) -> Void = { _ in },
        prepareForUpdate: @escaping @Sendable (inout JSON, JSON) -> Void = { _, _ in },
        validate: @escaping @Sendable (JSON, JSON?) -> [FieldIssue] = { _, _ in [] },
        prepareForSubresource: @escaping @Sendable (inout JSON, JSON, String) -> Void = { _, _, _ in },
        validateStatus: @escaping @Sendable (JSON, JSON) -> [FieldIssue] = { _, _ in [] },
        validateSubresource: @escaping @Sendable (JSON, JSON, String) -> [FieldIssue]? = { _, _, _ in nil },
        warnings: @escaping @Sendable (JSON, JSON?, String) -> [String] = { _, _, _ in [] },
        columns: [TableColumn] = [.name, .age],
        cells: @escaping @Sendable (JSON, Date) -> [JSON] = { [Cell.name($0), Cell.age($0, $1)] },
        mergeKeys: MergeKeys? = nil
    ) {
        self.type = type
        self.singular = singular ?? type.kind.lowercased()
        self.shortNames = shortNames
        self.categories = categories
        self.hasStatus = hasStatus
        self.extraSubresources = extraSubresources
        self.isCreateOnly = isCreateOnly
        self.isMeasured = isMeasured
        self.storedAs = storedAs
        self.fromStored = fromStored
        self.toStored = toStored
        self.decode = decode
        self.applyDefaults = applyDefaults
        self.prepareForCreate = prepareForCreate
        self.prepareForUpdate = prepareForUpdate
        self.validate = validate
        self.prepareForSubresource = prepareForSubresource
        self.validateStatus = validateStatus
        self.validateSubresource = validateSubresource
        self.warnings = warnings
        self.columns = columns
        self.cells = cells
        self.mergeKeys = mergeKeys
    }

    /// Finds what is wrong with an object that a request to the kind or to a subresource brought.
    public func issues(in object: JSON, old: JSON?, subresource: String) -> [FieldIssue] {
        // The schema of a custom kind holds for its status, too.
        guard let old, !subresource.isEmpty, mergeKeys != nil else { return validate(object, old) }
        if subresource == "status" { return validateStatus(object, old) }
        return validateSubresource(object, old, subresource) ?? validate(object, old)
    }
}
