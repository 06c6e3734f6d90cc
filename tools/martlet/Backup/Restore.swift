import ArgumentParser
import ClusterStore
import Foundation
import KubeModel

/// `martlet restore FILE`: a data directory out of a backup.
struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a data directory out of a backup; it must be empty.",
        discussion: """
            The whole file is checked before anything is written. Versions of objects go on far ahead of all that were \
            ever given out, so that clients with older ones read everything anew.

            Exit codes: 0 restored, 1 not restored (the reason is on standard error), 64 wrong usage.
            """)

    @OptionGroup var data: DataDirectoryOptions
    @Argument(help: "The backup.")
    var file: String
    @Option(name: .long, help: "text or json.")
    var output: OutputFormat = .text

    func run() throws {
        let directory = data.directory
        let path = URL(fileURLWithPath: file).standardizedFileURL.path
        try checkIsFree(directory)
        var objects = try check(path)
        let manifest = try BackupReader(path: path).manifest
        try moveVolumes(of: &objects, from: manifest.dataDirectory, to: directory.path)
        let target = RestoreTarget(directory)
        try target.begin()
        try target.write(BackupReader(path: path))
        let revision: UInt64
        do throws(StoreError) {
            revision = try objects.install(in: directory.path + "/store")
        } catch {
            throw Complaint("the objects cannot be written: \(error)")
        }
        try target.finish()
        if Rootless.isInside { try Rootless.giveBack(directory) }
        switch output {
        case .json:
            let json: JSON = [
                "dataDir": .string(directory.path), "objects": .int(Int64(objects.count)),
                "backupRevision": .string(String(manifest.revision)), "revision": .string(String(revision)),
                "created": .string(manifest.created), "volumes": .bool(manifest.hasVolumes),
            ]
            print(json.text)
        case .text:
            print("restored \(directory.path) from the backup of \(manifest.created)")
            print("  objects      \(objects.count), as of revision \(manifest.revision); new ones begin at \(revision)")
            print("  volumes      \(manifest.hasVolumes ? "restored" : "empty: the backup was made without --volumes")")
            print("  to start     martlet up --data-dir \(directory.path)")
        }
    }

    private func checkIsFree(_ directory: DataDirectory) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: directory.path, isDirectory: &isFolder) else { return }
        guard isFolder.boolValue else { throw Complaint("\(directory.path) is a file; name a folder with --data-dir") }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        } catch {
            throw Complaint("\(directory.path) cannot be read: \(Complaint.reason(error))")
        }
        if names.contains(DataDirectory.unfinishedRestore) {
            throw Complaint(
                "an earlier restore into \(directory.path) did not finish; remove what it left with "
                    + "`martlet reset --data-dir \(directory.path)`")
        }
        guard names.allSatisfy({ $0 == "lost+found" }) else {
            throw Complaint(
                "\(directory.path) is not empty, and nothing in it is overwritten; name another folder with --data-dir, "
                    + "or remove it with `martlet reset --data-dir \(directory.path)`")
        }
    }

    /// Reads all of the file once, and its objects.
    private func check(_ path: String) throws -> StoreExport {
        let reader = try BackupReader(path: path)
        guard reader.manifest.dataFormat <= DataDirectory.format else {
            throw Complaint(
                "\(path) was made from data of a newer Martlet (format \(reader.manifest.dataFormat), this one reads up "
                    + "to \(DataDirectory.format)). Use that version.")
        }
        var isStore = false
        var bytes: [UInt8] = []
        while let part = try reader.next() {
            switch part {
            case .entry(let entry): isStore = entry.path == BackupFormat.storeEntry
            case .data(let data): if isStore { bytes += data }
            }
        }
        do throws(StoreError) {
            return try StoreExport(bytes: bytes, name: "\(path) (objects)")
        } catch {
            throw Complaint("\(error). Nothing was restored.")
        }
    }

    /// Volumes lie below the data directory, and objects name them by their whole path.
    private func moveVolumes(of objects: inout StoreExport, from old: String, to new: String) throws {
        guard old != new else { return }
        try objects.change("persistentvolumes") { volume in
            guard let path = volume.value(at: "spec", "hostPath", "path")?.string, path.hasPrefix("\(old)/volumes/")
            else { return nil }
            var moved = volume
            moved.set(.string(new + path.dropFirst(old.count)), at: "spec", "hostPath", "path")
            return moved
        }
    }
}
