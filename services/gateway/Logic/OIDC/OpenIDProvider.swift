import Foundation
import Identity
import KubeModel
import Logging
import WebClient

/// The provider as it was last read: its addresses and keys. Read again every five minutes, and for a key that is not known.
///
/// While it does not answer, the gateway goes on with what it knows, for a day.
actor OpenIDProvider {
    struct Known: Sendable {
        let metadata: ProviderMetadata
        let verifier: TokenVerifier
        let readAt: ContinuousClock.Instant
    }

    private static let renewal = Duration.seconds(300)
    private static let memory = Duration.seconds(86_400)
    /// How often strangers with made-up key ids can make us ask.
    private static let pause = Duration.seconds(5)
    /// How far the provider's clock may be off.
    private static let clockSkew: TimeInterval = 30

    nonisolated let configuration: OIDCConfiguration
    nonisolated let client: WebClient
    private let logger: Logger
    private var known: Known?
    /// When a key that was not known last made us ask.
    private var askedForKeyAt: ContinuousClock.Instant?
    private var asking: Task<Known, any Error>?

    init(_ configuration: OIDCConfiguration, logger: Logger) {
        var settings = WebClient.Settings()
        settings.authoritiesFile = configuration.authoritiesFile
        settings.allowsPlainHTTP = configuration.allowsPlainHTTP
        settings.answerLimit = 512 << 10
        client = WebClient(settings)
        (self.configuration, self.logger) = (configuration, logger)
    }

    /// Keeps what is known fresh, until cancelled.
    func run() async {
        var pause = Duration.seconds(1)
        while !Task.isCancelled {
            do {
                _ = try await read()
                pause = .seconds(1)
                guard (try? await Task.sleep(for: Self.renewal)) != nil else { return }
            } catch {
                logger.warning("the identity provider cannot be read", metadata: ["error": "\(error)"])
                guard (try? await Task.sleep(for: pause)) != nil else { return }
                pause = min(pause * 2, .seconds(60))
            }
        }
    }

    /// What is known about it.
    func current() async throws -> Known {
        if let known, known.readAt.duration(to: .now) < Self.memory { return known }
        return try await read()
    }

    /// The claims of a token that it signed. One `fromProvider` was handed to us by the provider itself, so a key that we do
    /// not know is a new one; any other token may be a stranger's.
    ///
    /// - Throws: ``TokenError``; ``ProviderError`` while nothing is known about it, or about a key of its own.
    func verify(_ token: String, fromProvider: Bool = false, now: Date = Date()) async throws -> Claims {
        let before = try await current()
        do {
            return try check(token, before, now)
        } catch TokenError.unknownKey {
            // Perhaps it has new keys; but who sends us made-up ids must not make us ask all the time.
            if !fromProvider {
                if let askedForKeyAt, askedForKeyAt.duration(to: .now) < Self.pause, asking == nil {
                    throw TokenError.unknownKey
                }
                askedForKeyAt = .now
            }
            let after: Known
            do {
                after = try await read()
            } catch {
                // A stranger's token is refused; the provider's own cannot be judged yet.
                if fromProvider { throw error }
                throw TokenError.unknownKey
            }
            return try check(token, after, now)
        }
    }

    private func check(_ token: String, _ known: Known, _ now: Date) throws -> Claims {
        let claims = try known.verifier.verify(token, audience: nil, issuer: configuration.issuer, now: now)
        // A token from the future tells of a clock that is wrong, or of somebody who plays with it.
        if let issued = claims.issuedAt, issued > now + Self.clockSkew { throw TokenError.early }
        return claims
    }

    /// Asks it, once for all who wait.
    private func read() async throws -> Known {
        // A task of its own, since the first one who waits may give up while others go on.
        let task = asking ?? Task { [configuration, client] in try await Self.read(configuration, client) }
        asking = task
        defer { if asking == task { asking = nil } }
        let new = try await task.value
        known = new
        return new
    }

    private static func read(_ configuration: OIDCConfiguration, _ client: WebClient) async throws -> Known {
        let root = configuration.issuer.hasSuffix("/") ? String(configuration.issuer.dropLast()) : configuration.issuer
        let document = try await get(root + "/.well-known/openid-configuration", client)
        let metadata = try ProviderMetadata(document, configuration: configuration)
        let keys = VerificationKey.keys(jwks: try await get(metadata.keysAddress, client), keyID: "")
        guard !keys.isEmpty else { throw ProviderError.misconfigured("the provider has no key that can be used") }
        return Known(
            metadata: metadata, verifier: TokenVerifier(keys: keys, mayLackKeyID: true, clockSkew: clockSkew),
            readAt: .now)
    }

    private static func get(_ address: String, _ client: WebClient) async throws -> JSON {
        let response: WebResponse
        do {
            response = try await client.send(WebRequest("GET", address, headers: [("Accept", "application/json")]))
        } catch {
            throw ProviderError.unavailable("\(address): \(error)")
        }
        guard response.status == 200, let json = try? JSON(parsing: response.body), json.object != nil else {
            throw ProviderError.unavailable("\(address) answered \(response.status), or no JSON")
        }
        return json
    }
}
