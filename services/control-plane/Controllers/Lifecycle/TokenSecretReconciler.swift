import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Fills Secrets of type `kubernetes.io/service-account-token` with a token of their account, and removes them with it.
struct TokenSecretReconciler: Reconciler {
    static let type = "kubernetes.io/service-account-token"
    static let nameKey = "kubernetes.io/service-account.name"
    static let uidKey = "kubernetes.io/service-account.uid"
    /// The longest that can be asked for, in seconds: such a token is good for as long as its Secret is there.
    private static let lifetime: Int64 = 1 << 32

    let context: ClusterContext

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.tokenSecrets)
        feed.follow(caches.serviceAccounts) { change in
            guard change.isDeleted || change.old == nil else { return [] }
            return caches.tokenSecrets.all(namespace: change.object.namespace)
                .filter { $0.annotations[nameKey] == change.object.name }.map { ObjectName($0).request }
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let secret = context.caches.tokenSecrets.get(request), !secret.isBeingDeleted,
            secret["type"]?.string == Self.type, let name = secret.annotations[Self.nameKey], !name.isEmpty
        else { return .settled }
        // The cache may be late, and what is deleted is gone: ask.
        let account = try await context.client.find(.serviceAccounts, name, namespace: secret.namespace)
        let wanted = secret.annotations[Self.uidKey]
        guard let account, wanted == nil || wanted?.isEmpty == true || wanted == account.uid else {
            try await context.delete(secret, in: context.caches.tokenSecrets)
            return .settled
        }
        try await fill(secret, account)
        return .settled
    }

    private func fill(_ secret: KubeObject, _ account: KubeObject) async throws {
        var data: JSON = [:]
        let authority = Data(context.configuration.rootCertificatePEM.utf8).base64EncodedString()
        if secret["data"]?["ca.crt"]?.string != authority { data["ca.crt"] = .string(authority) }
        let namespace = Data((secret.namespace ?? "").utf8).base64EncodedString()
        if (secret["data"]?["namespace"]?.string ?? "").isEmpty { data["namespace"] = .string(namespace) }
        if (secret["data"]?["token"]?.string ?? "").isEmpty {
            data["token"] = .string(Data(try await token(of: account, for: secret).utf8).base64EncodedString())
        }
        guard data.object?.isEmpty == false else { return }
        try await context.patch(
            secret, in: context.caches.tokenSecrets,
            [
                "metadata": [
                    "resourceVersion": .string(secret.resourceVersion),
                    "annotations": [Self.nameKey: .string(account.name), Self.uidKey: .string(account.uid)],
                ], "data": data,
            ])
    }

    /// Bound to the Secret: it ends with it.
    private func token(of account: KubeObject, for secret: KubeObject) async throws -> String {
        let request: JSON = [
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": [
                "audiences": [], "expirationSeconds": .int(Self.lifetime),
                "boundObjectRef": [
                    "apiVersion": "v1", "kind": "Secret", "name": .string(secret.name), "uid": .string(secret.uid),
                ],
            ],
        ]
        let path = "\(ResourceType.serviceAccounts.path(namespace: account.namespace))/\(account.name)/token"
        let answer = try await context.client.json(JSONRequest.post(path, request))
        guard let token = answer.value(at: "status", "token")?.string, !token.isEmpty else {
            throw APIError(.internalError, "the API answered no token for the account \(account.name)")
        }
        return token
    }
}
