import KubeModel

/// Who sends a request, as authentication found out.
public struct UserInfo: Sendable, Equatable {
    /// Name of the user, `system:anonymous` when nobody proved to be anyone.
    public var name: String
    /// uid of the user, empty when there is none.
    public var uid: String
    /// Groups, `system:authenticated` included.
    public var groups: [String]
    /// Whatever else the authenticator knows, such as the Pod a token is bound to.
    public var extra: [String: [String]]

    /// Names a user.
    public init(name: String, uid: String = "", groups: [String] = [], extra: [String: [String]] = [:]) {
        (self.name, self.uid, self.groups, self.extra) = (name, uid, groups, extra)
    }

    /// The identity of requests that carry no credentials.
    public static let anonymous = UserInfo(name: "system:anonymous", groups: ["system:unauthenticated"])

    /// True for members of the group that no rule binds.
    var isMaster: Bool { groups.contains("system:masters") }

    /// Reads `userInfo`, or the spec of an access review with the name under `nameKey`.
    init(json: JSON, nameKey: String) {
        self.init(
            name: json[nameKey]?.string ?? "", uid: json["uid"]?.string ?? "",
            groups: json["groups"]?.array?.compactMap(\.string) ?? [])
        for (key, values) in json["extra"]?.object ?? [:] { extra[key] = values.array?.compactMap(\.string) ?? [] }
    }

    /// `authentication.k8s.io/v1 UserInfo`.
    var json: JSON {
        var json: JSON = ["username": .string(name)]
        if !uid.isEmpty { json["uid"] = .string(uid) }
        if !groups.isEmpty { json["groups"] = .array(groups.map(JSON.string)) }
        if !extra.isEmpty {
            var members = JSONObject()
            for key in extra.keys.sorted() { members[key] = .array((extra[key] ?? []).map(JSON.string)) }
            json["extra"] = .object(members)
        }
        return json
    }

    /// Namespace and name when the user is a service account.
    var serviceAccount: (namespace: String, name: String)? {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "system", parts[1] == "serviceaccount" else { return nil }
        return (String(parts[2]), String(parts[3]))
    }
}
