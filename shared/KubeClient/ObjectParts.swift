/// How much of the objects in lists and watches is read. Reading is most of what they cost.
public enum ObjectParts: Sendable {
    /// Everything.
    case all
    /// All but `metadata.managedFields`, about half of a Pod. Only for kinds without a field of that name elsewhere.
    case unmanaged
    /// What objects have in common: kind and metadata, without `managedFields`.
    case metadata

    /// Members of built-in kinds that take room.
    private static let bodies = [
        "spec", "status", "data", "binaryData", "stringData", "rules", "webhooks", "subsets", "endpoints", "template",
    ]

    /// What to leave out of a text in which objects lie at a depth.
    func leftOut(ofObjectsAt depth: Int) -> [[String]] {
        let before = [[String]](repeating: [], count: depth)
        return switch self {
        case .all: []
        case .unmanaged: before + [[], ["managedFields"]]
        case .metadata: before + [Self.bodies, ["managedFields"]]
        }
    }
}
