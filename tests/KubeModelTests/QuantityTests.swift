import KubeModel
import Testing

@Suite("Quantities")
struct QuantityTests {
    @Test(
        "the canonical text has no fraction and the largest suffix",
        arguments: [
            ("0.5", "500m"), ("500m", "500m"), ("1000m", "1"), ("1.5", "1500m"), ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"),
            ("1000", "1k"), ("1200k", "1200k"), ("0", "0"), ("100n", "100n"), ("1e3", "1e3"), ("1E6", "1e6"),
            ("1E", "1E"),
            ("-1.5", "-1500m"), ("1.2Gi", "1288490188800m"), ("0.5Ki", "512"), ("+2", "2"), (".5", "500m"), ("5.", "5"),
            ("0.0000000001", "1n"), ("12e-1", "1200e-3"), ("9223372036854775807", "9223372036854775807"),
        ])
    func canonical(text: String, canonical: String) {
        #expect(Quantity(text)?.text == canonical)
    }

    @Test(
        "what is no quantity is refused",
        arguments: ["", "x", "1x", "1 Gi", "1.2.3", "-", "e3", "1e", "1Kii", "Gi", "1e1.5"])
    func refusal(text: String) {
        #expect(Quantity(text) == nil)
    }

    @Test("amounts are compared and added whatever their suffix")
    func arithmetic() throws {
        let half = try #require(Quantity("500m"))
        let one = try #require(Quantity("1"))
        #expect(half < one)
        #expect(half + half == one)
        #expect((half + half).text == "1")
        #expect(one - half == half)
        #expect(Quantity("1Gi") == Quantity("1073741824"))
        #expect(half * 3 == Quantity("1.5"))
        #expect((Quantity.zero + Quantity(2048, format: .binary)).text == "2Ki")
    }

    @Test("whole and thousandth values round up")
    func rounding() {
        #expect(Quantity("1.1")?.value == 2)
        #expect(Quantity("100u")?.milliValue == 1)
        #expect(Quantity("2Gi")?.value == 2_147_483_648)
    }

    @Test("numbers are quantities too")
    func numbers() {
        #expect(Quantity(JSON.int(2))?.text == "2")
        #expect(Quantity(JSON.double(0.1))?.text == "100m")
        #expect(Quantity(JSON.bool(true)) == nil)
    }

    @Test("amounts beyond the range stop at its end")
    func cap() {
        #expect(Quantity("100E")?.value == .max)
        #expect(Quantity("1e900")?.value == .max)
        #expect(Quantity("1e-900")?.nanos == 1)
    }
}

@Suite("Times")
struct TimestampTests {
    @Test(
        "RFC 3339 is read and written",
        arguments: [
            ("2026-01-04T10:11:12Z", "2026-01-04T10:11:12Z"), ("2026-01-04T10:11:12+02:00", "2026-01-04T08:11:12Z"),
            ("2024-02-29T23:59:59-01:30", "2024-03-01T01:29:59Z"), ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"), ("2026-01-04T10:11:12.75Z", "2026-01-04T10:11:12Z"),
        ])
    func roundTrip(text: String, written: String) {
        #expect(Timestamp(text)?.text == written)
    }

    @Test("microseconds are kept")
    func micro() {
        #expect(Timestamp("2026-01-04T10:11:12.000345Z")?.microText == "2026-01-04T10:11:12.000345Z")
    }

    @Test(
        "other texts are refused",
        arguments: [
            "", "2026-01-04", "2026-02-30T00:00:00Z", "2026-01-04T10:11:12", "2026-01-04T25:00:00Z",
            "2026-01-04T10:11:12.Z",
        ])
    func refusal(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test("every day of four centuries survives")
    func days() {
        for day in stride(from: -100_000, to: 100_000, by: 37) {
            let moment = Timestamp(seconds: Int64(day) * 86_400 + 12_345)
            #expect(Timestamp(moment.text) == moment)
        }
    }
}
