import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// One build of an environment: a virtual environment in a folder of its own that is renamed into place when whole.
struct EnvironmentBuild: Sendable {
    let definition: EnvironmentDefinition
    let directory: String
    let content: String
    let cacheDirectory: String
    let uv: String
    /// Told the percentage and what is being done.
    let onProgress: @Sendable (Int, String) -> Void

    /// Builds; returns the folder.
    func run() async throws -> String {
        let final = "\(directory)/\(content)"
        let work = "\(directory)/.\(content).\(getpid())"
        try FileTools.makeDirectory(directory)
        try FileTools.makeDirectory(cacheDirectory)
        removeLeftovers()
        FileTools.remove(work)
        defer { FileTools.remove(work) }

        let python = try interpreter()
        onProgress(2, "making a virtual environment")
        try await uv(
            ["venv", "--quiet", "--seed", "--relocatable", "--no-python-downloads", "--python", python]
                + (definition.usesSystemPackages ? ["--system-site-packages"] : []) + [work], nil)
        if !definition.packages.isEmpty {
            onProgress(5, "resolving \(definition.packages.count) requirements")
            let progress = UVProgress()
            try await uv(
                ["pip", "install", "--python", "\(work)/bin/python", "--link-mode", "hardlink"] + definition.packages
            ) { line in
                if let (percent, what) = progress.take(line) { onProgress(percent, what) }
            }
            onProgress(88, "compiling")
            // What does not compile is for another version of Python; it is never imported.
            _ = try await Command(
                "\(work)/bin/python", ["-m", "compileall", "-q", "-j0", "-x", "/tests?/", "\(work)/lib"]
            ).run()
        }
        onProgress(96, "recording versions")
        let versions = try await Command(uv, ["pip", "freeze", "--quiet", "--python", "\(work)/bin/python"]).succeed()
        giveDirectories(below: work)
        try FileTools.write(
            "# \(definition.name), \(python)\n" + definition.packages.map { "# wanted: \($0)\n" }.joined() + versions,
            to: "\(work)/environment.lock")
        sync()  // the lock file says that all is there; it must not reach the disk first
        if FileTools.exists(final) { FileTools.remove(final) }
        guard rename(work, final) == 0 else { throw FileTools.failure("cannot publish the environment as", final) }
        return final
    }

    /// The requirements that cannot be had without a network, for a complaint.
    private func missing() async -> String {
        var missing: [String] = []
        guard let python = try? interpreter() else { return "" }
        for package in definition.packages {
            let trial = Command(
                uv,
                [
                    "pip", "install", "--dry-run", "--offline", "--no-deps", "--break-system-packages", "--python",
                    python, package,
                ], environment: settings)
            if (try? await trial.run())?.code != 0 { missing.append(package) }
        }
        return missing.isEmpty ? "" : "; not on this machine yet: \(missing.joined(separator: ", "))"
    }

    private func interpreter() throws -> String {
        let wanted = definition.python ?? "3"
        if wanted.hasPrefix("/") {
            guard access(wanted, X_OK) == 0 else { throw NodeError("\(wanted) does not exist") }
            return wanted
        }
        // Only what lies below /usr can be seen in a pod.
        let name = wanted.hasPrefix("python") ? wanted : "python\(wanted)"
        for path in ["/usr/bin/\(name)", "/usr/local/bin/\(name)"] where access(path, X_OK) == 0 { return path }
        throw NodeError(
            "/usr/bin/\(name) is missing; install it with apt-get install \(name), or choose another python")
    }

    private func uv(_ arguments: [String], _ onLine: (@Sendable (String) -> Void)?) async throws {
        let outcome = try await Command(uv, arguments, environment: settings).run { line in onLine?(line) }
        guard outcome.code != 0 else { return }
        let complaint = Self.complaint(outcome.error)
        throw NodeError(complaint.hasSuffix(Self.offline) ? complaint + (await missing()) : complaint)
    }

