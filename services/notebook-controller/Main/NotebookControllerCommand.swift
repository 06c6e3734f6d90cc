public import ArgumentParser
import ControllerKit
import Foundation
import HTTPKit
import KubeClient
import Logging
import NotebookController
public import ServiceKit

/// Runs a server for every Notebook, Tensorboard and PVCViewer of a cluster.
@main
struct NotebookControllerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notebook-controller", abstract: "Runs a server for every Notebook, Tensorboard and PVCViewer.",
        discussion: """
            Environment: USE_ISTIO, ISTIO_GATEWAY, ISTIO_HOST, CLUSTER_DOMAIN, ADD_FSGROUP, TENSORBOARD_IMAGE,
            PVCVIEWER_IMAGE, RWO_PVC_SCHEDULING.
            """)

    @Option(help: "Kubeconfig file (default: KUBECONFIG, the Pod's service account, ~/.kube/config).")
    var kubeconfig: String?

    @Option(help: "Address of /metrics, host:port.")
    var metricsAddr = ":8080"

    @Option(help: "Address of /healthz and /readyz, host:port.")
    var probeAddr = ":8081"

    @Flag(help: "Only one of several replicas works at a time.")
    var enableLeaderElection = false

    @Option(help: "Namespace of the Lease of the leader (default: the Pod's own).")
    var leaderElectionNamespace: String?

    @Option(help: "text or json.")
    var logFormat = LineLogHandler.Format.text

    func run() async throws {
        let logFormat = logFormat
        LoggingSystem.bootstrap {
            LineLogHandler(label: $0, format: logFormat, level: .info, sink: .standardError)
        }
        let logger = Logger(label: "notebook-controller")
        let cluster = try KubeConfiguration.load(kubeconfig: kubeconfig)
        let transport = try HTTPKubeTransport(cluster)
        var settings = NotebookControllerConfiguration(environment: ProcessInfo.processInfo.environment)
        if enableLeaderElection { settings.leaderElectionNamespace = leaderElectionNamespace ?? cluster.namespace }
        let metrics = Metrics()
        let controller = NotebookControllerService(
            client: KubeClient(transport: transport), configuration: settings, metrics: metrics, logger: logger)
        try await ControllerProcess.run(
            controller, addresses: [metricsAddr, probeAddr], metrics: metrics, transport: transport,
            logger: logger)
    }
}

extension LineLogHandler.Format: ExpressibleByArgument {}
