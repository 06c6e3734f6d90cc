import ArgumentParser
import ClusterStore
import Foundation
import KubeModel

/// `martlet doctor`: what is there, what is missing, and what to do about it.
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check this machine and the data, and say what to do.")

    @OptionGroup var data: DataDirectoryOptions
    @Flag(name: .long, help: "Repair a damaged log of the control plane: keep all that comes before the damage.")
    var repair = false
    @Option(name: .long, help: "text or json.")
    var output: OutputFormat = .text

    func run() async throws {
        let directory = data.directory
        if repair { return try runRepair(directory) }
        var findings = Prerequisites.findings(installation: try Installation.find())
        findings.append(disk(directory))
        if geteuid() == 0 {
            findings.append(FileSystemFindings.sizes(below: directory.path))
            if let owners = FileSystemFindings.owners() { findings.append(owners) }
        }
        if let pid = directory.runningProcess {
            findings.append(.init(level: .good, subject: "instance", detail: "running, process \(pid)"))
        }
        if FileManager.default.fileExists(atPath: directory.path + "/store") {
            findings.append(store(directory))
            findings.append(backup(directory))
        }
        switch output {
        case .text:
            for finding in findings {
                let mark =
                    switch finding.level {
                    case .good: "ok  ";
                    case .warning: "note";
                    case .bad: "MISS"
                    }
                print(
                    "\(mark)  \(finding.subject.padding(toLength: 12, withPad: " ", startingAt: 0)) \(finding.detail)")
            }
        case .json:
            print(
                JSON.array(
                    findings.map {
                        [
                            "level": .string($0.level.rawValue), "subject": .string($0.subject),
                            "detail": .string($0.detail),
                        ]
                    }
                ).text)
        }
        if findings.contains(where: { $0.level == .bad }) { throw ExitCode.failure }
    }

    private func disk(_ directory: DataDirectory) -> Prerequisites.Finding {
        var folder = URL(fileURLWithPath: directory.path)
        while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" {
            folder.deleteLastPathComponent()
        }
        var information = statvfs()
        guard statvfs(folder.path, &information) == 0 else {
            return .init(level: .warning, subject: "disk", detail: "free space below \(folder.path) is not known")
        }
        let free = Int(information.f_bavail) * Int(information.f_frsize) >> 20
        return free < 2048
            ? .init(
                level: .warning, subject: "disk",
                detail: "\(free) MiB are free below \(folder.path); an environment for notebooks takes 1 to 2 GiB")
            : .init(level: .good, subject: "disk", detail: "\(free / 1024) GiB free below \(folder.path)")
    }

    /// Reads all that is stored, as a start would.
    private func store(_ directory: DataDirectory) -> Prerequisites.Finding {
        do throws(StoreError) {
            let export = try StoreExport(
                readingFrom: directory.path + "/store", isInUse: directory.runningProcess != nil)
            return .init(
                level: .good, subject: "store", detail: "\(export.count) objects, last change \(export.revision)")
        } catch {
            guard case .corrupt = error else { return .init(level: .bad, subject: "store", detail: "\(error)") }
            return .init(
                level: .bad, subject: "store",
                detail: "\(error). `martlet doctor --repair --data-dir \(directory.path)` keeps all that comes before; "
                    + "`martlet restore` makes a new folder out of a backup")
        }
    }

    private func backup(_ directory: DataDirectory) -> Prerequisites.Finding {
        guard let last = directory.lastBackup, let file = last["file"]?.string, let time = last["created"]?.string
        else {
            return .init(level: .warning, subject: "backup", detail: "none yet; make one with `martlet backup FILE`")
        }
        let isThere = FileManager.default.fileExists(atPath: file)
        return .init(
            level: isThere ? .good : .warning, subject: "backup",
            detail: "the last one is of \(time), \(file)\(isThere ? "" : ", which is no longer there")")
    }

    private func runRepair(_ directory: DataDirectory) throws {
        guard directory.runningProcess == nil else {
            throw Complaint("stop the platform first: `martlet down --data-dir \(directory.path)`")
        }
        let report: RepairReport
        do throws(StoreError) {
            report = try Store.repair(directory: directory.path + "/store")
        } catch {
            throw Complaint("the log in \(directory.path)/store cannot be repaired: \(error)")
        }
        guard let damage = report.damage, let aside = report.movedTo else {
            print("nothing to repair: \(report.objects) objects, last change \(report.keptRevision)")
            return
        }
        print("repaired: \(damage)")
        print("kept: \(report.objects) objects, all changes up to \(report.keptRevision)")
        print("the files as they were: \(aside)")
    }
}
