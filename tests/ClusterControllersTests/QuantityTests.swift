import Testing

@testable import ClusterControllers

@Suite("Quantities")
struct QuantityTests {
    @Test(
        "are read exactly and written in canonical form",
        arguments: [
            ("100m", "100m"), ("0.5", "500m"), ("1500m", "1500m"), ("1.5Gi", "1536Mi"), ("1024Ki", "1Mi"),
            ("1000", "1k"),
            ("1e3", "1k"), ("0", "0"), ("2Gi", "2Gi"), ("-5", "-5"), ("123456789", "123456789"), ("0.1n", "1n"),
        ])
    func canonical(text: String, expected: String) {
        #expect(Quantity(text)?.text == expected)
    }

    @Test("refuse what is none", arguments: ["", "abc", "1.2.3", "1Zi", ".", "-", "1e99"])
    func refused(text: String) {
        #expect(Quantity(text) == nil)
    }

    @Test("of different suffixes add up")
    func sum() {
        #expect((Quantity("512Mi") ?? .zero) + (Quantity("1Gi") ?? .zero) == Quantity("1536Mi"))
        #expect(((Quantity("250m") ?? .zero) + (Quantity("1") ?? .zero)).text == "1250m")
    }
}
