import Foundation
import Identity
import KubeModel
import Testing

@Suite("Tokens")
struct TokenTests {
    static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func claims(lifetime: Duration = .seconds(60)) -> Claims {
        Claims(issuer: "us", subject: "anna", audience: ["a", "b"], issuedAt: Self.now, lifetime: lifetime)
    }

    private func error(_ body: () throws -> Claims) -> TokenError? {
        do {
            _ = try body()
            return nil
        } catch {
            return error as? TokenError
        }
    }

    @Test("what was signed is what is read", arguments: [false, true])
    func roundTrip(isRSA: Bool) throws {
        let pem = isRSA ? try TokenSigner.generateRSAKeyPEM() : try TokenSigner.generateKeyPEM()
        let signer = try TokenSigner(privateKeyPEM: pem, keyID: "k1")
        var claims = claims()
        claims["extra"] = ["nested": ["list": [1, "\u{e4}\"\n", true, nil ?? .null]]]
        let token = try signer.sign(claims)
        for verifier in [TokenVerifier(signer: signer), TokenVerifier(keys: VerificationKey.keys(jwks: signer.jwks))] {
            for _ in 0..<2 {  // the second time from memory
                let read = try verifier.verify(token, audience: "b", issuer: "us", now: Self.now)
                #expect(read.subject == "anna")
                #expect(read.json == claims.json)
            }
        }
    }

    @Test("time, audience and issuer are checked, also for a token seen before")
    func conditions() throws {
        let signer = try TokenSigner(privateKeyPEM: TokenSigner.generateKeyPEM(), keyID: "k1")
        let verifier = TokenVerifier(signer: signer)
        let token = try signer.sign(claims())
        #expect(error { try verifier.verify(token, audience: "a", issuer: "us", now: Self.now) } == nil)
        #expect(error { try verifier.verify(token, audience: nil, issuer: nil, now: Self.now + 61) } == .expired)
        #expect(error { try verifier.verify(token, audience: nil, issuer: nil, now: Self.now - 60) } == .early)
        #expect(error { try verifier.verify(token, audience: "c", issuer: nil, now: Self.now) } == .wrongAudience)
        #expect(error { try verifier.verify(token, audience: "a", issuer: "them", now: Self.now) } == .wrongIssuer)
        var endless = claims()
        endless["exp"] = nil
        let forever = try signer.sign(endless)
        #expect(error { try verifier.verify(forever, audience: "a", issuer: "us", now: Self.now) } == .endless)
    }

    @Test("a token that was changed is refused, wherever it was changed")
    func tampered() throws {
        let signer = try TokenSigner(privateKeyPEM: TokenSigner.generateKeyPEM(), keyID: "k1")
        let verifier = TokenVerifier(signer: signer)
        let parts = try signer.sign(claims()).split(separator: ".").map(String.init)
        let payload = Base64URL.encode(Array(#"{"sub":"root","exp":9999999999}"#.utf8))
        let cases: [(token: String, error: TokenError)] = [
            ("\(parts[0]).\(payload).\(parts[2])", .badSignature),
            ("\(parts[0]).\(parts[1]).\(Base64URL.encode([UInt8](repeating: 7, count: 64)))", .badSignature),
            ("\(parts[0]).\(parts[1]).\(Base64URL.encode([UInt8](repeating: 0, count: 64)))", .badSignature),
            ("\(parts[0]).\(parts[1]).", .badSignature), ("\(parts[0]).\(parts[1])", .malformed), ("", .malformed),
            ("a.b.c", .malformed), ("\(parts[0]).\(parts[1]).\(parts[2]).", .malformed),
            (String(repeating: "a", count: 20_000), .tooLong),
        ]
        for (token, wanted) in cases {
            #expect(error { try verifier.verify(token, audience: nil, issuer: nil, now: Self.now) } == wanted)
        }
    }

    @Test("the token does not choose how it is checked")
    func algorithms() throws {
        let signer = try TokenSigner(privateKeyPEM: TokenSigner.generateKeyPEM(), keyID: "k1")
        let verifier = TokenVerifier(signer: signer)
        let payload = Base64URL.encode(claims().json.bytes)
        func header(_ text: String) -> String { Base64URL.encode(Array(text.utf8)) }

        let none = "\(header(#"{"alg":"none","kid":"k1"}"#)).\(payload)."
        #expect(error { try verifier.verify(none, audience: nil, issuer: nil, now: Self.now) } == .algorithm("none"))

        // The public key is no secret, so it must not do as the secret of an HMAC.
        let signed = "\(header(#"{"alg":"HS256","kid":"k1"}"#)).\(payload)"
        let key = Array(signer.verificationKey.publicKeyPEM.utf8)
        let confused = "\(signed).\(Base64URL.encode(Secrets.authenticationCode(of: signed.utf8, key: key)))"
        #expect(
            error { try verifier.verify(confused, audience: nil, issuer: nil, now: Self.now) } == .algorithm("HS256"))

        let otherType = "\(header(#"{"alg":"RS256","kid":"k1"}"#)).\(payload).AAAA"
        #expect(
            error { try verifier.verify(otherType, audience: nil, issuer: nil, now: Self.now) } == .algorithm("RS256"))
        let critical = "\(header(#"{"alg":"ES256","kid":"k1","crit":["x"]}"#)).\(payload).AAAA"
        #expect(error { try verifier.verify(critical, audience: nil, issuer: nil, now: Self.now) } == .malformed)
    }

    @Test("a key is found by its id only")
    func keyIDs() throws {
        let pem = try TokenSigner.generateKeyPEM()
        let verifier = TokenVerifier(signer: try TokenSigner(privateKeyPEM: pem, keyID: "k1"))
        let renamed = try TokenSigner(privateKeyPEM: pem, keyID: "k2").sign(claims())
        #expect(error { try verifier.verify(renamed, audience: nil, issuer: nil, now: Self.now) } == .unknownKey)
        let other = try TokenSigner(privateKeyPEM: TokenSigner.generateKeyPEM(), keyID: "k1").sign(claims())
        #expect(error { try verifier.verify(other, audience: nil, issuer: nil, now: Self.now) } == .badSignature)
    }

    @Test("weak and foreign keys are not taken")
    func keys() throws {
        #expect(throws: KeyError.self) { try TokenSigner(privateKeyPEM: "nonsense", keyID: "k") }
        let weak = try TokenSigner.generateRSAKeyPEM(bits: 1024)
        #expect(throws: KeyError.self) { try TokenSigner(privateKeyPEM: weak, keyID: "k") }
        let jwks: JSON = [
            "keys": [
                ["kty": "oct", "kid": "a", "k": "AAAA"],
                ["kty": "EC", "crv": "P-256", "kid": "b", "x": "AAAA", "y": "AAAA"],
                [
                    "kty": "EC", "crv": "P-256", "kid": "c",
                    "x": .string(Base64URL.encode([UInt8](repeating: 1, count: 32))),
                    "y": .string(Base64URL.encode([UInt8](repeating: 1, count: 32))),
                ],
            ]
        ]
        #expect(VerificationKey.keys(jwks: jwks).isEmpty)
    }

    @Test("base64url", arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar", "\u{0}\u{1}~\u{7f}"])
    func base64(text: String) {
        let encoded = Base64URL.encode(Array(text.utf8))
        #expect(Base64URL.decode(encoded).map { String(decoding: $0, as: UTF8.self) } == text)
        #expect(Base64URL.decode(encoded + "=") == nil)
    }
}
