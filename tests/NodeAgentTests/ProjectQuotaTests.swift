import CNode
import Foundation
import KubeModel
import Testing

@testable import NodeAgent

@Suite("Quotas of projects")
struct ProjectQuotaTests {
    private static let first = ProjectQuotas.numbers.lowerBound
    private static let last = ProjectQuotas.numbers.upperBound - 1

    @Test(
        "a claim's number is the next one that nobody has, and the search goes round",
        arguments: [
            (start: first, taken: [], number: first), (first, [first, first + 1], first + 2),
            (first + 5, [first], first + 5), (last, [last], first), (last, [last, first], first + 1),
        ] as [(UInt32, [UInt32], UInt32)])
    func free(start: UInt32, taken: [UInt32], number: UInt32) {
        #expect(ProjectQuotas.free(from: start) { taken.contains($0) } == number)
    }

    @Test("when all numbers are taken there is none")
    func full() {
        #expect(ProjectQuotas.free(from: Self.first + 7) { _ in true } == nil)
    }

    @Test(
        "a claim has files by its size, a small one enough",
        arguments: [(UInt64(1), UInt64(4096)), (16 << 20, 4096), (1 << 30, 65536)])
    func files(bytes: UInt64, files: UInt64) {
        #expect(ProjectQuotas.files(for: bytes) == files)
    }

    @Test(
        "only folders of claims are limited",
        arguments: [
            ("/data/volumes/team/lab", "16Mi", 16 << 20), ("/data/volumes/team/lab", "1e99", 1 << 60),
            ("/data/volumes/team/lab", "0", nil), ("/data/volumes/team", "1Gi", nil),
            ("/data/volumes/team/lab/inner", "1Gi", nil), ("/data/volumes/team/..", "1Gi", nil),
            ("/data/volumes/team/.removed-1", "1Gi", nil), ("/data/volumes-of-others/team/lab", "1Gi", nil),
            ("/srv", "1Gi", nil),
        ] as [(String, String, UInt64?)])
    func folders(path: String, capacity: String, bytes: UInt64?) {
        let volume = KubeObject([
            "spec": ["capacity": ["storage": .string(capacity)], "hostPath": ["path": .string(path)]]
        ])
        #expect(ProjectQuotas.folder(of: volume, below: "/data/volumes")?.bytes == bytes)
    }

    @Test(
        "the newer call that changes projects is refused, to one thread and what it starts",
        .enabled(if: geteuid() == 0))
    func refusal() async throws {
        let script = """
            import ctypes; libc = ctypes.CDLL(None, use_errno=True)
            libc.syscall(469, -1, None, None, 0, 0); print(ctypes.get_errno())
            """
        let output = try await withCheckedThrowingContinuation { (done: CheckedContinuation<String, any Error>) in
            Thread.detachNewThread {
                done.resume(
                    with: Result {
                        try UserShift.check(node_refuse_attributes())
                        let process = Process()
                        let pipe = Pipe()
                        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
                        process.arguments = ["-c", script]
                        process.standardOutput = pipe
                        try process.run()
                        let bytes = try pipe.fileHandleForReading.readToEnd() ?? Data()
                        process.waitUntilExit()
                        return String(decoding: bytes, as: UTF8.self)
                    })
            }
        }
        // A kernel that does not know it would say ENOSYS, one that does EBADF.
        #expect(output == "\(EPERM)\n")
    }

    @Test("the filter keeps files in their projects where sizes are enforced, whatever the Pod asks for")
    func filter() throws {
        func rules(_ type: String?, keepsProjects: Bool) throws -> [JSON]? {
            try SystemCallFilter.chosen(
                type.map { ["type": .string($0)] }, folder: "/nowhere", keepsProjects: keepsProjects)?["syscalls"]?
                .array
        }
        let projects = SystemCallFilter.projectRules
        #expect(try rules("Unconfined", keepsProjects: false) == nil)
        #expect(try rules("Unconfined", keepsProjects: true) == projects)
        for type in [nil, "RuntimeDefault"] {
            let usual = try rules(type, keepsProjects: false)
            #expect(usual?.isEmpty == false)
            #expect(try rules(type, keepsProjects: true) == usual.map { $0 + projects })
        }
    }
}
