import ClusterStore
import KubeModel
import Testing

@testable import ClusterStore

@Suite("Store format")
struct FormatTests {
    @Test(
        "the checksum is XXH64",
        arguments: [
            ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
            ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
        ] as [(String, UInt64)])
    func checksum(text: String, expected: UInt64) {
        #expect(Array(text.utf8).withUnsafeBytes(Checksum.of) == expected)
    }

    @Test("records read back as they were written")
    func records() throws {
        let draft = ObjectDraft(.configMap("a", value: "x", labels: ["a": "b", "c": ""]))
        let object = draft.numbered(17, key: ObjectKey(resource: "things.example.com", name: "a"))
        var writer = RecordWriter()
        writer.append(.modified, object)
        writer.append(.deleted, object.renumbered(1_000_000))
        let read = try writer.bytes.withUnsafeBytes { bytes in
            var reader = RecordReader(bytes)
            let both = [try reader.next(), try reader.next()]
            #expect(reader.isAtEnd)
            return both
        }
        #expect(read.map(\.kind) == [.modified, .deleted])
        #expect(read[0].object.bytes == object.bytes)
        #expect((read[0].object.key, read[0].object.uid) == (object.key, "uid-a"))
        #expect(read[0].object.labels == ["a": "b", "c": ""])
        #expect(read[1].object.revision == 1_000_000)
        #expect(try read[1].object.json().value(at: "metadata", "resourceVersion") == "1000000")
    }

    @Test("a record that ends early is refused at every length")
    func shortRecords() {
        var writer = RecordWriter()
        writer.append(.added, ObjectDraft(.configMap("a", labels: ["a": "b"])).numbered(2, key: .configMap("a")))
        for count in 0..<writer.bytes.count {
            #expect(throws: RecordReader.Malformed.self) {
                try writer.bytes.withUnsafeBytes { bytes in
                    var reader = RecordReader(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                    _ = try reader.next()
                }
            }
        }
    }

    @Test("sorted objects behave as a sorted dictionary does, and copies stay as they were")
    func sortedObjects() {
        var generator = SeededGenerator(state: 7)
        var sorted = SortedObjects()
        var expected: [String: StoredObject] = [:]
        var copies: [(SortedObjects, [UInt64])] = []
        for revision in UInt64(1)...4000 {
            let key = ObjectKey.configMap("\(generator.next() % 1500)", in: "n\(generator.next() % 4)")
            if generator.next() % 3 == 0 {
                sorted.remove(key.path)
                expected[key.path] = nil
            } else {
                let object = ObjectDraft([:]).numbered(revision, key: key)
                sorted.set(object)
                expected[key.path] = object
            }
            #expect(sorted[key.path] === expected[key.path])
            if revision % 1000 == 0 { copies.append((sorted, sorted.list(namespace: nil).map(\.revision))) }
        }
        #expect(sorted.count == expected.count)
        let order = expected.values.sorted { $0.path < $1.path }
        #expect(sorted.list(namespace: nil).map(\.path) == order.map(\.path))
        for namespace in ["n0", "n3", "n", "n00", "zz", "a"] {
            #expect(
                sorted.list(namespace: namespace).map(\.path)
                    == order.filter { $0.key.namespace == namespace }.map(\.path))
        }
        for (copy, revisions) in copies { #expect(copy.list(namespace: nil).map(\.revision) == revisions) }
    }
}

/// Numbers that look random and are the same in every run (xorshift64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
