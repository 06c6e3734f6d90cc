import KubeModel
import Testing

@testable import ControllerKit

@Suite("Merge difference")
struct MergeDifferenceTests {
    @Test(
        "the patch changes, adds and removes what differs",
        arguments: [
            (#"{"a":1}"#, #"{"a":1}"#, nil), (#"{"a":1}"#, #"{"a":2}"#, #"{"a":2}"#),
            (#"{"a":1,"b":2}"#, #"{"a":1}"#, #"{"b":null}"#),
            (#"{"a":{"b":1,"c":1}}"#, #"{"a":{"b":1,"d":1}}"#, #"{"a":{"d":1,"c":null}}"#),
            (#"{"a":[1,2]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
        ] as [(String, String, String?)])
    func exact(current: String, wanted: String, patch: String?) throws {
        let difference = MergeDifference.patch(from: try JSON(parsing: current), to: try JSON(parsing: wanted))
        #expect(try difference == patch.map { try JSON(parsing: $0) })
    }

    @Test(
        "what the server filled in is no difference",
        arguments: [
            (#"{"a":1,"b":2}"#, #"{"a":1}"#, nil), (#"{"a":[{"x":1,"y":2}]}"#, #"{"a":[{"x":1}]}"#, nil),
            (#"{"a":[{"x":1},{"x":2}]}"#, #"{"a":[{"x":1}]}"#, #"{"a":[{"x":1}]}"#),
            (#"{"a":1}"#, #"{"a":1,"b":{},"c":[]}"#, nil), (#"{"a":{"b":1}}"#, #"{"a":{"c":2}}"#, #"{"a":{"c":2}}"#),
        ] as [(String, String, String?)])
    func containing(current: String, wanted: String, patch: String?) throws {
        let difference = MergeDifference.patch(in: try JSON(parsing: current), toContain: try JSON(parsing: wanted))
        #expect(try difference == patch.map { try JSON(parsing: $0) })
    }
}
