import ClusterStore
import Foundation
import Identity
import KubeModel

/// Tokens of service accounts: signed, and checked against the objects that they are bound to.
struct ServiceAccountTokens: Sendable {
    let signer: TokenSigner
    let verifier: TokenVerifier
    let issuer: String
    let cluster: Cluster
    private let verified = VerifiedTokens()

    init(signer: TokenSigner, issuer: String, cluster: Cluster) throws {
        (self.signer, self.issuer, self.cluster) = (signer, issuer, cluster)
        verifier = TokenVerifier(signer: signer)
    }

    /// The audience that the API itself accepts.
    var audience: String { issuer }

    /// What a token proved.
    struct Proof: Sendable {
        let user: UserInfo
        let audiences: [String]
    }

    /// Checks signature, time and audience, and that the account (and the Pod or Secret it is bound to) still exist.
    ///
    /// The token must be for one of the `audiences`.
    func authenticate(_ token: String, audiences: [String]) async throws -> Proof {
        let refused = APIError(.unauthorized, "Unauthorized")
        let now = Date()
        let known: VerifiedToken
        if let found = verified.find(token, now: now) {
            known = found
        } else {
            let claims: Claims
            do throws(TokenError) {
                claims = try verifier.verify(token, audience: nil, issuer: issuer, now: now)
            } catch {
                throw refused
            }
            guard let read = VerifiedToken(claims) else { throw refused }
            verified.remember(read, of: token)
            known = read
        }
        let matching = known.audiences.filter(audiences.contains)
        guard !matching.isEmpty else { throw refused }
        for bond in known.bonds {
            guard try await cluster.get(bond.key)?.uid == bond.uid else { throw refused }
        }
        return Proof(user: known.user, audiences: matching)
    }

    /// Refuses a `TokenRequest` that asks for impossible times.
    func check(_ request: JSON) throws(APIError) {
        let seconds = request.value(at: "spec", "expirationSeconds")?.int ?? 3600
        func invalid(_ message: String) -> APIError {
            let message = "Invalid value: \(seconds): \(message)"
            let field = "spec.expirationSeconds"
            return APIError(
                .invalid, "TokenRequest.authentication.k8s.io \"\" is invalid: \(field): \(message)",
                kind: "TokenRequest", group: "authentication.k8s.io",
                causes: [.init(field: field, reason: "FieldValueInvalid", message: message)])
        }
        guard seconds >= 600 else { throw invalid("may not specify a duration less than 10 minutes") }
        guard seconds <= 1 << 32 else { throw invalid("may not specify a duration larger than 2^32 seconds") }
    }

    /// Answers a `TokenRequest` for an account, which ``check(_:)`` has let through.
    func issue(_ request: JSON, namespace: String, name: String, account: JSON) async throws -> JSON {
        let spec = request["spec"] ?? [:]
        let seconds = min(spec["expirationSeconds"]?.int ?? 3600, 365 * 86_400)
        var audiences = spec["audiences"]?.array?.compactMap(\.string) ?? []
        if audiences.isEmpty { audiences = [audience] }
        var details: JSON = [
            "namespace": .string(namespace),
            "serviceaccount": ["name": .string(name), "uid": account.value(at: "metadata", "uid") ?? ""],
        ]
        if let bound = spec["boundObjectRef"], !bound.isNull {
            for (field, object) in try await bind(bound, namespace: namespace, account: name) {
                details[field] = object
            }
        }
        let now = Date()
        var claims = Claims(
            issuer: issuer, subject: "system:serviceaccount:\(namespace):\(name)", audience: audiences, issuedAt: now,
            lifetime: .seconds(seconds))
        claims["jti"] = .string(UUID().uuidString.lowercased())
        claims["kubernetes.io"] = details
        var answer = request
        answer["kind"] = "TokenRequest"
        answer["apiVersion"] = "authentication.k8s.io/v1"
        var metadata = request["metadata"] ?? [:]
        metadata["name"] = .string(name)
        metadata["namespace"] = .string(namespace)
        metadata["uid"] = account.value(at: "metadata", "uid")
        metadata["creationTimestamp"] = .string(Timestamp(now).text)
        answer["metadata"] = metadata
        answer.set(.array(audiences.map(JSON.string)), at: "spec", "audiences")
        answer.set(.int(seconds), at: "spec", "expirationSeconds")
        if answer.value(at: "spec", "boundObjectRef") == nil { answer.set(.null, at: "spec", "boundObjectRef") }
        answer["status"] = [
            "token": .string(try signer.sign(claims)),
            "expirationTimestamp": .string(Timestamp(now.addingTimeInterval(Double(seconds))).text),
        ]
        return answer
    }

    /// What the claims of a token say about the object that it is bound to.
    private func bind(_ reference: JSON, namespace: String, account: String) async throws -> [(String, JSON)] {
        let kind = reference["kind"]?.string ?? ""
        let name = reference["name"]?.string ?? ""
        let version = reference["apiVersion"]?.string ?? ""
        let resources = ["Pod": "pods", "Secret": "secrets", "Node": "nodes"]
        guard let resource = resources[kind], !version.contains("/") else {
            let type = version.contains("/") ? version : "/\(version)"
            throw APIError(.badRequest, "cannot bind token to object of type \(type), Kind=\(kind)")
        }
        guard !name.isEmpty else { throw APIError(.badRequest, "Name parameter required.") }
        guard let object = try await cluster.get(resource, kind == "Node" ? "" : namespace, name) else {
            throw APIError(.notFound, "\(resource) \"\(name)\" not found", kind: resource, name: name)
        }
        let uid = object.value(at: "metadata", "uid")?.string ?? ""
        var claims: [(String, JSON)] = [(kind.lowercased(), ["name": .string(name), "uid": .string(uid)])]
        if kind == "Pod" {
            let used = object.value(at: "spec", "serviceAccountName")?.string ?? ""
            guard used == account else {
                throw APIError(
                    .badRequest,
                    "cannot bind token for serviceaccount \"\(account)\" to pod running with different serviceaccount name."
                )
            }
            if let node = object.value(at: "spec", "nodeName")?.string, !node.isEmpty {
                var claim: JSON = ["name": .string(node)]
                claim["uid"] = try await cluster.get("nodes", "", node)?.value(at: "metadata", "uid")
                claims.append(("node", claim))
            }
        }
        if let wanted = reference["uid"]?.string, !wanted.isEmpty, wanted != uid {
            throw APIError(
                .conflict,
                "Operation cannot be fulfilled on \(kind) \"\(name)\": the UID in the bound object reference (\(wanted)) does not match the UID in record. The object might have been deleted and then recreated",
                kind: kind, name: name)
        }
        return claims
    }
}
