import Foundation
import Testing

@testable import NodeAgent

@Suite("State watcher")
struct StateWatcherTests {
    /// A folder of the test's own, and a watcher that runs.
    private func begin() throws -> (folder: String, watcher: StateWatcher) {
        let folder = NSTemporaryDirectory() + "watched-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let watcher = try StateWatcher()
        watcher.start()
        return (folder, watcher)
    }

    @Test("several may be interested in one folder")
    func several() async throws {
        let (folder, watcher) = try begin()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (first, one) = AsyncStream.makeStream(of: Void.self)
        let (second, two) = AsyncStream.makeStream(of: Void.self)
        let watch = watcher.watch(folder: folder) { one.yield() }
        _ = watcher.watch(folder: folder) { two.yield() }
        try FileTools.write("x", to: "\(folder)/file")
        for await _ in first { break }
        for await _ in second { break }
        watcher.stop(watch)
        try FileTools.write("y", to: "\(folder)/file")
        for await _ in second { break }
    }

    @Test("a follower reads what is written, over a rotation, until the end")
    func follow() async throws {
        let (folder, watcher) = try begin()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (path, exit) = ("\(folder)/log", "\(folder)/exit")
        func append(_ text: String) throws {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            let line = "2026-01-01T00:00:00Z stdout F \(text)\n"
            try #require(write(descriptor, line, line.utf8.count) == line.utf8.count)
        }
        try append("first")
        let (pieces, piece) = AsyncStream.makeStream(of: String.self)
        let reader = Task {
            try await LogFile(path: path, watcher: watcher).read(
                LogRequest(follows: true), isEnded: { FileTools.exists(exit) }
            ) { piece.yield(String(decoding: $0, as: UTF8.self)) }
            piece.finish()
        }
        var steps: [() throws -> Void] = [
            { try append("second") },
            {
                try #require(rename(path, path + ".1") == 0)
                try append("third")
                try FileTools.write("", to: "\(folder)/log.2")  // as a shim moves files on rotation
            },
            { try FileTools.write("0 0 0 now", to: exit) },
        ]
        var seen = ""
        for await text in pieces {
            seen += text
            if !steps.isEmpty { try steps.removeFirst()() }
        }
        try await reader.value
        #expect(seen == "first\nsecond\nthird\n")
    }

    @Test("the end of a process is told once")
    func process() async throws {
        let (folder, watcher) = try begin()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/cat")
        let input = Pipe()
        process.standardInput = input
        try process.run()
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let isWatched = watcher.watch(process: process.processIdentifier, isStill: { true }) { end.yield() }
        #expect(isWatched)
        try input.fileHandleForWriting.close()
        for await _ in ends { break }
        process.waitUntilExit()
        let isKnown = watcher.watch(process: process.processIdentifier, isStill: { true }) { end.yield() }
        #expect(isKnown)
        for await _ in ends { break }
    }
}
