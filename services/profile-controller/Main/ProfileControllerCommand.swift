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

    @Option(help: "Address of KFAM (/kfam/), host:port; empty for none.")
    var kfamBindAddress = ":8081"

    @Option(help: "Users who are administrators for KFAM, by commas, besides those whom RBAC makes so.")
    var clusterAdmin = ""

    @Flag(inversion: .prefixedNo, help: "Everybody may make one Profile of their own.")
    var registrationFlow = false

    @Option(help: "Google service account of Profiles that name none.")
    var workloadIdentity: String?

    @Option(help: "Port of the webhook for PodDefaults, by HTTPS; 0 for none.")
    var webhookPort = 4443

    @Option(help: "Service by which the API server reaches the webhook, at port 443, in the controller's namespace.")
    var webhookService = "profile-controller"

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
        settings.namespace = cluster.namespace
        settings.kfamAddress = kfamBindAddress.isEmpty ? nil : kfamBindAddress
        settings.clusterAdmins = clusterAdmin.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
        settings.isRegistrationOpen = registrationFlow
        settings.workloadIdentity = workloadIdentity
        if webhookPort != 0 {
            settings.webhook = WebhookSettings(
                host: "0.0.0.0", port: webhookPort, reach: .service(name: webhookService, port: 443))
        }
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
