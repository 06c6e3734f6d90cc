import Foundation
import KubeModel
import NIOCore
import Testing

@testable import ClusterAPI

@Suite("Binary form of objects")
struct ProtobufTests {
    /// An object with every kind of field that the format has.
    private static let pod: JSON = [
        "kind": "Pod", "apiVersion": "v1",
        "metadata": [
            "name": "p", "labels": ["a": "1", "b": ""], "creationTimestamp": "2026-01-04T10:11:12Z",
            "deletionGracePeriodSeconds": 0, "finalizers": ["x", "y"],
            "managedFields": [
                [
                    "manager": "m", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-04T10:11:13Z",
                    "fieldsType": "FieldsV1", "fieldsV1": ["f:spec": ["f:containers": [:]]],
                ]
            ],
        ],
        "spec": [
            "volumes": [
                ["name": "cache", "emptyDir": ["sizeLimit": "1Gi"]],
                ["name": "settings", "configMap": ["name": "settings", "defaultMode": 420]],
            ],
            "containers": [
                [
                    "name": "main",
                    "env": [
                        ["name": "E", "valueFrom": ["secretKeyRef": ["name": "s", "key": "k", "optional": false]]]
                    ],
                    "resources": ["limits": ["cpu": "1500m", "memory": "1Gi"]],
                    "livenessProbe": ["httpGet": ["path": "/", "port": "web"], "periodSeconds": 10],
                    "readinessProbe": ["tcpSocket": ["port": 8080]],
                    "securityContext": ["runAsNonRoot": false, "capabilities": ["drop": ["ALL"]]],
                ]
            ],
            "terminationGracePeriodSeconds": 0, "hostNetwork": true, "securityContext": [:],
            "tolerations": [["operator": "Exists", "tolerationSeconds": -1]],
        ],
        "status": ["phase": "Running", "podIPs": [["ip": "10.0.0.1"]]],
    ]

    private static let definition: JSON = [
        "kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1", "metadata": ["name": "a.b.c"],
        "spec": [
            "group": "b.c", "names": ["plural": "a", "kind": "A"], "scope": "Namespaced",
            "versions": [
                [
                    "name": "v1", "served": true, "storage": false,
                    "schema": [
                        "openAPIV3Schema": [
                            "type": "object",
                            "properties": [
                                "any": ["x-kubernetes-preserve-unknown-fields": true, "default": ["a": [1, "b"]]],
                                "list": ["type": "array", "items": ["type": "number", "minimum": 0, "maximum": 1.5]],
                                "map": ["type": "object", "additionalProperties": ["type": "string"]],
                                "open": ["type": "object", "additionalProperties": true],
                                "tuple": ["type": "array", "items": [["type": "string"], ["type": "integer"]]],
                            ],
                            "dependencies": ["a": ["b", "c"], "d": ["type": "object"]],
                        ]
                    ],
                ]
            ],
        ],
        "status": ["storedVersions": ["v1"], "acceptedNames": ["plural": "a", "kind": "A"], "conditions": JSON.null],
    ]

    @Test("what was written is read again", arguments: [pod, definition])
    func roundTrip(object: JSON) throws {
        let bytes = try #require(ProtobufEncoder.object(object))
        let read = try ProtobufReader.object(bytes[...])
        for difference in Self.differences(object, read) { Issue.record("\(difference)") }
    }

