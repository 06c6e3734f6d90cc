import ClusterStore
import Foundation
import Identity
import KubeModel
import Synchronization

/// What the claims of a service-account token say, read once.
final class VerifiedToken: Sendable {
    /// Something that must still exist for the token to be good.
    struct Bond: Sendable {
        let key: ObjectKey
        let uid: String
    }

    let user: UserInfo
    let audiences: [String]
    /// The account, and the Pod, Secret or Node that the token is bound to.
    let bonds: [Bond]
    let expiresAt: Date

    /// Nil for claims that are not those of a service account, or never end.
    init?(_ claims: Claims) {
        let details = claims["kubernetes.io"] ?? [:]
        guard let expiresAt = claims.expiresAt, let namespace = details["namespace"]?.string,
            let name = details.value(at: "serviceaccount", "name")?.string,
            let uid = details.value(at: "serviceaccount", "uid")?.string,
            claims.subject == "system:serviceaccount:\(namespace):\(name)"
        else { return nil }
        var bonds = [
            Bond(key: ObjectKey(resource: "serviceaccounts", namespace: namespace, name: name), uid: uid)
        ]
        var extra: [String: [String]] = [:]
        for (field, resource) in [("pod", "pods"), ("secret", "secrets"), ("node", "nodes")] {
            guard let bound = details[field] else { continue }
            let boundName = bound["name"]?.string ?? ""
            let boundUID = bound["uid"]?.string ?? ""
            // The node of a bound Pod is told, but the token outlives it.
            if field != "node" || details["pod"] == nil {
                let place = field == "node" ? "" : namespace
                bonds.append(
                    Bond(key: ObjectKey(resource: resource, namespace: place, name: boundName), uid: boundUID))
            }
            guard field != "secret" else { continue }
            extra["authentication.kubernetes.io/\(field)-name"] = [boundName]
            if !boundUID.isEmpty { extra["authentication.kubernetes.io/\(field)-uid"] = [boundUID] }
        }
        if let id = claims["jti"]?.string { extra["authentication.kubernetes.io/credential-id"] = ["JTI=\(id)"] }
        user = UserInfo(
            name: "system:serviceaccount:\(namespace):\(name)", uid: uid,
            groups: ["system:serviceaccounts", "system:serviceaccounts:\(namespace)", "system:authenticated"],
            extra: extra)
        (self.audiences, self.bonds, self.expiresAt) = (claims.audience, bonds, expiresAt)
    }
}

/// Tokens whose signature was found good, so that a client that sends one with every request costs one verification.
///
/// Only what the token itself says is remembered: times, audiences and the objects that it is bound to are checked each
/// time.
final class VerifiedTokens: Sendable {
    private static let limit = 1024
    private let known = Mutex<[String: VerifiedToken]>([:])

    /// A token that was verified before and has not expired.
    func find(_ token: String, now: Date) -> VerifiedToken? {
        known.withLock { known in
            guard let verified = known[token] else { return nil }
            guard now < verified.expiresAt else {
                known[token] = nil
                return nil
            }
            return verified
        }
    }

    /// Remembers a verified token; when there are many, all are forgotten and verified anew.
    func remember(_ verified: VerifiedToken, of token: String) {
        known.withLock { known in
            if known.count >= Self.limit { known.removeAll(keepingCapacity: true) }
            known[token] = verified
        }
    }
}
