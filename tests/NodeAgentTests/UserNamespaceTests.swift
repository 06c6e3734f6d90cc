import Foundation
import TestSupport
import Testing

@testable import NodeAgent

@Suite("The user namespace of the agent")
struct UserNamespaceTests {
    @Test(
        "is the machine's when all numbers are its own",
        arguments: [
            ("         0          0 4294967295\n", true), ("", true), ("0 100000 65536\n65536 1000 1\n", false),
            ("0 0 65536\n", false), ("0 1000 4294967295\n", false),
        ])
    func map(_ map: String, isOfMachine: Bool) { #expect(UserNamespace.isOfMachine(map) == isOfMachine) }
}

@Suite("Usage by processes")
struct ProcessReaderTests {
    @Test("a container that is not there uses nothing")
    func nothing() {
        let reader = ProcessReader("/nowhere")
        for path in ["/martlet-b/uid/main-0", "/martlet-b", "", "/martlet-b/uid/main"] {
            #expect(reader.read(path) == nil)
        }
    }

    @Test("processes with the same numbers are counted together")
    func own() throws {
        let folder = try TemporaryFolder()
        let run = "\(folder.path)/uid/containers/main/3"
        try FileTools.makeDirectory(run)
        try FileTools.write("\(getpid())\n", to: "\(run)/pid")
        let counters = try #require(ProcessReader(folder.path).read("/martlet-b/uid/main-3"))
        #expect(counters.processorNanoseconds > 0 && counters.anonymousBytes > 1 << 20)
        #expect(counters.workingSetBytes >= counters.anonymousBytes)
        #expect(counters.memoryBytes >= counters.workingSetBytes)
    }
}
