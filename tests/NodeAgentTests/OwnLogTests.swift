import Foundation
import Testing

@testable import NodeAgent

#if canImport(Glibc)
    import Glibc
#endif

@Suite("The agent's own log")
struct OwnLogTests {
    @Test("a long log moves aside, and goes on in the same file")
    func rotation() throws {
        let path = NSTemporaryDirectory() + "own-log-\(UUID().uuidString)"
        defer { for name in [path, path + ".1"] { unlink(name) } }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o640)
        defer { close(descriptor) }
        let log = OwnLog(descriptor: descriptor)
        #expect(write(descriptor, "first", 5) == 5)
        #expect(!log.rotate(over: 5))
        #expect(write(descriptor, " second", 7) == 7)
        #expect(log.rotate(over: 5))
        #expect(write(descriptor, "third", 5) == 5)
        #expect(FileTools.text(path) == "third")
        #expect(FileTools.text(path + ".1") == "first second")
    }
}
