/// Somebody who proved who they are, as RBAC knows them.
public struct CallerIdentity: Sendable, Hashable {
    /// User name; `system:serviceaccount:<namespace>:<name>` for a Pod.
    public let user: String
    /// Groups, without those that the API server adds to everybody.
    public let groups: [String]

    /// Names a caller.
    public init(user: String, groups: [String] = []) { (self.user, self.groups) = (user, groups) }

    /// True when a subject of a RoleBinding or the owner of a Profile means this caller.
    public func isNamed(byKind kind: String, name: String, namespace: String? = nil) -> Bool {
        switch kind {
        case "User": name == user
        case "Group": groups.contains(name)
        case "ServiceAccount": user == "system:serviceaccount:\(namespace ?? ""):\(name)"
        default: false
        }
    }
}
