import Certificates
import KubeModel
import NIOHTTP1
import Synchronization

/// Finds out who sends a request: by client certificate, by token, or nobody.
struct Authenticator: Sendable {
    let tokens: ServiceAccountTokens
    /// Subjects of certificates that were read already; one connection sends many requests.
    private let subjects = SubjectCache()

    init(tokens: ServiceAccountTokens) { self.tokens = tokens }

    /// The user of a request. The certificate was verified by the handshake.
    func authenticate(headers: HTTPHeaders, certificate: [UInt8]?) async throws -> UserInfo {
        if let certificate, let user = subjects.user(of: certificate) { return user }
        guard let header = headers.first(name: "authorization"), !header.isEmpty else { return .anonymous }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw APIError(.unauthorized, "Unauthorized") }
        let token = Substring(parts[1].utf8.drop { $0 == UInt8(ascii: " ") })
        return try await tokens.authenticate(String(token), audiences: [tokens.audience]).user
    }
}

/// Users of verified certificates, by the certificate.
private final class SubjectCache: Sendable {
    private let known = Mutex<[[UInt8]: UserInfo]>([:])

    func user(of certificate: [UInt8]) -> UserInfo? {
        if let user = known.withLock({ $0[certificate] }) { return user }
        guard let subject = try? CertificateSubject(der: certificate), let name = subject.commonName, !name.isEmpty
        else { return nil }
        let fingerprint = subject.fingerprint.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        let user = UserInfo(
            name: name, groups: subject.organizations + ["system:authenticated"],
            extra: ["authentication.kubernetes.io/credential-id": ["X509SHA256=\(fingerprint)"]])
        known.withLock { known in
            if known.count >= 1024 { known.removeAll() }
            known[certificate] = user
        }
        return user
    }
}

extension APIServer {
    /// A look at the first letter, since every field of every request is asked.
    private static func mayImpersonate(_ field: String) -> Bool {
        field.utf8.first == UInt8(ascii: "i") || field.utf8.first == UInt8(ascii: "I")
    }

    /// The user that a request wants to act as, if its own user may do that.
    func impersonated(_ user: UserInfo, _ request: APIRequest) throws(APIError) -> UserInfo {
        guard request.headers.contains(where: { Self.mayImpersonate($0.name) }) else { return user }
        let name = request.header("impersonate-user") ?? ""
        let groups = request.headers["impersonate-group"]
        let uid = request.header("impersonate-uid") ?? ""
        let prefix = "impersonate-extra-"
        var extra: [String: [String]] = [:]
        for (field, value) in request.headers where Self.mayImpersonate(field) && field.lowercased().hasPrefix(prefix) {
            extra[field.lowercased().dropFirst(prefix.count).removingPercentEncodingOfUTF8, default: []].append(value)
        }
        guard !name.isEmpty else {
            guard groups.isEmpty, uid.isEmpty, extra.isEmpty else {
                throw APIError(.badRequest, "requested groups, uid or extra without impersonating a user name")
            }
            return user
        }
        func require(
            _ resource: String, group: String = "", namespace: String = "", subresource: String = "", _ name: String
        ) throws(APIError) {
            try cluster.rbac.require(
                user,
                AccessAttributes(
                    verb: "impersonate", group: group, resource: resource, subresource: subresource,
                    namespace: namespace,
                    name: name))
        }
        var target = UserInfo(name: name, uid: uid, groups: groups, extra: extra)
        if let account = target.serviceAccount {
            try require("serviceaccounts", namespace: account.namespace, account.name)
            if groups.isEmpty {
                target.groups = ["system:serviceaccounts", "system:serviceaccounts:\(account.namespace)"]
            }
        } else {
            try require("users", name)
        }
        for group in groups { try require("groups", group) }
        if !uid.isEmpty { try require("uids", group: "authentication.k8s.io", uid) }
        for (key, values) in extra {
            for value in values { try require("userextras", group: "authentication.k8s.io", subresource: key, value) }
        }
        if name == "system:anonymous" {
            if target.groups.isEmpty { target.groups = ["system:unauthenticated"] }
        } else if !target.groups.contains("system:authenticated"), !target.groups.contains("system:unauthenticated") {
            target.groups.append("system:authenticated")
        }
        return target
    }
}
