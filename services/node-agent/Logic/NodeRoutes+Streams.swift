import CNode
import ControllerKit
import Foundation
import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1
import NIOPosix

/// Connections that turn into streams: `/exec`, `/attach` (frames, see ``StreamFrame``) and `/portForward` (bytes).
extension NodeRoutes {
    func addStreams(to router: inout Router) {
        router.add("POST", "/exec/{namespace}/{pod}/{container}") { request, parameters in
            let (_, run) = try running(parameters)
            let command = request.query.filter { $0.name == "command" }.map(\.value)
            guard !command.isEmpty else { throw APIError(.badRequest, "no command is given") }
            let exec = ContainerExec(
                runtime: runtime, run: run, command: command, hasInput: Self.flag("stdin", request),
                hasTerminal: Self.flag("tty", request))
            return try Self.frames(request) { try await exec.serve($0) }
        }
        router.add("POST", "/attach/{namespace}/{pod}/{container}") { request, parameters in
            let (_, run) = try running(parameters)
            guard !Self.flag("stdin", request) else {
                throw APIError(.badRequest, "the input of a running container is not offered on this node")
            }
            return try Self.frames(request) { try await attach(run, to: $0) }
        }
        router.add("POST", "/portForward/{namespace}/{pod}") { request, parameters in
            let pod = try pod(parameters)
            guard let text = request.query.first(where: { $0.name == "port" })?.value, let port = UInt16(text) else {
                throw APIError(.badRequest, "port must be a number from 1 to 65535")
            }
            guard let bytes = FileTools.read("\(configuration.podDirectory(pod.uid))/sandbox.json"),
                let namespace = (try? JSON(parsing: bytes))?["namespace"]?.string
            else { throw APIError(.badRequest, "pod \"\(pod.name)\" is not running") }
            let descriptor = try await NIOThreadPool.singleton.runIfActive {
                node_connect_in_namespace("/run/netns/\(namespace)", port)
            }
            guard descriptor >= 0 else {
                throw APIError(
                    .badRequest,
                    "failed to connect to localhost:\(port) inside the Pod: \(String(cString: strerror(-descriptor)))")
            }
            return try Self.upgrade(request) { try await Self.splice($0, descriptor) }
        }
    }

    private func pod(_ parameters: RouteParameters) throws -> PodSpec {
        guard let object = pods.get(parameters["pod"], namespace: parameters["namespace"]) else {
            throw APIError(.notFound, "pod \"\(parameters["pod"])\" is not on this node")
        }
        return PodSpec(object)
    }

    private func running(_ parameters: RouteParameters) throws -> (PodSpec, ContainerRun) {
        let pod = try pod(parameters)
        let name = parameters["container"]
        let directory = "\(configuration.podDirectory(pod.uid))/containers/\(name)"
        guard pod.container(name) != nil,
            let run = ContainerRun.all(in: directory, pod: pod.uid, container: name).last, run.isRunning
        else { throw APIError(.badRequest, "container \"\(name)\" of pod \"\(pod.name)\" is not running") }
        return (pod, run)
    }

    private static func flag(_ name: String, _ request: HTTPRequest) -> Bool {
        request.query.contains { $0.name == name && ["", "1", "true"].contains($0.value) }
    }

    /// Answers 101 and gives the channel away.
    private static func upgrade(_ request: HTTPRequest, _ own: @escaping @Sendable (any Channel) async throws -> Void)
        throws -> HTTPResponse
    {
        guard request.headers.first(name: "upgrade")?.lowercased() == StreamFrame.upgrade else {
            throw APIError(.badRequest, "this path is for connections that upgrade to \(StreamFrame.upgrade)")
        }
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: \(StreamFrame.upgrade)\r\n\r\n"
        return HTTPResponse(
            status: 101,
            body: .takeOver { channel in
                // Before the peer may send anything, its end included.
                try await channel.setOption(.allowRemoteHalfClosure, value: true).get()
                try await channel.writeAndFlush(ByteBuffer(string: head)).get()
                try await own(channel)
            })
    }

    private static func frames(
        _ request: HTTPRequest,
        _ own: @escaping @Sendable (NIOAsyncChannel<StreamFrame, StreamFrame>) async throws -> Void
    ) throws -> HTTPResponse {
        try upgrade(request) { channel in
            let frames = try await channel.eventLoop.submit { try NIOAsyncChannel.frames(on: channel) }.get()
            try await channel.setOption(.autoRead, value: true).get()
            channel.read()
            try await own(frames)
        }
    }

    /// Sends what a container writes from now on, and how it ended.
    private func attach(_ run: ContainerRun, to channel: NIOAsyncChannel<StreamFrame, StreamFrame>) async throws {
        try await channel.executeThenClose { inbound, outbound in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    for try await _ in inbound {}
                    return false
                }
                group.addTask {
                    let exit = "\(run.directory)/exit"
                    try await LogFile(path: run.logPath).read(
                        LogRequest(follows: true, tailLines: 0),
                        isEnded: { FileTools.exists(exit) || !FileTools.exists(run.directory) }
                    ) { bytes in
                        try await outbound.write(StreamFrame(.output, ByteBuffer(bytes: bytes)))
                    }
                    return true
                }
                if try await group.next() == true {
                    var ended = run
                    _ = ended.update()
                    let result = ContainerExec.result(ended.end?.code ?? 0)
                    try await outbound.write(StreamFrame(.result, ByteBuffer(bytes: result.bytes)))
                }
                group.cancelAll()
            }
        }
    }

    /// Carries bytes between the channel and a connected socket, until both sides have ended.
    private static func splice(_ channel: any Channel, _ descriptor: Int32) async throws {
        let socket = try await ClientBootstrap(group: channel.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .withConnectedSocket(descriptor).get()
        try await channel.eventLoop.submit {
            let near = SpliceHandler()
            let far = SpliceHandler()
            near.peer = socket
            far.peer = channel
            try channel.pipeline.syncOperations.addHandler(near)
            try socket.pipeline.syncOperations.addHandler(far)
            channel.read()
            socket.read()
        }.get()
        try await withTaskCancellationHandler {
            try await channel.closeFuture.get()
            try await socket.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}
