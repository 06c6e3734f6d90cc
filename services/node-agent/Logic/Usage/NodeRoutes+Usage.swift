import ControllerKit
import Foundation
import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1

/// `/stats/summary` and `/metrics/resource`, as kubelets answer them.
///
/// Next to `usageNanoCores` stands the `window` of the rate, `10.25s`, which kubelets do not tell.
extension NodeRoutes {
    func addUsage(to router: inout Router) {
        router.add("GET", "/stats/summary") { _, _ in .json(self.summary()) }
        router.add("GET", "/metrics/resource") { _, _ in
            HTTPResponse(
                status: 200, headers: ["content-type": "text/plain; version=0.0.4; charset=utf-8"],
                body: .bytes(.init(string: self.resourceMetrics())))
        }
    }

    private struct Measured {
        let pod: PodSpec
        let containers: [(container: ContainerSpec, startedAt: String, usage: UsageMeter.Usage)]
    }

    private func measured(_ usages: [UsageMeter.Key: UsageMeter.Usage]) -> [Measured] {
        pods.all().map(PodSpec.init).sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }.compactMap { pod in
            let statuses =
                (pod.object.status["containerStatuses"]?.array ?? [])
                + (pod.object.status["initContainerStatuses"]?.array ?? [])
            let containers = pod.all.compactMap { container in
                usages[.init(pod: pod.uid, container: container.name)].map { usage in
                    let status = statuses.first { $0["name"]?.string == container.name }
                    let started = status?.value(at: "state", "running", "startedAt")?.string
                    return (container, started ?? Timestamps.text(usage.at), usage)
                }
            }
            return containers.isEmpty ? nil : Measured(pod: pod, containers: containers)
        }
    }

    private func summary() -> JSON {
        let (usages, machine) = meter.read()
        var node: JSON = [
            "nodeName": .string(configuration.nodeName), "startTime": .string(Timestamps.text(Self.startedAt)),
        ]
        if let machine {
            node["cpu"] = Self.processor(machine)
            node["memory"] = Self.memory(machine)
        }
        let pods = measured(usages).map { measured -> JSON in
            let pod = measured.pod
            let containers = measured.containers.map { item -> JSON in
                [
                    "name": .string(item.container.name), "startTime": .string(item.startedAt),
                    "cpu": Self.processor(item.usage), "memory": Self.memory(item.usage),
                ]
            }
            func sum(_ value: (UsageMeter.Usage) -> UInt64) -> JSON {
                .int(Int64(clamping: measured.containers.reduce(UInt64(0)) { $0 &+ value($1.usage) }))
            }
            let time = JSON.string(Timestamps.text(measured.containers.map(\.usage.at).max() ?? Date()))
            return [
                "podRef": [
                    "name": .string(pod.name), "namespace": .string(pod.namespace), "uid": .string(pod.uid),
                ],
                "startTime": pod.object.status["startTime"] ?? .null, "containers": .array(containers),
                "cpu": [
                    "time": time, "usageNanoCores": sum { $0.nanoCores ?? 0 },
                    "usageCoreNanoSeconds": sum { $0.counters.processorNanoseconds },
                ],
                "memory": [
                    "time": time, "usageBytes": sum { $0.counters.memoryBytes },
                    "workingSetBytes": sum { $0.counters.workingSetBytes },
                    "rssBytes": sum { $0.counters.anonymousBytes }, "pageFaults": sum { $0.counters.pageFaults },
                    "majorPageFaults": sum { $0.counters.majorPageFaults },
                ],
                "ephemeral-storage": [
                    "time": time, "usedBytes": .int(Int64(clamping: storage.used(by: pod.uid) ?? 0)),
                ],
            ]
        }
        return ["node": node, "pods": .array(pods)]
    }

    private static let startedAt = Date()

    private static func processor(_ usage: UsageMeter.Usage) -> JSON {
        var json: JSON = [
            "time": .string(Timestamps.text(usage.at)),
            "usageCoreNanoSeconds": .int(Int64(clamping: usage.counters.processorNanoseconds)),
        ]
        if let cores = usage.nanoCores, let window = usage.window {
            json["usageNanoCores"] = .int(Int64(clamping: cores))
            let milliseconds = Int((window * 1000).rounded())
            json["window"] = .string(String(format: "%d.%03ds", milliseconds / 1000, milliseconds % 1000))
        }
        return json
    }

    private static func memory(_ usage: UsageMeter.Usage) -> JSON {
        let counters = usage.counters
        return [
            "time": .string(Timestamps.text(usage.at)), "usageBytes": .int(Int64(clamping: counters.memoryBytes)),
            "workingSetBytes": .int(Int64(clamping: counters.workingSetBytes)),
            "rssBytes": .int(Int64(clamping: counters.anonymousBytes)),
            "pageFaults": .int(Int64(clamping: counters.pageFaults)),
            "majorPageFaults": .int(Int64(clamping: counters.majorPageFaults)),
        ]
    }

    /// The same in the text form of Prometheus, under the names that kubelets use.
    private func resourceMetrics() -> String {
        let (usages, machine) = meter.read()
        let pods = measured(usages)
        var text = ""
        func family(_ name: String, _ type: String, _ help: String, _ rows: [(labels: String, value: String)]) {
            guard !rows.isEmpty else { return }
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            for row in rows { text += "\(name)\(row.labels.isEmpty ? "" : "{\(row.labels)}") \(row.value)\n" }
        }
        func seconds(_ nanoseconds: UInt64) -> String { "\(Double(nanoseconds) / 1e9)" }
        let containers = pods.flatMap { measured in
            measured.containers.map { item in
                (
                    "container=\"\(item.container.name)\",namespace=\"\(measured.pod.namespace)\",pod=\"\(measured.pod.name)\"",
                    item
                )
            }
        }
        func ofPods(_ value: (UsageMeter.Usage) -> UInt64) -> [(String, UInt64)] {
            pods.map { measured in
                (
                    "namespace=\"\(measured.pod.namespace)\",pod=\"\(measured.pod.name)\"",
                    measured.containers.reduce(0) { $0 + value($1.usage) }
                )
            }
        }
        family(
            "container_cpu_usage_seconds_total", "counter", "Processor time that the container has used, in seconds",
            containers.map { ($0.0, seconds($0.1.usage.counters.processorNanoseconds)) })
        family(
            "container_memory_working_set_bytes", "gauge", "Working set of the container, in bytes",
            containers.map { ($0.0, "\($0.1.usage.counters.workingSetBytes)") })
        family(
            "container_start_time_seconds", "gauge", "Start of the container, in seconds since 1970",
            containers.map { ($0.0, "\(Timestamps.date($0.1.startedAt)?.timeIntervalSince1970 ?? 0)") })
        if let machine {
            family(
                "node_cpu_usage_seconds_total", "counter", "Processor time that the node has used, in seconds",
                [("", seconds(machine.counters.processorNanoseconds))])
            family(
                "node_memory_working_set_bytes", "gauge", "Working set of the node, in bytes",
                [("", "\(machine.counters.workingSetBytes)")])
        }
        family(
            "pod_cpu_usage_seconds_total", "counter", "Processor time that the Pod has used, in seconds",
            ofPods { $0.counters.processorNanoseconds }.map { ($0.0, seconds($0.1)) })
        family(
            "pod_memory_working_set_bytes", "gauge", "Working set of the Pod, in bytes",
            ofPods { $0.counters.workingSetBytes }.map { ($0.0, "\($0.1)") })
        family("resource_scrape_error", "gauge", "1 when something could not be measured, else 0", [("", "0")])
        return text
    }
}