    @Test("numbers and lengths lie where the format puts them")
    func layout() throws {
        let event: JSON = ["kind": "ConfigMap", "apiVersion": "v1", "metadata": ["name": "c"], "data": ["k": "v"]]
        let bytes = try #require(ProtobufEncoder.object(event))
        var expected: [UInt8] = [0x6b, 0x38, 0x73, 0, 0x0a, 0x0f, 0x0a, 0x02]
        expected += Array("v1".utf8)
        expected += [0x12, 0x09]
        expected += Array("ConfigMap".utf8)
        expected += [0x12, 0x0d, 0x0a, 0x03, 0x0a, 0x01]
        expected += Array("c".utf8)
        expected += [0x12, 0x06, 0x0a, 0x01]
        expected += Array("k".utf8)
        expected += [0x12, 0x01]
        expected += Array("v".utf8)
        expected += [0x1a, 0, 0x22, 0]
        #expect(bytes == expected)
        // More than 127 bytes need a second byte of length.
        let long = String(repeating: "x", count: 300)
        let large = try #require(
            ProtobufEncoder.object(["kind": "ConfigMap", "apiVersion": "v1", "data": ["k": .string(long)]]))
        #expect(try ProtobufReader.object(large[...]).value(at: "data", "k") == .string(long))
    }

    @Test("fields of a later version are passed over")
    func unknownFields() throws {
        var bytes = try #require(ProtobufEncoder.object(["kind": "Secret", "apiVersion": "v1", "type": "t"]))
        // Field 1000 of the envelope: a number, eight bytes, four bytes and a block.
        bytes += [0xc0, 0x3e, 0x05, 0xc1, 0x3e] + [UInt8](repeating: 1, count: 8) + [0xc5, 0x3e, 1, 1, 1, 1]
        bytes += [0xc2, 0x3e, 0x02, 9, 9]
        #expect(try ProtobufReader.object(bytes[...])["type"] == "t")
    }

    @Test(
        "damaged bytes are refused in the words of the real server",
        arguments: [
            ([], "prefix [107 56 115 0]"), ([0x6b, 0x38, 0x73, 0], "empty body"),
            ([0x6b, 0x38, 0x73, 0, 0x0a, 0x0f], "unexpected EOF"),
            (
                [0x6b, 0x38, 0x73, 0, 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                "overflow"
            ),
            ([0x6b, 0x38, 0x73, 0, 0x0b], "illegal wireType 3"), ([0x6b, 0x38, 0x73, 0, 0x00], "illegal tag 0"),
        ] as [([UInt8], String)])
    func damaged(bytes: [UInt8], words: String) {
        let failure = #expect(throws: ProtobufReader.Failure.self) { try ProtobufReader.object(bytes[...]) }
        #expect(failure?.reason.contains(words) == true, "\(failure?.reason ?? "")")
    }

    @Test("every prefix and every changed byte of an object is read or refused, never more")
    func anything() throws {
        let bytes = try #require(ProtobufEncoder.object(Self.pod))
        for end in bytes.indices { _ = try? ProtobufReader.object(bytes[..<end]) }
        for place in bytes.indices {
            for value: UInt8 in [0, 0x7f, 0x80, 0xff] {
                var changed = bytes
                changed[place] = value
                _ = try? ProtobufReader.object(changed[...])
            }
        }
    }

    @Test("a schema of schemas of schemas ends at a limit")
    func depth() {
        var schema: [UInt8] = []
        for _ in 0..<3000 {
            var writer = ProtobufWriter()
            writer.element(28, schema)
            schema = writer.bytes
        }
        var version = ProtobufWriter()
        version.message(1) { $0.element(1, schema) }
        var object = ProtobufWriter(ProtobufEncoder.magic)
        object.message(1) { type in
            type.element(1, "apiextensions.k8s.io/v1")
            type.element(2, "CustomResourceDefinition")
        }
        object.message(2) { body in
            body.message(2) { spec in
                spec.message(7) { $0.message(4) { $0.element(1, schema) } }
            }
        }
        let bytes = object.bytes
        let failure = #expect(throws: ProtobufReader.Failure.self) { try ProtobufReader.object(bytes[...]) }
        #expect(failure?.reason.contains("nested") == true)
    }

    @Test(
        "lengths of time are written as Go does",
        arguments: [
            ("0s", 0), ("1.5s", 1_500_000_000), ("2m30s", 150_000_000_000), ("1h0m0s", 3_600_000_000_000),
            ("250ms", 250_000_000),
            ("-10s", -10_000_000_000), ("1.5µs", 1500), ("7ns", 7),
        ] as [(String, Int64)])
    func durations(text: String, nanoseconds: Int64) {
        #expect(GoDuration.nanoseconds(text) == nanoseconds)
        #expect(GoDuration.text(nanoseconds) == text)
    }

    /// Paths at which two trees differ.
    static func differences(_ left: JSON, _ right: JSON, _ path: String = "") -> [String] {
        switch (left, right) {
        case (.object(let left), .object(let right)):
            return Set(left.keys + right.keys).sorted().flatMap {
                differences(left[$0] ?? .null, right[$0] ?? .null, "\(path).\($0)")
            }
        case (.array(let left), .array(let right)) where left.count == right.count:
            return zip(left, right).enumerated().flatMap { differences($1.0, $1.1, "\(path)[\($0)]") }
        default: return left == right ? [] : ["\(path): \(left.text) became \(right.text)"]
        }
    }
}
