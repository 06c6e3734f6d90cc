import CMalloc
import ClusterRules
import ClusterStore
import KubeModel
import Logging
public import ServiceLifecycle

/// What the API does besides answering: follows its own writes, cleans up after deleted definitions, registers what is
/// served, lets events expire, and keeps the time of watches.
public struct APIHousekeeping: Service {
    /// How long events are kept.
    public static let eventLifetime = Duration.seconds(3600)
    let server: APIServer

    /// The housekeeping of a server.
    public init(server: APIServer) { self.server = server }

    /// Runs until the service group stops.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await withThrowingDiscardingTaskGroup { group in
                for resource in RBACAuthorizer.resources + [
                    Cluster.definitions, BuiltinKinds.apiServices.qualifiedPlural,
                ] {
                    group.addTask { try await self.follow(resource) }
                }
                group.addTask { try await self.follow(self.cluster.validatingPolicies.policyResource) }
                group.addTask { try await self.expireEvents() }
                group.addTask { try await self.server.watches.clock.run() }
                group.addTask { try await Self.giveBackMemory() }
            }
        }
    }

    /// Free memory between what is in use stays with the process unless somebody asks: soon after the start, which reads
    /// everything once, and then now and then.
    private static func giveBackMemory() async throws {
        var pause = Duration.seconds(2)
        while true {
            try await Task.sleep(for: pause)
            _ = malloc_trim(0)
            pause = .seconds(60)
        }
    }

    private var cluster: Cluster { server.cluster }

    private func follow(_ resource: String) async throws {
        while !Task.isCancelled {
            do {
                let (items, revision) = try await cluster.list(resource, namespace: nil)
                for object in items { cluster.absorb(object.key, revision: object.revision, json: try object.json()) }
                try await settle(resource)
                for try await batch in try cluster.store.watch(resource: resource, namespace: nil, from: revision) {
                    guard !batch.events.isEmpty else { continue }
                    for event in batch.events {
                        let json = event.kind == .deleted ? nil : try event.object.json()
                        cluster.absorb(event.object.key, revision: event.object.revision, json: json)
                    }
                    try await settle(resource)
                }
                return
            } catch StoreError.gone {
                continue
            } catch StoreError.closed {
                return
            } catch let error as APIError {
                cluster.logger.warning(
                    "housekeeping failed", metadata: ["resource": "\(resource)", "error": "\(error.message)"])
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func settle(_ resource: String) async throws {
        if resource == Cluster.definitions || resource == BuiltinKinds.apiServices.qualifiedPlural {
            try await APIServiceRegistrar(cluster: cluster).settle()
        }
        if resource == Cluster.definitions { try await removeInstances() }
        if resource == cluster.validatingPolicies.policyResource {
            try await PolicyStatusWriter(server: server).settle()
        }
    }

    /// Deletes the instances of definitions that are being deleted, then lets the definitions go.
    private func removeInstances() async throws {
        for stored in try await cluster.list(Cluster.definitions, namespace: nil).items {
            var definition = try stored.json()
            guard definition.value(at: "metadata", "deletionTimestamp")?.string != nil,
                var finalizers = definition.value(at: "metadata", "finalizers")?.array,
                finalizers.contains(CustomDefinitionStep.finalizer)
            else { continue }
            let group = definition.value(at: "spec", "group")?.string ?? ""
            let plural = definition.value(at: "spec", "names", "plural")?.string ?? ""
            if let kind = cluster.registry.find(group: group, plural: plural) {
                try await server.removeAll(kind)
            }
            finalizers.removeAll { $0 == CustomDefinitionStep.finalizer }
            definition.set(finalizers.isEmpty ? nil : .array(finalizers), at: "metadata", "finalizers")
            if finalizers.isEmpty {
                _ = try await cluster.remove(stored.key, expecting: .revision(stored.revision), finalState: definition)
            } else {
                _ = try await cluster.put(stored.key, definition, expecting: .revision(stored.revision))
            }
        }
    }

    private func expireEvents() async throws {
        while true {
            try await Task.sleep(for: .seconds(60))
            do {
                try await expireOldEvents()
            } catch let error as APIError {
                cluster.logger.warning("events not expired", metadata: ["error": "\(error.message)"])
            }
        }
    }

    private func expireOldEvents() async throws {
        let oldest = Timestamp.now.seconds - Self.eventLifetime.components.seconds
        for stored in try await cluster.list("events", namespace: nil).items {
            let event = try stored.json()
            let moments = [
                event["lastTimestamp"], event.value(at: "series", "lastObservedTime"), event["eventTime"],
                event.value(at: "metadata", "creationTimestamp"),
            ]
            guard let last = moments.compactMap({ Timestamp($0) }).max(), last.seconds < oldest else { continue }
            _ = try await cluster.remove(stored.key, expecting: .revision(stored.revision))
        }
    }
}

extension APIServer {
    /// Deletes all objects of a custom kind and waits until those who must clean up have done so.
    func removeAll(_ kind: ServedKind) async throws {
        var delay = Duration.milliseconds(20)
        while true {
            let items = try await cluster.list(kind.storageName, namespace: nil).items
            guard !items.isEmpty else { return }
            for stored in items {
                var object = try stored.json()
                if object.value(at: "metadata", "finalizers")?.array?.isEmpty ?? true {
                    _ = try await cluster.remove(stored.key, expecting: .revision(stored.revision))
                } else if object.value(at: "metadata", "deletionTimestamp")?.string == nil {
                    object.set(.string(Timestamp.now.text), at: "metadata", "deletionTimestamp")
                    object.set(0, at: "metadata", "deletionGracePeriodSeconds")
                    _ = try await cluster.put(stored.key, object, expecting: .revision(stored.revision))
                }
            }
            try await Task.sleep(for: delay)
            delay = min(delay * 2, .seconds(2))
        }
    }
}
