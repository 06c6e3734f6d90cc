import ControllerKit
import KubeClient
import KubeModel
import NIOCore

/// Finds workspaces and where they are served, by watches of the gateway's own.
///
/// Endpoints alone are not believed: who could write them would have the gateway, which reaches every Pod, open the workspaces of
/// others. An address counts when a Pod of the workspace, in its namespace, has it. Routes and prefixes that users write are
/// never read.
struct WorkspaceDirectory: Sendable {
    let notebooks: WatchCache
    private let tensorboards: WatchCache
    private let viewers: WatchCache
    private let endpoints: WatchCache
    /// The Pods of notebooks, as far as their addresses go.
    private let notebookPods: WatchCache
    /// The Pods of Tensorboards and viewers, with what their containers do.
    private let servedPods: WatchCache

    init(client: KubeClient) {
        notebooks = WatchCache(client: client, type: .notebooks)
        tensorboards = WatchCache(client: client, type: .tensorboards)
        viewers = WatchCache(client: client, type: .pvcViewers)
        endpoints = WatchCache(client: client, type: .endpoints)
        notebookPods = WatchCache(client: client, type: .pods, labelSelector: "notebook-name") { pod in
            Self.reduce(&pod, status: ["podIP": pod.status["podIP"] ?? ""])
        }
        servedPods = WatchCache(client: client, type: .pods, labelSelector: Workspace.Kind.podLabel) { pod in
            let containers = (pod.status["containerStatuses"]?.array ?? []).map {
                ["state": $0["state"] ?? [:]] as JSON
            }
            Self.reduce(
                &pod, status: ["podIP": pod.status["podIP"] ?? "", "containerStatuses": .array(containers)])
        }
    }

    private static func reduce(_ pod: inout KubeObject, status: JSON) {
        pod.spec = ["hostNetwork": pod.spec["hostNetwork"] ?? false]
        pod.metadata["managedFields"] = nil
        pod.metadata["annotations"] = nil
        pod["status"] = status
    }

    var caches: [WatchCache] { [notebooks, tensorboards, viewers, endpoints, notebookPods, servedPods] }

    /// Waits until everything about a kind is known.
    func waitUntilSynced(_ kind: Workspace.Kind) async throws {
        for cache in [objects(kind), endpoints, pods(kind)] { try await cache.waitUntilSynced() }
    }

    private func objects(_ kind: Workspace.Kind) -> WatchCache {
        switch kind {
        case .notebook: notebooks
        case .tensorboard: tensorboards
        case .pvcviewers: viewers
        }
    }

    private func pods(_ kind: Workspace.Kind) -> WatchCache { kind == .notebook ? notebookPods : servedPods }

    /// The Notebook, Tensorboard or PVCViewer; nil when there is none.
    func object(of workspace: Workspace) -> KubeObject? {
        objects(workspace.kind).get(workspace.name, namespace: workspace.namespace)
    }

    // MARK: Places

    /// The address of a workspace's Pod, once its Service finds it ready.
    func address(of workspace: Workspace) -> SocketAddress? {
        let service = workspace.kind.service(of: workspace.name)
        let subsets = endpoints.get(service, namespace: workspace.namespace)?["subsets"]?.array ?? []
        for pod in pods(of: workspace) {
            guard pod.spec["hostNetwork"]?.bool != true, let address = pod.status["podIP"]?.string, !address.isEmpty
            else { continue }
            for subset in subsets {
                guard (subset["addresses"]?.array ?? []).contains(where: { $0["ip"]?.string == address }) else {
                    continue
                }
                let ports = subset["ports"]?.array ?? []
                let port = ports.first { $0["name"]?.string?.hasPrefix("http") ?? false } ?? ports.first
                guard let number = port?["port"]?.int, (1...65_535).contains(number) else { continue }
                if let address = try? SocketAddress(ipAddress: address, port: Int(number)) { return address }
            }
        }
        return nil
    }

    /// The Pods that may serve a workspace, newest first: by name and label for the set of a notebook; by labels and the replica set
    /// of its Deployment for others, whose Pods have names that nobody knows before.
    private func pods(of workspace: Workspace) -> [KubeObject] {
        let labels = workspace.kind.podLabels
        guard let kind = labels.kind else {
            let pod = notebookPods.get("\(workspace.name)-0", namespace: workspace.namespace)
            return pod.map { $0.labels[labels.name] == workspace.name ? [$0] : [] } ?? []
        }
        let deployment = workspace.kind.service(of: workspace.name)
        return servedPods.all(namespace: workspace.namespace).filter { pod in
            guard pod.labels[kind.key] == kind.value, pod.labels[labels.name] == workspace.name,
                let owner = pod.controller, owner.kind == "ReplicaSet", let hash = pod.labels["pod-template-hash"]
            else { return false }
            return owner.name == "\(deployment)-\(hash)"
        }.sorted { ($0.creationTimestamp, $0.name) > ($1.creationTimestamp, $1.name) }
    }

    // MARK: What people see meanwhile

    /// An object in the shape of a Notebook, by whose status it can be said how far it is: with what the container of its newest Pod
    /// does, and with those conditions only that tell of trouble.
    func shown(_ object: KubeObject, of workspace: Workspace) -> KubeObject {
        guard workspace.kind != .notebook else { return object }
        var shown = object
        let ready = object.status["ready"]?.bool.map { $0 ? 1 : 0 } ?? object.status["readyReplicas"]?.int ?? 0
        let troubles = Conditions(of: object).all.filter { condition in
            switch condition.type {
            case "Available": condition.status == "False" && condition.reason != "MinimumReplicasUnavailable"
            case "ReplicaFailure": condition.isTrue
            default: false
            }
        }
        shown.status = [
            "readyReplicas": .int(ready),
            "containerState": pods(of: workspace).first?.status["containerStatuses"]?[0]?["state"] ?? [:],
            "conditions": .array(
                troubles.map {
                    ["type": "Ready", "status": "False", "reason": .string($0.reason), "message": .string($0.message)]
                }),
        ]
        return shown
    }

    /// The events about a workspace and what serves it, oldest first, as a user may see them.
    func events(of workspace: Workspace, _ client: KubeClient) async -> [KubeObject] {
        guard workspace.kind != .notebook else {
            let selector = "involvedObject.kind=Notebook,involvedObject.name=\(workspace.name)"
            let list = try? await client.list(.events, namespace: workspace.namespace, fieldSelector: selector)
            return EventTime.sorted(list?.items ?? [])
        }
        let list = try? await client.list(.events, namespace: workspace.namespace)
        return EventTime.sorted((list?.items ?? []).filter { Self.isAbout(workspace, $0) })
    }

    /// A probe that does not succeed yet is no trouble of a server that starts.
    private static func isAbout(_ workspace: Workspace, _ event: KubeObject) -> Bool {
        let name = event["involvedObject"]?["name"]?.string ?? ""
        let deployment = workspace.kind.service(of: workspace.name)
        guard event["reason"]?.string != "Unhealthy" else { return false }
        // The names of Deployments' Pods and replica sets go on with one or two words without a hyphen.
        func isBelow(_ words: Int) -> Bool {
            guard name.hasPrefix(deployment + "-") else { return false }
            let rest = name.dropFirst(deployment.count + 1).split(separator: "-", omittingEmptySubsequences: false)
            return rest.count == words
        }
        switch event["involvedObject"]?["kind"]?.string {
        case workspace.kind.type.kind: return name == workspace.name
        case "Deployment": return name == deployment
        case "ReplicaSet": return isBelow(1)
        case "Pod": return isBelow(2)
        default: return false
        }
    }
}
