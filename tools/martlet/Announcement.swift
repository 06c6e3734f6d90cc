import ControlPlane
import ControllerKit
import Foundation
import Gateway
import KubeClient
import KubeModel
import ServiceLifecycle

/// Completes the start: objects that every instance has, the user's profile, `run.json`, and the sign-in address.
struct Announcement: Service {
    let platform: Platform
    let readiness: Readiness

    func run() async throws {
        let ready = try await platform.controlPlane.ready()
        let directory = platform.directory
        try platform.controlPlane.writeKubeconfig(
            to: directory.kubeconfig, user: "martlet-admin", groups: ["system:masters"])
        let client = try await platform.administrator()
        try await Manifests(root: platform.installation.root, client: client).apply()
        readiness.manifests.open()
        try await makeProfile(client)
        let node = platform.node == nil ? nil : try await waitForNode(client)
        let gateway = "http://127.0.0.1:\(try await readiness.gateway.port())"
        let elapsed = (ContinuousClock.now - platform.started).components
        let seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
        var information: JSON = [
            "pid": .int(Int64(getpid())), "gateway": .string(gateway),
            "kubernetes": .string("https://127.0.0.1:\(ready.port)"), "kubeconfig": .string(directory.kubeconfig),
            "user": .string(platform.user.name), "namespace": .string(platform.user.namespace),
            "version": .string(Martlet.version), "readySeconds": .double((seconds * 1000).rounded() / 1000),
        ]
        let workspaces = platform.workspacePort.map { "http://127.0.0.1:\($0)" }
        information["workspaces"] = workspaces.map(JSON.string)
        try directory.write(information.bytes, to: directory.runFile)
        if platform.node == nil {
            print(
                """
                No Pods run: \(platform.obstacle ?? "they need root").
                Everything else works; for notebooks do that (`martlet doctor` checks it), or start Martlet with sudo.

                """)
        }
        if let node, let shortage = condition("LimitsNotEnforced", of: node) { print("Mind: \(shortage).\n") }
        let token = try SignInTokens(stateDirectory: directory.gatewayState).issue(user: platform.user.name)
        print(
            """
            Martlet is ready (\((seconds * 100).rounded() / 100) s). To sign in as \(platform.user.name), open:

                \(gateway)/login?token=\(token)
            \(workspaces.map { "\nNotebooks open at \($0)\n" } ?? "")
            kubectl:  export KUBECONFIG=\(directory.kubeconfig)
            stop:     Ctrl-C, or martlet down
            """)
        fflush(nil)
        try? await gracefulShutdown()
    }

    private func makeProfile(_ client: KubeClient) async throws {
        let (user, name) = (platform.user.name, platform.user.namespace)
        guard try await client.find(.profiles, name) == nil else { return }
        var profile = KubeObject(apiVersion: "kubeflow.org/v1", kind: "Profile", name: name)
        profile["spec"] = [
            "owner": ["kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": .string(user)]
        ]
        _ = try await client.create(.profiles, profile)
    }

    /// The node registers itself once its agent runs; a failing agent ends the platform through its own service.
    private func waitForNode(_ client: KubeClient) async throws -> KubeObject {
        let list = try await client.list(.nodes)
        if let node = list.items.first(where: isReady) { return node }
        for try await event in try await client.watch(.nodes, from: list.resourceVersion) {
            switch event {
            case .added(let node), .modified(let node): if isReady(node) { return node }
            case .deleted, .bookmark: continue
            }
        }
        throw CancellationError()
    }

    private func isReady(_ node: KubeObject) -> Bool { condition("Ready", of: node) != nil }

    /// What a condition of a node says, if it holds.
    private func condition(_ type: String, of node: KubeObject) -> String? {
        let found = node.status["conditions"]?.array?.first { $0["type"]?.string == type }
        return found?["status"]?.string == "True" ? found?["message"]?.string ?? "" : nil
    }
}
