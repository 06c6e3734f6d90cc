import KubeModel

/// Owners that are named twice: only one of each is kept, and the client is told.
enum OwnerDuplicates {
    static func drop(from metadata: inout JSON, _ context: RequestContext) {
        guard let owners = metadata["ownerReferences"]?.array, owners.count > 1 else { return }
        var kept: [JSON] = []
        var uids: [String] = []
        for owner in owners {
            if kept.contains(owner) { uids.append(owner["uid"]?.string ?? "") } else { kept.append(owner) }
        }
        guard !uids.isEmpty else { return }
        metadata["ownerReferences"] = .array(kept)
        let moment = context.info.verb == "patch" ? " after mutating admission happens" : ""
        context.warnings.add(
            ".metadata.ownerReferences contains duplicate entries\(moment); API server dedups owner references in 1.20+, "
                + "and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: "
                + uids.joined(separator: ", "))
    }
}
