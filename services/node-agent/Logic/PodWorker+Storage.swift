import Foundation
import KubeModel

/// Limits of what a Pod may keep on the node's disk. Who exceeds one is evicted, as kubelets do it.
extension PodWorker {
    /// True when something of the Pod is limited.
    var hasStorageLimit: Bool {
        spec.all.contains { $0.limit("ephemeral-storage") != nil }
            || (spec.object.spec["volumes"]?.array ?? []).contains { $0.value(at: "emptyDir", "sizeLimit") != nil }
    }

    /// Measures every ten seconds for as long as the Pod runs.
    func watchStorage() {
        guard hasStorageLimit, !isWatchingStorage else { return }
        isWatchingStorage = true
        spawn {
            while !Task.isCancelled {
                if await self.checkStorage() { return }
                guard (try? await Task.sleep(for: .seconds(10))) != nil else { return }
            }
        }
    }

    /// Measures once; true when there is nothing more to watch.
    private func checkStorage() async -> Bool {
        guard failure == nil, !isGone, !isShuttingDown else { return true }
        let use = await context.storage.measure(spec, in: directory)
        guard let message = Self.excess(use, of: spec), failure == nil else { return failure != nil }
        note("Warning", "Evicted", message)
        evict(message)
        return true
    }

    /// What a Pod uses too much of, in a kubelet's words; nil when it keeps to its limits.
    static func excess(_ use: StorageMeter.Use, of pod: PodSpec) -> String? {
        for volume in pod.object.spec["volumes"]?.array ?? [] {
            guard let name = volume["name"]?.string, let limit = volume.value(at: "emptyDir", "sizeLimit"),
                let most = Quantity(limit)?.value, Int64(clamping: use.volumes[name] ?? 0) > most
            else { continue }
            return "Usage of EmptyDir volume \"\(name)\" exceeds the limit \"\(limit.string ?? limit.text)\". "
        }
        let limits = pod.main.compactMap { $0.limit("ephemeral-storage") }
        if limits.count == pod.main.count, !limits.isEmpty {
            let total = limits.reduce(0, +)
            if Double(use.total) > total {
                let text = Quantity(Int64(total), format: .binary).text
                return "Pod ephemeral local storage usage exceeds the total limit of containers \(text). "
            }
        }
        for container in pod.all {
            guard let limit = container.limit("ephemeral-storage"),
                Double(use.containers[container.name] ?? 0) > limit
            else { continue }
            let text = container.json.value(at: "resources", "limits", "ephemeral-storage")?.string ?? "\(Int64(limit))"
            return "Container \(container.name) exceeded its local ephemeral storage limit \"\(text)\". "
        }
        return nil
    }
}
