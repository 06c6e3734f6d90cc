import Identity
import Testing

@Suite("Passwords")
struct PasswordTests {
    @Test("a password matches its hash, also after that was written and read; others do not")
    func matches() throws {
        let hash = try #require(PasswordHash(password: "pa\u{df}word\u{0}x"))
        let read = try #require(PasswordHash(text: hash.text))
        #expect(read.matches("pa\u{df}word\u{0}x"))
        for other in ["", "pa\u{df}word", "pa\u{df}word\u{0}y", String(repeating: "a", count: 2000)] {
            #expect(!read.matches(other))
        }
        #expect(PasswordHash(password: "same")?.text != PasswordHash(password: "same")?.text)
    }

    /// RFC 7914, section 12: "pleaseletmein", "SodiumChloride", N = 16384, r = 8, p = 1; its first 64 bytes of output.
    @Test("hashes are RFC 7914's")
    func vector() throws {
        let salt = Base64URL.encode(Array("SodiumChloride".utf8))
        let bytes: [UInt8] = [
            0x70, 0x23, 0xbd, 0xcb, 0x3a, 0xfd, 0x73, 0x48, 0x46, 0x1c, 0x06, 0xcd, 0x81, 0xfd, 0x38, 0xeb,
            0xfd, 0xa8, 0xfb, 0xba, 0x90, 0x4f, 0x8e, 0x3e, 0xa9, 0xb5, 0x43, 0xf6, 0x54, 0x5d, 0xa1, 0xf2,
            0xd5, 0x43, 0x29, 0x55, 0x61, 0x3f, 0x0f, 0xcf, 0x62, 0xd4, 0x97, 0x05, 0x24, 0x2a, 0x9a, 0xf9,
            0xe6, 0x1e, 0x85, 0xdc, 0x0d, 0x65, 0x1e, 0x40, 0xdf, 0xcf, 0x01, 0x7b, 0x45, 0x57, 0x58, 0x87,
        ]
        let hash = try #require(PasswordHash(text: "$scrypt$ln=14,r=8,p=1$\(salt)$\(Base64URL.encode(bytes))"))
        #expect(hash.matches("pleaseletmein"))
    }

    @Test(
        "what is no hash, or asks for absurd work, is not read",
        arguments: [
            "", "$2b$10$abc", "$scrypt$ln=30,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=15,r=8$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$scrypt$ln=15,r=8,p=1$AA$AAAA",
            "$scrypt$ln=15,r=8,p=1,x$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        ])
    func nonsense(text: String) { #expect(PasswordHash(text: text) == nil) }
}
