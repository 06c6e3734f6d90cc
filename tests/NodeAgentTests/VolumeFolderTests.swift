import Foundation
import KubeModel
import TestSupport
import Testing

@testable import NodeAgent

@Suite("Volume folders")
struct VolumeFolderTests {
    @Test("removal takes the folder and nothing that links lead to")
    func removal() async throws {
        let files = FileManager.default
        let base = NSTemporaryDirectory() + "volumes-\(UUID().uuidString)"
        defer { try? files.removeItem(atPath: base) }
        let (root, outside) = (base + "/root", base + "/outside")
        try files.createDirectory(atPath: root + "/team/c/sub", withIntermediateDirectories: true)
        try files.createDirectory(atPath: outside + "/c", withIntermediateDirectories: true)
        try Data("keep".utf8).write(to: URL(fileURLWithPath: outside + "/c/file"))
        try files.createSymbolicLink(atPath: root + "/team/c/link", withDestinationPath: outside)
        let folders = VolumeFolders(root: root)
        try await folders.remove(namespace: "team", claim: "c")
        #expect(!files.fileExists(atPath: root + "/team"))
        #expect(files.fileExists(atPath: outside + "/c/file"))
        try await folders.remove(namespace: "team", claim: "c")

        try files.createDirectory(atPath: root, withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: root + "/evil", withDestinationPath: outside)
        await #expect(throws: APIError.self) { try await folders.remove(namespace: "evil", claim: "c") }
        #expect(files.fileExists(atPath: outside + "/c/file"))
    }

    @Test(
        "names that lead elsewhere are refused",
        arguments: [
            ("..", "c"), ("team", ".."), ("", "c"), ("team", ""), ("a/b", "c"), ("team", "../../x"), ("team", ".x"),
        ])
    func outside(namespace: String, claim: String) async {
        await #expect(throws: APIError.self) {
            try await VolumeFolders(root: "/nowhere").remove(namespace: namespace, claim: claim)
        }
    }

    @Test("what an interrupted removal left goes at the next start")
    func leftovers() async throws {
        let files = FileManager.default
        let root = NSTemporaryDirectory() + "volumes-\(UUID().uuidString)"
        defer { try? files.removeItem(atPath: root) }
        try files.createDirectory(atPath: root + "/team/.removed-1/deep", withIntermediateDirectories: true)
        try files.createDirectory(atPath: root + "/team/kept", withIntermediateDirectories: true)
        await VolumeFolders(root: root).removeLeftovers()
        #expect(try files.contentsOfDirectory(atPath: root + "/team") == ["kept"])
    }
}
