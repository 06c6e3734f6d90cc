import ArgumentParser
import Foundation
import Gateway
import KubeClient
import Logging
import ProfileController

/// `martlet routes`: what the platform's servers answer, for the test that holds them to a table of who may what.
struct Routes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print every route of the platform's own servers: server, method, pattern.", shouldDisplay: false)

    func run() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/martlet-routes-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let logger = Logger(label: "routes") { _ in SwiftLogNoOpLogHandler() }
        let client = KubeClient(transport: NoCluster())
        let gateway = try Gateway(
            configuration: GatewayConfiguration(
                stateDirectory: folder,
                spawnerConfigPath: try Installation.find().root + "/deploy/base/gateway/spawner_ui_config.yaml",
                kfamAddress: "127.0.0.1:1"),
            client: client, logger: logger)
        for route in gateway.routes { print("gateway \(route.method) \(route.pattern)") }
        for route in ProfileControllerService(client: client, logger: logger).routes {
            print("\(route.server) \(route.method) \(route.pattern)")
        }
    }
}

/// Routes can be listed without anything that they lead to.
private struct NoCluster: KubeTransport {
    struct Unreachable: Error {}

    func send(_ request: KubeRequest) async throws -> KubeResponse { throw Unreachable() }
}
