import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// What a reader of a container's log asks for.
struct LogRequest: Sendable, Equatable {
    var follows = false
    var tailLines: Int?
    var isPrevious = false
    var hasTimestamps = false
    /// Lines from this time on, as they begin in the file.
    var since: String?
    var limitBytes: Int?
}

/// Reads the log that a shim writes: `TIME STREAM F|P TEXT`, over its rotated files.
struct LogFile {
    let path: String
    /// Tells a follower that there is more; without it nobody can follow.
    var watcher: StateWatcher?

    /// The files that exist, oldest first.
    static func files(_ path: String) -> [String] {
        (1...4).reversed().map { "\(path).\($0)" }.filter(FileTools.exists) + [path]
    }

    /// The text of the last lines.
    static func tail(path: String, lines: Int) -> [String] {
        var found: [String] = []
        for file in files(path).reversed() {
            let bytes = FileTools.read(file, limit: 32 << 20) ?? []
            let all = bytes.split(separator: UInt8(ascii: "\n"))
            found =
                all.suffix(lines - found.count).map { line in
                    let (_, _, text) = parse(line)
                    return String(decoding: text, as: UTF8.self)
                } + found
            if found.count >= lines { break }
        }
        return found
    }

    /// Takes a line apart: time, whether it is whole, text.
    static func parse(_ line: ArraySlice<UInt8>) -> (time: ArraySlice<UInt8>, isWhole: Bool, text: ArraySlice<UInt8>) {
        let space = UInt8(ascii: " ")
        guard let first = line.firstIndex(of: space), let second = line[(first + 1)...].firstIndex(of: space),
            let third = line[(second + 1)...].firstIndex(of: space)
        else { return (line[line.startIndex..<line.startIndex], true, line) }
        return (line[..<first], line[line.index(after: second)] == UInt8(ascii: "F"), line[(third + 1)...])
    }

    /// Turns lines of the file into what a reader sees.
    struct Formatter {
        let request: LogRequest
        private var rest: [UInt8] = []
        private var sent = 0
        private(set) var isFull = false
        private var isInsideLine = false

        init(_ request: LogRequest) { self.request = request }

        mutating func take(_ bytes: [UInt8]) -> [UInt8] {
            rest += bytes
            var output: [UInt8] = []
            var start = rest.startIndex
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                append(rest[start..<end], to: &output)
                start = end + 1
            }
            rest.removeSubrange(..<start)
            if let limit = request.limitBytes, sent + output.count >= limit {
                output = Array(output.prefix(max(0, limit - sent)))
                isFull = true
            }
            sent += output.count
            return output
        }

        private mutating func append(_ line: ArraySlice<UInt8>, to output: inout [UInt8]) {
            let (time, isWhole, text) = LogFile.parse(line)
            if let since = request.since, String(decoding: time, as: UTF8.self) < since { return }
            if request.hasTimestamps, !isInsideLine { output += time + [UInt8(ascii: " ")] }
            output += text
            if isWhole { output.append(UInt8(ascii: "\n")) }
            isInsideLine = !isWhole
        }
    }

    /// Reads the log from the start or from the last lines; `emit` gets what a reader sees.
    ///
    /// - Parameters:
    ///   - request: what to read.
    ///   - isEnded: true once the container writes nothing more.
    ///   - emit: gets pieces in order; throws when the reader has gone.
    /// - Throws: what `emit` throws, or why the file cannot be read.
    func read(
        _ request: LogRequest, isEnded: () -> Bool, emit: ([UInt8]) async throws -> Void
    ) async throws {
        var formatter = Formatter(request)
        var files = Self.files(path)
        var skip = 0
        if let lines = request.tailLines { (files, skip) = Self.position(files, lines: lines) }
        // Before anything is read, so that nothing is missed: the folder tells of rotation and of the end.
        let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        var change = changes.makeAsyncIterator()
        let follower = request.follows ? watcher : nil
        let folder = follower?.watch(folder: (path as NSString).deletingLastPathComponent) { changed.yield() }
        var growth: StateWatcher.Watch?
        defer {
            follower?.stop(folder)
            follower?.stop(growth)
        }
        for (index, file) in files.enumerated() {
            let isLast = index == files.count - 1
            var descriptor = open(file, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            if isLast { growth = follower?.watch(file: file) { changed.yield() } }
            if skip > 0 { lseek(descriptor, off_t(skip), SEEK_SET) }
            skip = 0
            var chunk = [UInt8](repeating: 0, count: 65536)
            while true {
                let ended = isEnded()
                let size = Glibc.read(descriptor, &chunk, chunk.count)
                if size > 0 {
                    let output = formatter.take(Array(chunk[..<size]))
                    if !output.isEmpty { try await emit(output) }
                    if formatter.isFull { return }
                    continue
                }
                guard isLast, let follower, size == 0 else { break }
                if Self.isReplaced(descriptor, file) {
                    // Rotated: what was read is `log.1` now.
                    let next = open(file, O_RDONLY | O_CLOEXEC)
                    if next >= 0 {
                        close(descriptor)
                        descriptor = next
                        follower.stop(growth)
                        growth = follower.watch(file: file) { changed.yield() }
                        continue
                    }
                }
                if ended { break }
                await change.next()
                try Task.checkCancellation()
            }
        }
    }

    /// The files and the offset in the first of them at which the last lines begin.
    static func position(_ files: [String], lines: Int) -> (files: [String], skip: Int) {
        guard lines > 0 else {
            let size = files.last.flatMap { FileTools.read($0, limit: 32 << 20)?.count } ?? 0
            return (Array(files.suffix(1)), size)
        }
        var missing = lines
        for (index, file) in files.enumerated().reversed() {
            let bytes = FileTools.read(file, limit: 32 << 20) ?? []
            var at = bytes.count - 1
            while at >= 0 {
                if at < bytes.count - 1, bytes[at] == UInt8(ascii: "\n") {
                    missing -= 1
                    if missing == 0 { return (Array(files[index...]), at + 1) }
                }
                at -= 1
            }
            if !bytes.isEmpty { missing -= 1 }
            if missing == 0 { return (Array(files[index...]), 0) }
        }
        return (files, 0)
    }

    private static func isReplaced(_ descriptor: Int32, _ path: String) -> Bool {
        var mine = stat()
        var theirs = stat()
        return fstat(descriptor, &mine) == 0 && stat(path, &theirs) == 0 && mine.st_ino != theirs.st_ino
    }
}
