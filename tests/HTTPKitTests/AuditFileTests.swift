import Foundation
import HTTPKit
import KubeModel
import TestSupport
import Testing

@Suite("Files of audit lines")
struct AuditFileTests {
    private let folder: TemporaryFolder
    private var path: String { folder.file("log/audit.log") }

    init() throws { folder = try TemporaryFolder() }

    private func lines() throws -> [JSON] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { try JSON(parsing: $0.utf8) }
    }

    @Test("lines that cannot be written are counted, and the count is told once they can")
    func missing() throws {
        let file = AuditFile(path: path)
        for number in 1...3 { file.append(["number": .int(Int64(number))]) }
        file.finish()  // there is no such folder
        file.append(["number": 4])
        file.finish()
        try FileManager.default.createDirectory(atPath: folder.file("log"), withIntermediateDirectories: true)
        file.append(["number": 5])
        file.finish()
        file.append(["number": 6])
        file.finish()
        let lines = try lines()
        #expect(lines.compactMap { $0["number"]?.int } == [5, 6])
        #expect(lines.compactMap { $0["lost"]?.int } == [4])
    }

    @Test("a full disk loses lines, not the count of them; later lines go on in the file that is there then")
    func full() throws {
        try FileManager.default.createDirectory(atPath: folder.file("log"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/full")
        let file = AuditFile(path: path)
        for number in 1...2 { file.append(["number": .int(Int64(number))]) }
        file.finish()
        try FileManager.default.removeItem(atPath: path)
        file.append(["number": 3])
        file.finish()
        let lines = try lines()
        #expect(lines.compactMap { $0["number"]?.int } == [3] && lines.compactMap { $0["lost"]?.int } == [2])
    }

    @Test("a line that was cut does not spoil the next one")
    func cut() throws {
        try folder.write("{\"number\":1}\n{\"num", to: "log/audit.log")
        let file = AuditFile(path: path, fileLimit: 1000)
        file.append(["number": 2])
        file.finish()
        #expect(
            try String(contentsOfFile: path, encoding: .utf8) == "{\"number\":1}\n{\"num\n{\"number\":2}\n")
    }
}
