import Foundation
public import KubeClient
import KubeModel
import Logging
import ServiceLifecycle

/// One of several equal processes leads; the others wait until its Lease runs out.
///
/// Whether a lease ran out is judged by our own clock: by how long we saw it unchanged, never by the time in it.
public struct LeaderElection: Sendable {
    /// The leadership was lost: whoever leads now may already be at work, so our work must end.
    public struct Lost: Error {}

    let client: KubeClient
    let name: String
    let namespace: String
    let identity: String
    let duration: Duration
    let logger = Logger(label: "leader-election")

    /// Names the Lease to compete for.
    ///
    /// - Parameters:
    ///   - client: may read and write Leases in `namespace`.
    ///   - name: of the Lease.
    ///   - namespace: of the Lease.
    ///   - identity: who we are; nil makes one of the host's name and chance.
    ///   - duration: how long a leader is trusted without a sign of life.
    public init(
        client: KubeClient, name: String, namespace: String, identity: String? = nil,
        duration: Duration = .seconds(15)
    ) {
        self.client = client
        self.name = name
        self.namespace = namespace
        self.identity = identity ?? "\(ProcessInfo.processInfo.hostName)_\(UUID().uuidString.lowercased())"
        self.duration = duration
    }

    /// Waits for the leadership, then runs `body`. At its end the Lease is given back.
    ///
    /// - Throws: ``Lost`` when the Lease could not be renewed in time; `body` was cancelled then. Otherwise what
    ///   `body` throws.
    public func lead(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let acquired = await cancelWhenGracefulShutdown { await acquire() }
        guard acquired else { return }
        logger.info("leading", metadata: ["lease": "\(namespace)/\(name)", "identity": "\(identity)"])
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await body() }
                group.addTask { try await renew() }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch let error as Lost {
            logger.error("leadership was lost", metadata: ["lease": "\(namespace)/\(name)"])
            throw error
        } catch {
            await release()
            throw error
        }
        await release()
    }

    private func acquire() async -> Bool {
        var seen: (record: JSON, since: ContinuousClock.Instant)?
        while !Task.isCancelled {
            do {
                guard let lease = try await client.find(.leases, name, namespace: namespace) else {
                    _ = try await client.create(.leases, LeaseRecord.fresh(self))
                    return true
                }
                let holder = lease.spec["holderIdentity"]?.string ?? ""
                if seen?.record != lease.spec { seen = (lease.spec, .now) }
                let isRunOut = seen.map { $0.since.duration(to: .now) > LeaseRecord.duration(lease) } ?? false
                if holder.isEmpty || holder == identity || isRunOut {
                    _ = try await client.update(.leases, LeaseRecord.taken(lease, by: self))
                    return true
                }
            } catch is CancellationError {
                return false
            } catch {
                logger.debug("lease cannot be acquired", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: duration / 7)
        }
        return false
    }

    /// Renews until cancelled; throws when that failed for two thirds of the duration.
    private func renew() async throws {
        var renewedAt = ContinuousClock.now
        while true {
            try await Task.sleep(for: duration / 7)
            do {
                let lease = try await client.get(.leases, name, namespace: namespace)
                guard lease.spec["holderIdentity"]?.string == identity else { throw Lost() }
                _ = try await client.update(.leases, LeaseRecord.taken(lease, by: self))
                renewedAt = .now
            } catch let error as Lost {
                throw error
            } catch {
                try Task.checkCancellation()
                if renewedAt.duration(to: .now) > duration * 2 / 3 { throw Lost() }
            }
        }
    }

    /// Lets the next one take over at once; what goes wrong here only costs waiting time.
    private func release() async {
        let client = client
        let (name, namespace, identity) = (name, namespace, identity)
        // Detached from the cancellation that may have ended the work, but bounded by one request.
        let task = Task.detached {
            guard let lease = try? await client.find(.leases, name, namespace: namespace),
                lease.spec["holderIdentity"]?.string == identity
            else { return }
            var freed = lease
            freed.json.set("", at: "spec", "holderIdentity")
            _ = try? await client.update(.leases, freed)
        }
        await task.value
    }
}

/// What a Lease says about its holder.
enum LeaseRecord {
    static func fresh(_ election: LeaderElection) -> KubeObject {
        let lease = KubeObject(
            apiVersion: "coordination.k8s.io/v1", kind: "Lease", name: election.name, namespace: election.namespace)
        return taken(lease, by: election)
    }

    static func taken(_ lease: KubeObject, by election: LeaderElection, at date: Date = Date()) -> KubeObject {
        var lease = lease
        var spec = lease.spec
        let now = JSON.string(KubeTime.micro(date))
        if spec["holderIdentity"]?.string != election.identity {
            let changes = spec["leaseTransitions"]?.int ?? -1
            spec["leaseTransitions"] = .int(changes + 1)
            spec["acquireTime"] = now
        }
        spec["holderIdentity"] = .string(election.identity)
        spec["leaseDurationSeconds"] = .int(max(1, election.duration.components.seconds))
        spec["renewTime"] = now
        lease.spec = spec
        return lease
    }

    static func duration(_ lease: KubeObject) -> Duration {
        .seconds(lease.spec["leaseDurationSeconds"]?.int ?? 15)
    }
}
