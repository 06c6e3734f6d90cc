import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// How a container ended.
struct ContainerEnd: Sendable, Equatable {
    var code: Int
    var signal: Int
    var isOutOfMemory: Bool
    var finishedAt: Date
    /// `Completed`, `Error`, `OOMKilled`, `StartError`, `ContainerStatusUnknown`.
    var reason: String
    var message: String?
}

/// One start of a container. All of it is on disk, so that the next agent knows it too.
struct ContainerRun: Sendable, Equatable {
    let number: Int
    /// Holds the bundle, the log and the files of the shim.
    let directory: String
    /// Name for crun.
    let id: String
    var startedAt: Date?
    var end: ContainerEnd?

    var logPath: String { "\(directory)/log" }
    var terminationFile: String { "\(directory)/termination" }
    var isRunning: Bool { startedAt != nil && end == nil }

    init(number: Int, directory: String, id: String) {
        (self.number, self.directory, self.id) = (number, directory, id)
    }

    /// Reads what the shim has written since; true when something is new.
    mutating func update() -> Bool {
        let before = self
        if startedAt == nil, let text = FileTools.text("\(directory)/started") {
            startedAt = Timestamps.date(text.trimmed())
        }
        if end == nil, let text = FileTools.text("\(directory)/exit") {
            end = Self.end(text, failure: FileTools.text("\(directory)/failure"))
        }
        return self != before
    }

    /// `CODE SIGNAL OOM TIME`; `failure` is the agent's own note on why, `REASON MESSAGE`.
    static func end(_ text: String, failure: String?) -> ContainerEnd? {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 4, let code = Int(words[0]), let signal = Int(words[1]) else { return nil }
        let isOutOfMemory = words[2] == "1"
        var end = ContainerEnd(
            code: code, signal: signal, isOutOfMemory: isOutOfMemory,
            finishedAt: Timestamps.date(String(words[3])) ?? Date(),
            reason: isOutOfMemory ? "OOMKilled" : code == 0 ? "Completed" : "Error", message: nil)
        if let failure {
            let parts = failure.split(separator: " ", maxSplits: 1)
            if let reason = parts.first { end.reason = String(reason) }
            if parts.count > 1 { end.message = String(parts[1]) }
        }
        return end
    }

    /// Notes that a container could not be started, or that nobody knows how it ended.
    mutating func fail(code: Int, reason: String, message: String) {
        let now = Date()
        try? FileTools.write("\(reason) \(message)", to: "\(directory)/failure")
        try? FileTools.write("\(code) 0 0 \(Timestamps.precise(now))\n", to: "\(directory)/exit")
        end = ContainerEnd(
            code: code, signal: 0, isOutOfMemory: false, finishedAt: now, reason: reason, message: message)
    }

    /// Frees what only a running container needs; log and result stay.
    func discardBundle() {
        UserShift.release(id)
        for name in [
            "rootfs", "layer-usr", "work-usr", "layer-environment", "work-environment", "layer-root",
            "work-root", "config.json",
        ] {
            FileTools.remove("\(directory)/\(name)")
        }
    }

    /// The runs of one container that are on disk, oldest first.
    static func all(in directory: String, pod uid: String, container: String) -> [ContainerRun] {
        FileTools.names(in: directory).compactMap(Int.init).sorted().map { number in
            var run = ContainerRun(
                number: number, directory: "\(directory)/\(number)",
                id: id(pod: uid, container: container, number: number))
            _ = run.update()
            return run
        }
    }

    static func id(pod uid: String, container: String, number: Int) -> String { "\(uid)-\(container)-\(number)" }
}
