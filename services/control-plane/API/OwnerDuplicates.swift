import KubeModel

/// Owners that are named twice: only one of each is kept, and the client is told.
enum OwnerDuplicates {
    static func drop(from metadata: inout JSON, _ context: RequestContext) {
        guard let owners = metadata["ownerReferences"]?.array, owners.count > 1 else { return }
        let (kept, uids) = split(owners)
        guard !uids.isEmpty else { return }
        metadata["ownerReferences"] = .array(kept)
        let moment = context.info.verb == "patch" ? " after mutating admission happens" : ""
        context.warnings.add(
            ".metadata.ownerReferences contains duplicate entries\(moment); API server dedups owner references in 1.20+, "
                + "and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: "
                + uids.joined(separator: ", "))
    }

    /// The owners without those that equal one before, and the UIDs of the others.
    static func split(_ owners: [JSON]) -> (kept: [JSON], uids: [String]) {
        var kept: [JSON] = []
        var uids: [String] = []
        var seen = Set<[UInt8]>()
        for owner in owners {
            if seen.insert(text(of: owner)).inserted {
                kept.append(owner)
            } else {
                uids.append(owner["uid"]?.string ?? "")
            }
        }
        return (kept, uids)
    }

    /// The same for owners that are equal, however their fields are ordered.
    private static func text(of owner: JSON) -> [UInt8] {
        guard let fields = owner.object else { return owner.bytes }
        return fields.sorted { $0.key < $1.key }.flatMap { JSON.string($0.key).bytes + $0.value.bytes }
    }
}
