import ControllerKit
import Foundation
import HTTPKit
import KubeModel
import Logging
import NIOCore
import NIOHTTP1

/// The HTTP interface of the node, which the API server uses: `/containerLogs/{namespace}/{pod}/{container}`.
struct NodeRoutes: Sendable {
    let configuration: NodeConfiguration
    let pods: WatchCache
    let runtime: ContainerRuntime
    let watcher: StateWatcher
    let meter: UsageMeter
    let storage: StorageMeter
    let images: ImageStore
    let logger: Logger

    func router() -> Router {
        var router = Router(logger: logger)
        router.add("GET", "/healthz") { _, _ in .text("ok") }
        router.add("GET", "/containerLogs/{namespace}/{pod}/{container}") { request, parameters in
            try logs(request, parameters)
        }
        let volumes = VolumeFolders(root: configuration.volumesDirectory)
        router.add("DELETE", "/volumes/{namespace}/{claim}") { _, parameters in
            try await volumes.remove(namespace: parameters["namespace"], claim: parameters["claim"])
            return .text("removed")
        }
        addStreams(to: &router)
        addUsage(to: &router)
        addImages(to: &router)
        return router
    }

    private func logs(_ request: HTTPRequest, _ parameters: RouteParameters) throws -> HTTPResponse {
        let name = parameters["pod"]
        let containerName = parameters["container"]
        guard let object = pods.get(name, namespace: parameters["namespace"]) else {
            throw APIError(.notFound, "pod \"\(name)\" is not on this node")
        }
        let pod = PodSpec(object)
        guard pod.container(containerName) != nil else {
            throw APIError(.badRequest, "container \(containerName) is not valid for pod \(name)")
        }
        let wanted = try Self.parse(request)
        let directory = "\(configuration.podDirectory(pod.uid))/containers/\(containerName)"
        let runs = ContainerRun.all(in: directory, pod: pod.uid, container: containerName)
        let statuses = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"].flatMap {
            object.status[$0]?.array ?? []
        }
        let state = statuses.first { $0["name"]?.string == containerName }?["state"]
        let run: ContainerRun
        if wanted.isPrevious {
            // The last one is the previous one of a container that is to start again.
            let isOver = state?["terminated"] != nil
            guard
                let previous = runs.last(where: { $0.end != nil && $0.number < runs.last?.number ?? 0 })
                    ?? (runs.last?.end != nil && !isOver ? runs.last : nil)
            else {
                throw APIError(
                    .badRequest, "previous terminated container \"\(containerName)\" in pod \"\(name)\" not found")
            }
            run = previous
        } else {
            guard let last = runs.last else {
                let reason = state?.value(at: "waiting", "reason")?.string
                throw APIError(
                    .badRequest,
                    "container \"\(containerName)\" in pod \"\(name)\" is waiting to start: \(reason ?? "ContainerCreating")"
                )
            }
            run = last
        }
        return HTTPResponse(
            status: 200, headers: ["content-type": "text/plain"],
            body: .stream { writer in
                let exit = "\(run.directory)/exit"
                try await LogFile(path: run.logPath, watcher: watcher).read(
                    wanted, isEnded: { FileTools.exists(exit) || !FileTools.exists(run.directory) }
                ) { bytes in
                    try await writer.write(ByteBuffer(bytes: bytes))
                }
            })
    }

    static func parse(_ request: HTTPRequest) throws -> LogRequest {
        var wanted = LogRequest()
        for (name, value) in request.query {
            let isTrue = value.isEmpty || value == "true" || value == "1"
            switch name {
            case "follow": wanted.follows = isTrue
            case "previous": wanted.isPrevious = isTrue
            case "timestamps": wanted.hasTimestamps = isTrue
            case "tailLines", "tail": wanted.tailLines = try number(name, value)
            case "limitBytes": wanted.limitBytes = try number(name, value)
            case "sinceSeconds":
                let seconds = try number(name, value)
                wanted.since = Timestamps.precise(Date().addingTimeInterval(-Double(seconds)))
            case "sinceTime":
                guard let date = Timestamps.date(value) else {
                    throw APIError(.badRequest, "sinceTime \"\(value)\" is no time")
                }
                wanted.since = Timestamps.precise(date)
            default: break
            }
        }
        return wanted
    }

    private static func number(_ name: String, _ value: String) throws -> Int {
        guard let number = Int(value), number >= 0 else {
            throw APIError(.badRequest, "\(name) must be a number, not \"\(value)\"")
        }
        return number
    }
}
