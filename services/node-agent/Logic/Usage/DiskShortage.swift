import CNode
import KubeModel

/// A disk with so little left that nothing on it works any more; a pod that uses much of it has to go.
///
/// Kubelets do this at 10 %. Here that is a condition of the node only: on somebody's own machine the rest is full for
/// other reasons as well, and 5 % or 1 GiB is enough to go on with.
struct DiskShortage: Sendable, Equatable {
    /// Bytes that should be free.
    let threshold: UInt64
    /// Bytes that are.
    let available: UInt64

    /// A pod that could go.
    struct Candidate: Sendable, Equatable {
        /// Bytes of its emptyDirs, layers and logs.
        var used: UInt64
        /// True when it uses more than it asked for.
        var exceeds: Bool
        var priority: Int64
        /// Its container that uses most, and what that asked for.
        var container: String
        var requested: Double
    }

    /// Nil where enough is free.
    init?(total: UInt64, available: UInt64) {
        threshold = min(total / 20, 1 << 30)
        self.available = available
        guard total > 0, available < threshold else { return nil }
    }

    static func measure(_ directory: String) -> DiskShortage? {
        var (total, available): (UInt64, UInt64) = (0, 0)
        guard node_statfs(directory, &total, &available) == 0 else { return nil }
        return DiskShortage(total: total, available: available)
    }

    /// Who goes first, in a kubelet's order: who uses more than was asked for, less important ones, those that use most. Nil
    /// when none uses enough to help.
    func first(of candidates: [Candidate]) -> Int? {
        candidates.indices.filter { candidates[$0].used > threshold / 4 }.min { left, right in
            let (left, right) = (candidates[left], candidates[right])
            if left.exceeds != right.exceeds { return left.exceeds }
            if left.priority != right.priority { return left.priority < right.priority }
            return left.used > right.used
        }
    }

    /// A kubelet's words.
    func message(_ candidate: Candidate) -> String {
        func text(_ bytes: UInt64) -> String { Quantity(Int64(clamping: bytes), format: .binary).text }
        return
            "The node was low on resource: ephemeral-storage. Threshold quantity: \(text(threshold)), available: \(text(available)). Container \(candidate.container) was using \(text(candidate.used)), request is \(text(UInt64(clamping: ResourceQuantity.whole(candidate.requested)))), has larger consumption of ephemeral-storage. "
    }
}
