import Foundation
import HTTPKit
import KubeClient
import KubeModel
import TestSupport
import Testing

@testable import Identity

@Suite("Callers of services")
struct CallerTests {
    private let anna = CallerIdentity(user: "anna", groups: ["team a", "b"])

    private func tokens() throws -> ServiceTokens { try ServiceTokens(privateKeyPEM: TokenSigner.generateKeyPEM()) }

    private func verifier(_ cluster: FakeCluster, audience: String = "kfam") -> CallerVerifier {
        CallerVerifier(client: cluster.client, namespace: "kubeflow", audience: audience)
    }

    @Test("a service believes the token of a gateway that has published its key, of any of several")
    func published() async throws {
        let cluster = FakeCluster()
        for gateway in [try tokens(), try tokens()] {
            try await gateway.publish(cluster.client, namespace: "kubeflow")
            let token = try gateway.token(for: anna, audience: "kfam")
            #expect(try await verifier(cluster).caller(token: token) == anna)
        }
        #expect(
            try await cluster.client.get(.configMaps, GatewayKeys.name, namespace: "kubeflow")["data"]?.object?.count
                == 2)
    }

    @Test("not one for another service, nor an old one, nor one of an unknown or silent gateway")
    func refused() async throws {
        let cluster = FakeCluster()
        let (gateway, stranger) = (try tokens(), try tokens())
        try await gateway.publish(cluster.client, namespace: "kubeflow")
        let now = Date()
        for token in [
            try gateway.token(for: anna, audience: "other"),
            try gateway.token(for: anna, audience: "kfam", now: now - 61),
            try stranger.token(for: anna, audience: "kfam"),
        ] {
            await #expect(throws: APIError.self) { try await verifier(cluster).caller(token: token) }
        }
        try await stranger.publish(cluster.client, namespace: "kubeflow", now: now - 90_000)
        let silent = try stranger.token(for: anna, audience: "kfam")
        await #expect(throws: APIError.self) { try await verifier(cluster).caller(token: silent) }
        // The next one who publishes removes what is out of date.
        try await gateway.publish(cluster.client, namespace: "kubeflow")
        let left = try await cluster.client.get(.configMaps, GatewayKeys.name, namespace: "kubeflow")["data"]
        #expect(left?.object?.count == 1)
    }

    @Test("other tokens are the API server's to examine, and without its yes they count nothing")
    func reviewed() async throws {
        let cluster = FakeCluster()
        await #expect(throws: APIError.self) { try await verifier(cluster).caller(token: "a.b.c") }
        #expect(cluster.writes.contains { $0.hasSuffix("tokenreviews") })
    }
}
