import Subprocess
import SystemPackage

/// Runs a program to its end.
struct Command: Sendable {
    /// What a program left behind.
    struct Outcome: Sendable {
        /// Exit code; 128 + n after signal n.
        var code: Int
        /// Standard output, up to the limit.
        var output: String
        /// Standard error, up to the limit.
        var error: String
        /// True when the time was up before the program ended.
        var isTimedOut = false

        /// The first line that says something, for messages.
        var complaint: String {
            let text = error.isEmpty ? output : error
            let lines = text.split(separator: "\n").map { $0.trimmed() }.filter { !$0.isEmpty }
            return lines.last ?? "exit code \(code)"
        }
    }

    let path: String
    let arguments: [String]
    var environment: [String: String] = [:]
    var workingDirectory: String?
    var input: String?

    init(_ path: String, _ arguments: [String], input: String? = nil, environment: [String: String] = [:]) {
        (self.path, self.arguments, self.input, self.environment) = (path, arguments, input, environment)
    }

    /// Runs the program; every line of standard error is handed to `onLine` as it comes.
    ///
    /// - Throws: ``NodeError`` when the program cannot be started.
    func run(limit: Int = 64 << 10, onLine: (@Sendable (String) async -> Void)? = nil) async throws -> Outcome {
        var overrides: [Environment.Key: String?] = [:]
        for (name, value) in environment {
            if let key = Environment.Key(rawValue: name) { overrides[key] = value }
        }
        let inherited = Environment.inherit.updating(overrides)
        do {
            if let input {
                let result = try await Subprocess.run(
                    .path(FilePath(path)), arguments: Arguments(arguments), environment: inherited,
                    workingDirectory: workingDirectory.map { FilePath($0) }, input: .string(input),
                    output: .sequence, error: .sequence
                ) { execution in
                    try await Self.collect(execution.standardOutput, execution.standardError, limit, onLine)
                }
                return Self.outcome(result.terminationStatus, result.closureResult)
            }
            let result = try await Subprocess.run(
                .path(FilePath(path)), arguments: Arguments(arguments), environment: inherited,
                workingDirectory: workingDirectory.map { FilePath($0) }, input: .none, output: .sequence,
                error: .sequence
            ) { execution in
                try await Self.collect(execution.standardOutput, execution.standardError, limit, onLine)
            }
            return Self.outcome(result.terminationStatus, result.closureResult)
        } catch let error as SubprocessError {
            throw NodeError("\(path) cannot be run: \(error)")
        }
    }

    /// Runs the program and fails unless it ends with exit code 0.
    @discardableResult
    func succeed() async throws -> String {
        let outcome = try await run()
        guard outcome.code == 0 else {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            throw NodeError("\(name) \(arguments.prefix(4).joined(separator: " ")): \(outcome.complaint)")
        }
        return outcome.output
    }

    /// Runs the program, but not longer than `limit`; then it is killed.
    func run(within limit: Duration) async throws -> Outcome {
        try await withThrowingTaskGroup(of: Outcome?.self) { group in
            group.addTask { try await run() }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let outcome = first else {
                return Outcome(code: 124, output: "", error: "timed out after \(limit.text)", isTimedOut: true)
            }
            return outcome
        }
    }

    private static func collect(
        _ output: SubprocessOutputSequence, _ error: SubprocessOutputSequence, _ limit: Int,
        _ onLine: (@Sendable (String) async -> Void)?
    ) async throws -> (String, String) {
        async let first = text(of: output, limit, nil)
        let second = try await text(of: error, limit, onLine)
        return (try await first, second)
    }

    private static func text(
        of sequence: SubprocessOutputSequence, _ limit: Int, _ onLine: (@Sendable (String) async -> Void)?
    ) async throws -> String {
        var text: [UInt8] = []
        var line: [UInt8] = []
        for try await buffer in sequence {
            let bytes = buffer.withUnsafeBytes { Array($0) }
            text += bytes
            // The end of the output says what went wrong; the start of a long one is dropped.
            if text.count > 2 * limit { text.removeFirst(text.count - limit) }
            guard let onLine else { continue }
            for byte in bytes {
                if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                    if !line.isEmpty { await onLine(String(decoding: line, as: UTF8.self)) }
                    line = []
                } else if line.count < 4096 {
                    line.append(byte)
                }
            }
        }
        return String(decoding: text.suffix(limit), as: UTF8.self)
    }

    private static func outcome(_ status: TerminationStatus, _ text: (String, String)) -> Outcome {
        switch status {
        case .exited(let code): Outcome(code: Int(code), output: text.0, error: text.1)
        case .signaled(let signal): Outcome(code: 128 + Int(signal), output: text.0, error: text.1)
        }
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    func trimmed() -> String {
        var part = self[...]
        while let first = part.first, first.isWhitespace { part = part.dropFirst() }
        while let last = part.last, last.isWhitespace { part = part.dropLast() }
        return String(part)
    }
}

extension Duration {
    /// `1.5s`, `2m30s`: as Go writes durations, which is what users of Kubernetes know.
    var text: String {
        let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        if milliseconds < 60_000 {
            let rest = milliseconds % 1000
            if rest == 0 { return "\(milliseconds / 1000)s" }
            return "\(milliseconds / 1000).\(rest / 100)s"
        }
        let seconds = milliseconds / 1000
        return "\(seconds / 60)m\(seconds % 60)s"
    }
    /// In seconds, with the fraction.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
