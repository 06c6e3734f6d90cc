import KubeModel
import Testing

@testable import ClusterAPI

/// What holds for server-side apply whatever is applied, tried with configurations made at random.
@Suite("Properties of server-side apply")
struct ApplyPropertyTests {
    /// Numbers that look random and are the same in every run (xorshift64).
    private struct Dice {
        var state: UInt64

        mutating func below(_ limit: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(limit))
        }

        mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
    }

    private static let bare: JSON = ["kind": "Deployment", "apiVersion": "apps/v1", "metadata": ["name": "a"]]

    private static func map(_ dice: inout Dice) -> JSON {
        var object = JSONObject()
        for _ in 0...dice.below(3) { object["k\(dice.below(5))"] = .string("v\(dice.below(3))") }
        return .object(object)
    }

    /// Some of a Deployment: maps, lists by key, sets and values; now and then something of the wrong type.
    private static func configuration(_ dice: inout Dice, isStrict: Bool) -> JSON {
        var object = bare
        if dice.below(2) == 0 { object.set(map(&dice), at: "metadata", "labels") }
        if dice.below(3) == 0 { object.set(["x", "y"], at: "metadata", "finalizers") }
        if dice.below(2) == 0 { object.set(.int(Int64(dice.below(3))), at: "spec", "replicas") }
        if dice.below(2) == 0 { object.set(map(&dice), at: "spec", "template", "spec", "nodeSelector") }
        var containers: [JSON] = []
        for name in ["a", "b", "c"] where dice.below(2) == 0 {
            var container: JSON = ["name": .string(name)]
            if dice.below(2) == 0 { container["image"] = .string("i\(dice.below(3))") }
            if dice.below(2) == 0 { container["args"] = .array((0..<dice.below(3)).map { .string("arg-\($0)") }) }
            if dice.below(2) == 0 {
                container["ports"] = .array(
                    (0..<dice.below(3)).map { ["containerPort": .int(Int64(80 + $0)), "protocol": "TCP"] })
            }
            if dice.below(3) == 0 { container["env"] = [["name": "A", "value": .string("v\(dice.below(3))")]] }
            containers.append(container)
        }
        if !containers.isEmpty { object.set(.array(containers), at: "spec", "template", "spec", "containers") }
        if !isStrict, dice.below(3) == 0 {
            let odd: [JSON] = [.null, 5, "x", [], [:], [1, ["name": "a"], .null], ["name": ["a"]], [[[]]]]
            let places: [[String]] = [
                ["metadata", "labels"], ["spec"], ["spec", "template"], ["spec", "template", "spec", "containers"],
                ["metadata", "finalizers"], ["spec", "replicas"],
            ]
            object.set(dice.pick(odd), at: dice.pick(places)[...])
        }
        return object
    }

    private static func manager(_ number: Int) -> ManagedFields.Manager {
        .init(name: "m\(number)", operation: "Apply", apiVersion: "apps/v1", subresource: "")
    }

    /// Applies and gives back the object with its managers.
    private static func apply(_ configuration: JSON, to live: JSON, by number: Int) throws -> JSON {
        var fields = ManagedFields(live)
        var merged = try fields.apply(
            configuration, to: live, shape: .builtin(kind: "Deployment"), by: manager(number), force: true,
            at: "2026-11-29T00:00:00Z", keepsStatus: false)
        merged.set(fields.json, at: "metadata", "managedFields")
        return merged
    }

    @Test("once more changes nothing, all that is applied is there, and what everyone gives up is gone")
    func laws() throws {
        var dice = Dice(state: 77)
        let shape = MergeShape.builtin(kind: "Deployment")
        for round in 0..<60 {
            var live = Self.bare
            for _ in 0..<6 {
                let (configuration, number) = (Self.configuration(&dice, isStrict: true), dice.below(3))
                live = try Self.apply(configuration, to: live, by: number)
                #expect(try Self.apply(configuration, to: live, by: number) == live, "round \(round)")
                #expect(shape.merge(live, configuration) == live, "round \(round): \(configuration.text)")
                let written = live.value(at: "metadata", "managedFields")
                #expect(ManagedFields(live).json == written)
                #expect(
                    Set((written?.array ?? []).compactMap { $0["manager"]?.string }).count
                        == (written?.array?.count ?? 0))
            }
            for number in 0..<3 { live = try Self.apply(Self.bare, to: live, by: number) }
            #expect(live.value(at: "metadata", "managedFields") == nil, "round \(round)")
            let left = shape.fieldSet(of: live).subtracting(shape.fieldSet(of: Self.bare))
            #expect(left.isEmpty, "round \(round): \(live.text)")
        }
    }

    @Test("the fields of a new object are those that differ from nothing")
    func newObjects() throws {
        var dice = Dice(state: 79)
        for round in 0..<400 {
            let object = Self.configuration(&dice, isStrict: round % 2 == 0)
            for (kind, keepsStatus) in [("Deployment", false), ("ConfigMap", true)] {
                let (shape, manager) = (MergeShape.builtin(kind: kind), Self.manager(1))
                var compared = ManagedFields([:])
                compared.record(
                    from: ["kind": "Deployment", "apiVersion": "apps/v1"], to: object, shape: shape, by: manager,
                    at: "2026-11-29T00:00:00Z", keepsStatus: keepsStatus)
                let written = ManagedFields.ofNew(
                    object, shape: shape, by: manager, at: "2026-11-29T00:00:00Z", keepsStatus: keepsStatus)
                #expect(written == nil || written?.text == compared.json?.text, "\(kind) \(object.text)")
                if round % 2 == 0, compared.json != nil { #expect(written != nil, "\(kind) \(object.text)") }
            }
        }
    }

    @Test("values of the wrong type are taken or refused, and what comes out can be written and read")
    func wrongTypes() throws {
        var dice = Dice(state: 78)
        for _ in 0..<200 {
            var live = Self.bare
            for _ in 0..<4 {
                let configuration = Self.configuration(&dice, isStrict: false)
                guard let merged = try? Self.apply(configuration, to: live, by: dice.below(3)) else { continue }
                #expect(try JSON(parsing: merged.bytes) == merged)
                live = merged
            }
        }
    }

    @Test("fields that cannot be read are no reason to end")
    func nonsense() throws {
        let texts = [
            #"{"f:a":1}"#, #"{"k:{":{}}"#, #"{"k:{\"name\":":{}}"#, #"{"v:":{}}"#, #"{"i:x":{}}"#, #"{"x":{}}"#,
            #"{"":{}}"#,
            #"{".":{},"f:":{"f:":{}}}"#, #"{"i:99999999999999999999":{}}"#, #"[]"#, #"{"k:[]":{},"v:{}":{}}"#,
        ]
        for text in texts {
            var live = Self.bare
            let entry: JSON = [
                "manager": "m0", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": try JSON(parsing: text),
            ]
            live.set([entry], at: "metadata", "managedFields")
            let merged = try Self.apply(["kind": "Deployment", "metadata": ["labels": ["a": "b"]]], to: live, by: 0)
            #expect(merged.value(at: "metadata", "labels", "a") == "b", "\(text)")
        }
    }
}
