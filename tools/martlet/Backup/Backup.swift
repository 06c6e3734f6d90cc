import ArgumentParser
import ClusterStore
import Foundation
import KubeModel

/// `martlet backup FILE`: everything that is needed to come back, at one revision.
struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a backup of all objects and keys; the platform may run.",
        discussion: """
            The file holds all objects at one revision, the certificate authority, the keys of service-account tokens and
            the number of the network. With --volumes it also holds the content of volumes, as it is while it is read: \
            stop notebooks that write a lot. It holds secrets, so only its owner may read it (mode 0600).

            Exit codes: 0 written, 1 not written (the reason is on standard error), 64 wrong usage.
            """)

    @OptionGroup var data: DataDirectoryOptions
    @Argument(help: "The file to write; it appears when it is complete.")
    var file: String
    @Flag(name: .long, help: "Take the content of volumes, too.")
    var volumes = false
    @Flag(name: .long, help: "Replace the file when it exists.")
    var overwrite = false
    @Option(name: .long, help: "text or json.")
    var output: OutputFormat = .text

    func run() throws {
        let directory = data.directory
        let path = URL(fileURLWithPath: file).standardizedFileURL.path
        guard FileManager.default.fileExists(atPath: directory.path + "/format.json") else {
            throw Complaint("\(directory.path) is not a data directory of Martlet; name one with --data-dir")
        }
        guard overwrite || !FileManager.default.fileExists(atPath: path) else {
            throw Complaint("\(path) exists; choose another name, or replace it with --overwrite")
        }
        let format = try directory.checkFormat()
        let objects: StoreExport
        do throws(StoreError) {
            objects = try StoreExport(
                readingFrom: directory.path + "/store", isInUse: directory.runningProcess != nil)
        } catch {
            throw Complaint("the objects in \(directory.path)/store cannot be read: \(error)")
        }
        let manifest = BackupManifest(
            created: Date.now.ISO8601Format(), version: Martlet.version, dataDirectory: directory.path,
            dataFormat: format, revision: objects.revision, objects: objects.count, hasVolumes: volumes)
        let writer = try BackupWriter(path: path)
        try writer.add(.manifest, manifest.json.bytes)
        var count = FileTree.Count()
        for name in ["format.json", "network", "pki"] { try FileTree.add(name, in: directory.path, to: writer, &count) }
        try writer.add(
            BackupEntry(
                path: BackupFormat.storeEntry, kind: .file, mode: 0o600, user: geteuid(), group: getegid(), modified: 0)
        )
        try objects.forEachPart { part throws in
            for start in stride(from: 0, to: part.count, by: BackupFormat.blockSize) {
                try writer.add(.data, part[start..<min(part.count, start + BackupFormat.blockSize)])
            }
        }
        var volumeCount = FileTree.Count()
        if volumes { try FileTree.add("volumes", in: directory.path, to: writer, &volumeCount) }
        try writer.finish()
        Rootless.giveToUser(path)
        try? directory.noteBackup(path, manifest)
        Rootless.giveToUser(directory.path + "/last-backup.json")
        report(path, manifest, volumeCount, size: writer.size)
    }

    private func report(_ path: String, _ manifest: BackupManifest, _ volumes: FileTree.Count, size: Int) {
        switch output {
        case .json:
            var json = manifest.json
            json["file"] = .string(path)
            json["bytes"] = .int(Int64(size))
            json["volumeFiles"] = .int(Int64(volumes.files))
            json["skipped"] = .int(Int64(volumes.skipped))
            print(json.text)
        case .text:
            print("backup: \(path) (\(size >> 10) KiB)")
            print("  holds        \(manifest.objects) objects at revision \(manifest.revision), keys, certificates")
            if manifest.hasVolumes {
                print("  volumes      \(volumes.files) files, \(volumes.bytes >> 10) KiB")
                if volumes.skipped > 0 { print("  skipped      \(volumes.skipped) sockets, devices or mounts") }
            }
            for (position, what) in manifest.missing.enumerated() {
                print("  \(position == 0 ? "without" : "       ")      \(what)")
            }
            print("  to restore   martlet restore \(path) --data-dir FOLDER")
        }
    }
}