    /// The variables that uv runs with.
    private var settings: [String: String] {
        var settings = ["UV_CACHE_DIR": cacheDirectory, "UV_NO_CONFIG": "1", "UV_NO_PROGRESS": "1"]
        settings["SSL_CERT_FILE"] = ProcessInfo.processInfo.environment["PIP_CERT"]
        return settings
    }

    /// What uv said when it failed, in one line.
    static func complaint(_ text: String) -> String {
        if text.contains("No space left on device") { return "the disk is full" }
        var lines: [String] = []
        var isComplaint = false
        for line in text.split(separator: "\n").map({ $0.trimmed() }) where !line.isEmpty {
            if line.hasPrefix("error:") || line.hasPrefix("×") { isComplaint = true }
            if line.hasPrefix("hint:") { break }
            if isComplaint { lines.append(line) }
        }
        if lines.isEmpty { lines = text.split(separator: "\n").suffix(1).map { $0.trimmed() } }
        let text = lines.joined(separator: " ")
        let isOffline = ["dns error", "Failed to fetch", "error sending request", "connect"].contains {
            text.contains($0)
        }
        return String(text.prefix(600)) + (isOffline ? offline : "")
    }

    /// How a complaint ends that may be the network's fault.
    private static let offline = " (is the network reachable?)"

    /// Lets the environment's user install more packages: directories are its own, in each pod a layer of that pod.
    private func giveDirectories(below path: String) {
        guard let walk = FileManager.default.enumerator(atPath: path) else { return }
        lchown(path, definition.uid, definition.gid)
        for case let name as String in walk where walk.fileAttributes?[.type] as? FileAttributeType == .typeDirectory {
            lchown("\(path)/\(name)", definition.uid, definition.gid)
        }
    }

    /// Removes what a build left that was killed.
    private func removeLeftovers() {
        for name in FileTools.names(in: directory) where name.hasPrefix(".") {
            guard let process = name.split(separator: ".").last.flatMap({ Int32($0) }) else { continue }
            if process != getpid(), kill(process, 0) != 0 { FileTools.remove("\(directory)/\(name)") }
        }
    }
}

/// Turns the lines that uv writes into percentages: packages count by their size.
final class UVProgress: Sendable {
    private struct State {
        var sizes: [String: Double] = [:]
        var done: Double = 0
        var last = 5
    }
    private let state = Mutex(State())

    /// The new percentage and what is being done, when the line tells.
    func take(_ line: String) -> (percent: Int, what: String)? {
        let words = line.split(separator: " ")
        guard let verb = words.first else { return nil }
        return state.withLock { state in
            switch (verb, words.count) {
            case ("Resolved", 3...):
                state.last = 10
                return (10, "\(words[1]) packages found")
            case ("Downloading", 3...):
                let name = String(words[1])
                state.sizes[name] = Self.bytes(words[2])
                return (state.last, "downloading \(name)")
            case ("Downloaded", 2...), ("Built", 2...):
                let name = String(words[1].split(separator: "=").first ?? words[1])
                state.done += state.sizes[name] ?? 0
                let whole = max(state.sizes.values.reduce(0, +), 1)
                state.last = max(state.last, 10 + Int(65 * min(1, state.done / whole)))
                return (state.last, "downloaded \(name)")
            case ("Prepared", 3...):
                state.last = 78
                return (78, "installing \(words[1]) packages")
            case ("Installed", 3...):
                state.last = 86
                return (86, "installed")
            default: return nil
            }
        }
    }

    /// `(16.1MiB)` in bytes.
    static func bytes(_ text: Substring) -> Double {
        let digits = text.drop { $0 == "(" }.prefix { $0.isNumber || $0 == "." }
        let number = Double(digits) ?? 0
        if text.contains("GiB") { return number * 1_073_741_824 }
        if text.contains("MiB") { return number * 1_048_576 }
        if text.contains("KiB") { return number * 1024 }
        return number
    }
}
