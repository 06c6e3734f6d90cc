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
            // The shim speaks frames itself.
            let descriptor = node_connect_unix(run.directory, "attach")
            guard descriptor >= 0 else {
                throw APIError(
                    .badRequest,
                    "container \(parameters["container"]) cannot be attached to: \(String(cString: strerror(-descriptor)))"
                )
            }
            let types = Self.flag("stdin", request)
            return try Self.upgrade(request) { try await Self.splice($0, descriptor, types: types) }
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

    /// Carries bytes between the channel and a connected socket, until both sides have ended.
    /// `types` tells a container at once that its peer will type.
    private static func splice(_ channel: any Channel, _ descriptor: Int32, types: Bool = false) async throws {
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
            // An input frame without bytes.
            if types { socket.writeAndFlush(ByteBuffer(bytes: [0, 0, 0, 0, 0]), promise: nil) }
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
