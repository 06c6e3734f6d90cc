import AsyncHTTPClient
import ClusterStore
import Foundation
import KubeModel
import NIOCore

/// What the node agent measured: the parts of its `/stats/summary` that `metrics.k8s.io` shows.
struct NodeUsage: Sendable {
    private let node: JSON
    private let pods: [String: JSON]
    private let now = Date()

    init(summary: JSON) {
        node = summary["node"] ?? [:]
        var pods: [String: JSON] = [:]
        for pod in summary["pods"]?.array ?? [] {
            if let uid = pod.value(at: "podRef", "uid")?.string { pods[uid] = pod }
        }
        self.pods = pods
    }

    /// Asks the node agent.
    ///
    /// - Parameter socket: its unix socket; nil where there is none.
    /// - Returns: what was measured.
    /// - Throws: ``APIError`` (`serviceUnavailable`) when nobody measures.
    static func read(_ socket: String?) async throws -> NodeUsage {
        guard let socket else {
            throw APIError(.serviceUnavailable, "usage is measured by the node agent, and none is configured")
        }
        do {
            let answer = try await NodeAgent.ask("/stats/summary", through: socket, deadline: .now() + .seconds(10))
            let body = try await answer.body.collect(upTo: 32 << 20)
            return NodeUsage(summary: try JSON(parsing: Array(body.readableBytesView)))
        } catch {
            throw APIError(
                .serviceUnavailable,
                "the server is currently unable to handle the request: the node agent does not measure")
        }
    }

    /// The metrics of a stored Pod or Node; nil while there are none.
    func measured(_ object: StoredObject, kind: ResourceType, isPod: Bool) -> JSON? {
        var labels = JSONObject()
        for (key, value) in object.labels { labels[key] = .string(value) }
        var metadata: JSON = [
            "name": .string(object.key.name), "creationTimestamp": .string(now.formatted(.iso8601)),
        ]
        if isPod { metadata["namespace"] = .string(object.key.namespace) }
        if labels.count > 0 { metadata["labels"] = .object(labels) }
        var metrics: JSON = [
            "kind": .string(kind.kind), "apiVersion": .string(kind.apiVersion), "metadata": metadata,
        ]
        if isPod {
            guard case .string("Running")? = object.value(at: ["status", "phase"]),
                case .string(let uid)? = object.value(at: ["metadata", "uid"]), let pod = pods[uid]
            else { return nil }
            let containers = pod["containers"]?.array ?? []
            var measured: [JSON] = []
            for container in containers {
                // Part of a Pod would look like a Pod that uses less.
                guard let usage = Self.usage(container) else { return nil }
                measured.append(["name": container["name"] ?? "", "usage": usage])
            }
            guard let first = containers.first, !measured.isEmpty else { return nil }
            metrics["timestamp"] = first.value(at: "cpu", "time")
            metrics["window"] = first.value(at: "cpu", "window")
            metrics["containers"] = .array(measured)
        } else {
            guard node["nodeName"]?.string == object.key.name, let usage = Self.usage(node) else { return nil }
            metrics["timestamp"] = node.value(at: "cpu", "time")
            metrics["window"] = node.value(at: "cpu", "window")
            metrics["usage"] = usage
        }
        return metrics
    }

    private static func usage(_ stats: JSON) -> JSON? {
        guard let cores = stats.value(at: "cpu", "usageNanoCores")?.int,
            let memory = stats.value(at: "memory", "workingSetBytes")?.int
        else { return nil }
        return [
            "cpu": Quantity(nanos: Int128(cores)).json, "memory": Quantity(memory, format: .binary).json,
        ]
    }
}
