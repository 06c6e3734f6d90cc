import KubeClient
import KubeModel
import Synchronization
import TestSupport
import Testing

@testable import ControllerKit

@Suite("Leader election")
struct LeaderElectionTests {
    private func election(_ cluster: FakeCluster, _ identity: String, _ duration: Duration) -> LeaderElection {
        LeaderElection(
            client: cluster.client, name: "lease", namespace: "kubeflow", identity: identity, duration: duration)
    }

    @Test("the first one leads and gives the lease back at its end")
    func first() async throws {
        let cluster = FakeCluster()
        try await election(cluster, "one", .seconds(15)).lead {
            let lease = try await cluster.client.get(.leases, "lease", namespace: "kubeflow")
            #expect(lease.spec["holderIdentity"] == "one")
            #expect(lease.spec["leaseDurationSeconds"] == 15)
        }
        let lease = try await cluster.client.get(.leases, "lease", namespace: "kubeflow")
        #expect(lease.spec["holderIdentity"] == "")
    }

    @Test("the second one waits until the lease was not renewed for its duration")
    func takeover() async throws {
        let cluster = FakeCluster()
        try await cluster.add(
            .leases,
            [
                "metadata": ["name": "lease", "namespace": "kubeflow"],
                "spec": ["holderIdentity": "dead", "leaseDurationSeconds": 1, "leaseTransitions": 4],
            ])
        let start = ContinuousClock.now
        try await election(cluster, "two", .milliseconds(350)).lead {
            #expect(start.duration(to: .now) > .seconds(1))
            let lease = try await cluster.client.get(.leases, "lease", namespace: "kubeflow")
            #expect(lease.spec["leaseTransitions"] == 5)
        }
    }

    @Test("who loses the lease stops its work")
    func lost() async throws {
        let cluster = FakeCluster()
        await #expect(throws: LeaderElection.Lost.self) {
            try await election(cluster, "one", .milliseconds(350)).lead {
                _ = try await cluster.client.patch(
                    .leases, "lease", namespace: "kubeflow", .merge(["spec": ["holderIdentity": "other"]]))
                try await Task.sleep(for: .seconds(60))
            }
        }
    }
}
