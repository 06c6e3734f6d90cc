import Foundation
import Testing

@testable import ClusterAPI

@Suite("Object ids")
struct ObjectIDTests {
    @Test("they are random UUIDs, each another one")
    func form() throws {
        let ids = (0..<2000).map { _ in ObjectID.random() }
        #expect(Set(ids).count == ids.count)
        for id in ids {
            #expect(UUID(uuidString: id)?.uuidString.lowercased() == id)
            #expect(Array(id)[14] == "4")
            #expect("89ab".contains(Array(id)[19]))
        }
        // Every other digit takes every value.
        for position in 0..<36 where ![8, 13, 14, 18, 19, 23].contains(position) {
            #expect(Set(ids.map { Array($0)[position] }).count == 16)
        }
    }
}
