import Foundation
import Testing

@testable import NodeAgent

@Suite("GPUs of the machine")
struct DeviceTests {
    /// A folder with names that are no device nodes, and with nodes that anybody may make none of: links to some.
    private func folder(_ names: [String]) throws -> String {
        let path = NSTemporaryDirectory() + "devices-\(UUID().uuidString)"
        try FileTools.makeDirectory(path)
        for name in names { try FileTools.write("", to: "\(path)/\(name)") }
        return path
    }

    @Test("files that are no devices are none")
    func files() throws {
        let path = try folder(["nvidia0", "nvidiactl"])
        defer { FileTools.remove(path) }
        let devices = HostDevices(directory: path)
        #expect(devices.names.isEmpty && devices.free == 0)
        #expect(devices.nodes(["nvidia0"]).isEmpty)
        #expect(devices.take(1, for: "a") == nil)
        #expect(DeviceNode("/dev/null")?.kind == "c")
        #expect(DeviceNode("/dev/null")?.major == 1 && DeviceNode("/dev/null")?.minor == 3)
    }
}

@Suite("A full disk")
struct DiskShortageTests {
    private func candidate(_ used: UInt64, exceeds: Bool = true, priority: Int64 = 0) -> DiskShortage.Candidate {
        .init(used: used, exceeds: exceeds, priority: priority, container: "main", requested: 0)
    }

    @Test("begins at a twentieth of a small disk and at a gibibyte of a large one")
    func threshold() throws {
        #expect(DiskShortage(total: 1000, available: 50) == nil)
        #expect(DiskShortage(total: 1000, available: 49)?.threshold == 50)
        #expect(DiskShortage(total: 1 << 40, available: 1 << 30) == nil)
        #expect(DiskShortage(total: 1 << 40, available: 1 << 29)?.threshold == 1 << 30)
        #expect(DiskShortage(total: 0, available: 0) == nil)
    }

    @Test("ends who uses more than was asked for, then who is less important, then who uses most")
    func order() throws {
        let shortage = try #require(DiskShortage(total: 1000, available: 0))
        #expect(shortage.first(of: [candidate(500, exceeds: false), candidate(100)]) == 1)
        #expect(shortage.first(of: [candidate(500, priority: 5), candidate(100)]) == 1)
        #expect(shortage.first(of: [candidate(100), candidate(500)]) == 1)
        // Whose end would free next to nothing stays.
        #expect(shortage.first(of: [candidate(12)]) == nil)
        #expect(shortage.first(of: []) == nil)
        #expect(
            shortage.message(candidate(2048)).hasPrefix(
                "The node was low on resource: ephemeral-storage. Threshold quantity: 50, available: 0. Container main was using 2Ki, request is 0"
            ))
    }
}

@Suite("Moments")
struct MomentTests {
    @Test("are where a date was, as far as that makes sense")
    func dates() {
        #expect((10..<3000).contains(Moment.of(Date().addingTimeInterval(-10)).secondsAgo))
        #expect(Moment.of(Date().addingTimeInterval(3600)).secondsAgo < 3000, "the clock was set back")
        #expect(
            Moment.of(Date().addingTimeInterval(-3600), notBefore: 10).secondsAgo < 3000, "the clock was set forward")
        #expect(Moment.after(5).secondsLeft <= 5)
    }
}
