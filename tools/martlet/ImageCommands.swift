import ArgumentParser
import AsyncHTTPClient
import Foundation
import KubeModel
import NIOCore
import NIOHTTP1

/// `martlet images`: the container images of this machine.
struct Images: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, load and remove container images.",
        discussion: """
            Images that no environment stands in for are pulled when a Pod asks for them. `load` brings them from a file.
            """,
        subcommands: [List.self, Load.self, Remove.self, Prune.self])

    /// `martlet images list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the images of this machine.")

        @OptionGroup var data: DataDirectoryOptions
        @Option(name: .long, help: "text or json.")
        var output: OutputFormat = .text

        func run() async throws {
            let answer = try await NodeRequest(data.directory, "GET", "/images").send()
            Images.show(answer, output, nothing: "there are no images")
        }
    }

    /// `martlet images load`.
    struct Load: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Load images from an archive of `docker save`, or an OCI layout (archive or folder).")

        @OptionGroup var data: DataDirectoryOptions
        @Argument(help: "The file or folder; - for standard input.")
        var file: String
        @Option(name: .long, help: "What to call the image, when the archive has one only.")
        var name: String?

        func run() async throws {
            let source = try ArchiveSource(file)
            defer { source.close() }
            let fields = name.map { [("name", $0)] } ?? []
            let answer = try await NodeRequest(data.directory, "POST", "/images/load", fields).send(source)
            try source.check()
            for name in answer["loaded"]?.array?.compactMap(\.string) ?? [] { print("loaded \(name)") }
        }
    }

    /// `martlet images remove`.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove images by name or id; an image that a container uses stays.")

        @OptionGroup var data: DataDirectoryOptions
        @Argument(help: "Names, or ids of at least twelve digits.")
        var names: [String]

        func run() async throws {
            for name in names {
                _ = try await NodeRequest(data.directory, "POST", "/images/remove", [("name", name)]).send()
                print("removed \(name)")
            }
        }
    }

    /// `martlet images prune`.
    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove images that no container uses.")

        @OptionGroup var data: DataDirectoryOptions
        @Flag(name: .long, help: "Those that were loaded from files, too: they cannot be pulled again.")
        var all = false
        @Option(name: .long, help: "text or json.")
        var output: OutputFormat = .text

        func run() async throws {
            let fields = all ? [("all", "true")] : []
            let answer = try await NodeRequest(data.directory, "POST", "/images/prune", fields).send()
            Images.show(answer, output, nothing: "nothing was removed")
        }
    }

    static func show(_ answer: JSON, _ output: OutputFormat, nothing: String) {
        if output == .json {
            print(answer.text)
            return
        }
        let images = answer["images"]?.array ?? []
        if images.isEmpty { print(nothing) }
        for image in images {
            let id = (image["id"]?.string ?? "").split(separator: ":").last?.prefix(12) ?? ""
            let names = image["names"]?.array?.compactMap(\.string) ?? []
            let digests = image["digests"]?.array?.compactMap(\.string) ?? []
            let size = (image["unpacked"]?.int ?? 0).formatted(.byteCount(style: .file))
            print("\(id)  \(size)  \((names.isEmpty ? digests : names).joined(separator: " "))")
        }
    }
}

/// A question to the node agent, over its socket.
struct NodeRequest {
    private let socket: String
    private let method: String
    private let target: String

    init(_ directory: DataDirectory, _ method: String, _ path: String, _ fields: [(String, String)] = []) throws {
        guard directory.runningProcess != nil else {
            throw Complaint("no platform runs in \(directory.path); start it with `martlet up`")
        }
        socket = directory.nodeSocket
        guard access(socket, R_OK | W_OK) == 0 else {
            throw Complaint("\(socket) cannot be used: \(String(cString: strerror(errno)))")
        }
        self.method = method
        let query = fields.map { "\($0.0)=\(Self.encoded($0.1))" }.joined(separator: "&")
        target = query.isEmpty ? path : "\(path)?\(query)"
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    /// Sends it and waits for the answer, however long that takes.
    ///
    /// - Throws: ``Complaint`` with the agent's words.
    func send(_ body: ArchiveSource? = nil) async throws -> JSON {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.read = nil
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        var request = HTTPClientRequest(url: "http+unix://\(Self.encoded(socket))\(target)")
        request.method = .init(rawValue: method)
        // A path of a socket makes no valid host name.
        request.headers.add(name: "Host", value: "node-agent")
        if let body { request.body = .stream(body, length: .unknown) }
        let result: Result<JSON, any Error>
        do {
            let response = try await client.execute(request, deadline: .distantFuture)
            let bytes = try await response.body.collect(upTo: 16 << 20)
            let json = try? JSON(parsing: Array(bytes.readableBytesView))
            if response.status == .ok, let json {
                result = .success(json)
            } else {
                result = .failure(Complaint(json?["message"]?.string ?? "the node agent answered \(response.status)"))
            }
        } catch {
            result = .failure(Complaint("the node agent does not answer: \(error)"))
        }
        try await client.shutdown()
        return try result.get()
    }
}

/// The bytes of an archive; a folder becomes one on the way.
struct ArchiveSource: AsyncSequence, Sendable {
    private let descriptor: Int32
    private let packer: Packer?

    /// A running `tar`.
    private final class Packer: @unchecked Sendable {  // used by one task at a time
        let process = Process()
    }

    init(_ path: String) throws {
        var isFolder: ObjCBool = false
        if path == "-" {
            (descriptor, packer) = (dup(STDIN_FILENO), nil)
        } else if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            let (packer, pipe) = (Packer(), Pipe())
            packer.process.executableURL = URL(fileURLWithPath: "/bin/tar")
            packer.process.arguments = ["-C", path, "-cf", "-", "."]
            packer.process.standardOutput = pipe
            try packer.process.run()
            descriptor = dup(pipe.fileHandleForReading.fileDescriptor)
            self.packer = packer
        } else {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Complaint("\(path): \(String(cString: strerror(errno)))") }
            packer = nil
        }
    }

    func close() { Glibc.close(descriptor) }

    /// Says whether the folder could be read as a whole.
    func check() throws {
        guard let process = packer?.process else { return }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Complaint("tar could not read the folder") }
    }

    func makeAsyncIterator() -> Iterator { Iterator(descriptor: descriptor) }

    struct Iterator: AsyncIteratorProtocol {
        let descriptor: Int32

        mutating func next() async throws -> ByteBuffer? {
            var chunk = [UInt8](repeating: 0, count: 256 << 10)
            while true {
                let size = read(descriptor, &chunk, chunk.count)
                if size < 0, errno == EINTR { continue }
                guard size >= 0 else { throw Complaint("the archive: \(String(cString: strerror(errno)))") }
                return size == 0 ? nil : ByteBuffer(bytes: chunk[..<size])
            }
        }
    }
}
