import ControllerKit
import KubeModel
import Logging
import Synchronization

/// Enforces NetworkPolicies, and keeps the Pods of different Profiles apart.
///
/// A Pod's rules are in place before its first process starts; later changes of Pods, labels and policies are loaded as
/// they come, the whole table in one transaction of the kernel.
final class PolicyNetwork: Sendable {
    private let network: PodNetwork
    private let pods: WatchCache
    private let namespaces: WatchCache
    private let policies: WatchCache
    private let isolatesProfiles: Bool
    private let logger: Logger
    private let addresses = Mutex<[String: Address4]>([:])
    private let loader: Loader
    private let changes: AsyncStream<Void>
    private let changed: AsyncStream<Void>.Continuation

    init(
        network: PodNetwork, pods: WatchCache, namespaces: WatchCache, policies: WatchCache, isolatesProfiles: Bool,
        logger: Logger
    ) {
        (self.network, self.pods, self.namespaces, self.policies) = (network, pods, namespaces, policies)
        (self.isolatesProfiles, self.logger) = (isolatesProfiles, logger)
        loader = Loader(network: network)
        (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        for cache in [pods, namespaces, policies] {
            cache.observe { [changed] change in
                // The status of a Pod says nothing new.
                if change.old?.labels == change.object.labels, change.type == .modified, change.object.kind == "Pod" {
                    return
                }
                changed.yield()
            }
        }
    }

    /// Waits until namespaces and policies are known.
    func waitUntilCurrent() async throws {
        for cache in [namespaces, policies] { try await cache.waitUntilSynced() }
    }

    /// Gives a Pod its rules; returns when they hold.
    func place(_ pod: PodSpec, at address: Address4) async throws {
        addresses.withLock { $0[pod.uid] = address }
        let rules = rules(with: pod)
        let isConcerned = rules.pods.first { $0.address == address }.map(rules.concerns) ?? false
        // Others' rules may name this Pod; they may wait.
        if isConcerned { try await loader.load { self.rules(with: pod).text } } else { changed.yield() }
    }

    /// Forgets a Pod whose address is given back.
    func remove(_ uid: String) {
        if addresses.withLock({ $0.removeValue(forKey: uid) }) != nil { changed.yield() }
    }

    /// True when a caller from outside of the cluster may reach a port of a Pod, for connections that the rules do not see.
    /// What is no Pod has no policies.
    func admits(_ caller: Address4, to backend: ServiceRules.Backend, protocol kind: String) -> Bool {
        if !network.network.contains(backend.address) || backend.address == network.network.gateway { return true }
        return rules().admits(caller, to: backend, protocol: kind)
    }

    /// Keeps the rules current until cancelled.
    func run() async throws {
        for cache in [pods, namespaces, policies] { try await cache.waitUntilSynced() }
        changed.yield()
        for await _ in changes {
            do {
                try await loader.load { self.rules().text }
            } catch {
                logger.error("network policies are not current", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .seconds(2))
                changed.yield()
            }
            // A burst of changes is one change.
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func rules(with new: PodSpec? = nil) -> PolicyRules {
        let addresses = addresses.withLock { $0 }
        var specs = pods.all().map(PodSpec.init)
        if let new, !specs.contains(where: { $0.uid == new.uid }) { specs.append(new) }
        let placed = specs.compactMap { pod in
            addresses[pod.uid].map { PolicyRules.Pod(pod, address: $0) }
        }
        let labels = Dictionary(
            namespaces.all().map { ($0.name, $0.labels) }, uniquingKeysWith: { first, _ in first })
        return PolicyRules(
            bridge: network.bridge, gateway: network.network.gateway, pods: placed, namespaces: labels,
            policies: policies.all().sorted { ($0.namespace ?? "", $0.name) < ($1.namespace ?? "", $1.name) },
            isolatesProfiles: isolatesProfiles)
    }
}

extension PolicyRules.Pod {
    init(_ pod: PodSpec, address: Address4) {
        self.init(name: pod.name, namespace: pod.namespace, labels: pod.object.labels, address: address)
        for port in pod.all.flatMap({ $0.json["ports"]?.array ?? [] }) {
            guard let name = port["name"]?.string, let number = port["containerPort"]?.int else { continue }
            ports[name, default: []].append(
                (protocol: (port["protocol"]?.string ?? "TCP").lowercased(), number: Int(number)))
        }
    }
}

/// Loads one table after the other, and none twice.
private actor Loader {
    private let network: PodNetwork
    private var loaded: String?
    private var isLoading = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(network: PodNetwork) { self.network = network }

    /// Loads what `rules` say when it is this call's turn.
    func load(_ rules: @Sendable () -> String) async throws {
        while isLoading { await withCheckedContinuation { waiting.append($0) } }
        isLoading = true
        defer {
            isLoading = false
            let next = waiting
            waiting = []
            for continuation in next { continuation.resume() }
        }
        let text = rules()
        guard text != loaded else { return }
        try await network.apply(text)
        loaded = text
    }
}
