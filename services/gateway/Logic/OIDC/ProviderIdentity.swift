import Foundation
import Identity
import KubeModel

/// Who the claims of a provider mean here.
struct ProviderIdentity: Sendable {
    let configuration: OIDCConfiguration

    /// The user whom claims name.
    ///
    /// - Throws: ``ProviderError`` `unusable` when they name nobody, or somebody who may not be.
    func identity(_ claims: JSON) throws(ProviderError) -> UserIdentity {
        guard let name = claims[configuration.userClaim]?.string, !name.isEmpty else {
            throw .unusable("the identity provider does not tell your \(configuration.userClaim)")
        }
        if configuration.userClaim == "email", let isVerified = claims["email_verified"], isVerified != true,
            isVerified != "true"
        {
            throw .unusable("the identity provider has not verified your e-mail address")
        }
        let user = configuration.userPrefix + name
        if let problem = IdentityRules.problem(user: user) { throw .unusable(problem) }
        let claim = claims[configuration.groupsClaim]
        let groups = claim?.array?.compactMap(\.string) ?? claim?.string.map { [$0] } ?? []
        let usable = groups.filter { !$0.isEmpty }.map { configuration.groupPrefix + $0 }
        return UserIdentity(user: user, groups: IdentityRules.usable(usable))
    }

    /// Checks an ID token whose signature, issuer and time were found right.
    ///
    /// - Throws: ``TokenError`` when it is for somebody else.
    func checkAudience(_ claims: Claims, among audiences: [String]) throws(TokenError) {
        guard claims.audience.contains(where: audiences.contains) else { throw .wrongAudience }
        // A token for several was asked for by one of them: that one must be us.
        if let party = claims["azp"], !audiences.contains(party.string ?? "") { throw .wrongAudience }
        if claims.audience.count > 1, claims["azp"] == nil, !claims.audience.allSatisfy(audiences.contains) {
            throw .wrongAudience
        }
    }

    /// True unless the token says that it goes with another access token (`at_hash`).
    static func fits(_ accessToken: String, _ claims: Claims, idToken: String) -> Bool {
        guard let hash = claims["at_hash"]?.string else { return true }
        guard let header = idToken.split(separator: ".").first.flatMap({ Base64URL.decode($0) }),
            let algorithm = (try? JSON(parsing: header))?["alg"]?.string.flatMap(SignatureAlgorithm.init)
        else { return false }
        let digest = Secrets.digest(accessToken.utf8, of: algorithm)
        return Base64URL.encode(digest.prefix(digest.count / 2)) == hash
    }
}
