import KubeModel
import Testing

@testable import ClusterAPI

@Suite("Owners that are named twice")
struct OwnerDuplicatesTests {
    private func owner(_ uid: String, _ more: JSONObject = [:]) -> JSON {
        var fields: JSONObject = ["apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": .string(uid)]
        for (key, value) in more { fields[key] = value }
        return .object(fields)
    }

    @Test("only the first of equal ones is kept")
    func equal() {
        let swapped: JSON = ["uid": "1", "name": "a", "kind": "ConfigMap", "apiVersion": "v1"]
        let split = OwnerDuplicates.split([owner("1"), owner("2"), swapped, owner("2"), owner("1")])
        #expect(split.kept == [owner("1"), owner("2")])
        #expect(split.uids == ["1", "2", "1"])
    }

    @Test("those that differ in any field are kept")
    func different() {
        let owners = [
            owner("1"), owner("1", ["controller": true]), owner("1", ["controller": false]),
            owner("1", ["blockOwnerDeletion": true]), owner("1", ["name": "b"]), owner("\u{e9}"), owner("e\u{301}"),
            owner("1", ["kind": .null]), "1", .null, [:],
        ]
        let split = OwnerDuplicates.split(owners)
        #expect(split.kept == owners && split.uids.isEmpty)
    }

    @Test("of a hundred thousand, too")
    func many() {
        let owners = (0..<100_000).map { owner(String($0 / 2)) }
        let split = OwnerDuplicates.split(owners)
        #expect((split.kept.count, split.uids.count) == (50_000, 50_000))
    }
}
