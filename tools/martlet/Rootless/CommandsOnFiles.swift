import ArgumentParser

/// A command that changes files in a data directory by itself, among them such that belong to Pods or the node agent.
protocol CommandOnFiles: ParsableCommand {
    var data: DataDirectoryOptions { get }
    /// False when it asks a running platform instead.
    var changesFiles: Bool { get }
    /// True when it makes the directory.
    var makesDirectory: Bool { get }
}

extension CommandOnFiles {
    var changesFiles: Bool { true }
    var makesDirectory: Bool { false }
}

extension Reset: CommandOnFiles {
    var changesFiles: Bool { data.directory.runningProcess == nil }
}

extension Down: CommandOnFiles {
    var changesFiles: Bool { data.directory.runningProcess == nil }
}

extension Doctor: CommandOnFiles {
    var changesFiles: Bool { repair }
}

extension Backup: CommandOnFiles {}

extension Restore: CommandOnFiles {
    var makesDirectory: Bool { true }
}
