public import ArgumentParser
import ControllerKit
import Foundation
import HTTPKit
import KubeClient
import Logging
import ProfileController
public import ServiceKit

/// Keeps a namespace for every Profile of a cluster.
@main
struct ProfileControllerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile-controller", abstract: "Keeps a namespace for every Profile of a cluster.")

    @Option(help: "Kubeconfig file (default: KUBECONFIG, the Pod's service account, ~/.kube/config).")
    var kubeconfig: String?

    @Option(help: "Header in which the mesh finds the user.")
    var useridHeader = "kubeflow-userid"

    @Option(help: "What stands before the user's name in that header.")
    var useridPrefix = ""

    @Option(help: "YAML map of labels for every namespace; an empty value removes the label.")
    var namespaceLabelsPath = "/etc/profile-controller/namespace-labels.yaml"

    @Option(help: "Address of /metrics, host:port.")
    var metricsBindAddress = ":8080"

    @Option(help: "Address of /healthz and /readyz, host:port.")
    var healthProbeBindAddress = ":9876"

    @Flag(help: "Only one of several replicas works at a time.")
    var leaderElect = false

    @Option(help: "Namespace of the Lease of the leader (default: the Pod's own).")
    var leaderElectionNamespace: String?

    @Option(help: "text or json.")
    var logFormat = LineLogHandler.Format.text

    func run() async throws {
        let logFormat = logFormat
        LoggingSystem.bootstrap {
            LineLogHandler(label: $0, format: logFormat, level: .info, sink: .standardError)
        }
        let logger = Logger(label: "profile-controller")
        let cluster = try KubeConfiguration.load(kubeconfig: kubeconfig)
        let transport = try HTTPKubeTransport(cluster)
        var settings = ProfileControllerConfiguration(environment: ProcessInfo.processInfo.environment)
        settings.userIDHeader = useridHeader
        settings.userIDPrefix = useridPrefix
        settings.namespaceLabelsPath = namespaceLabelsPath
        if leaderElect { settings.leaderElectionNamespace = leaderElectionNamespace ?? cluster.namespace }
        let metrics = Metrics()
        let controller = ProfileControllerService(
            client: KubeClient(transport: transport), configuration: settings, metrics: metrics, logger: logger)
        try await ControllerProcess.run(
            controller, addresses: [metricsBindAddress, healthProbeBindAddress], metrics: metrics, transport: transport,
            logger: logger)
    }
}

extension LineLogHandler.Format: ExpressibleByArgument {}
