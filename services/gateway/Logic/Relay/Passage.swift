import HTTPKit
import NIOCore
import NIOHTTP1

/// What an ordinary request for a workspace found out: who asks, that they may, and where it leads. The next requests of the same
/// connection that look the same need not ask again, for a second at most, and not when anything of it has changed.
final class Passage: Sendable {
    /// `/notebook/{namespace}/{name}/`
    let prefix: String
    /// Takes the place of the prefix, where the workspace wants that.
    let rewrite: String?
    let prefixBytes: [UInt8]
    let host: [UInt8]
    /// The cookie by which the visitor is known: `name=`, and its value.
    let cookie: (start: [UInt8], value: [UInt8])
    /// What the workspace's answers may do, where that is not the workspace's to say: it is a program's then that asks.
    let policy: String?
    /// Fields that the workspace is told by us, ready to be sent.
    let fields: ByteBuffer
    let address: SocketAddress
    /// Names of fields that tell an identity here, in small letters.
    let identityFields: [String]
    let until: NIODeadline
    let marks: Marks
    let workspace: Workspace
    /// Whether the visitor may still be there, for answers that take long.
    let mayStay: @Sendable () async -> Bool
    let user: String
    /// Where the visitor is.
    let source: String?
    /// What the visitor uses.
    let account: UserLimits.Account

    /// How often that on which a passage rests had changed.
    struct Marks: Equatable, Sendable {
        let sessions: Int
        let roles: Int
        let places: Int
    }

    init(
        prefix: String, rewrite: String?, host: String, cookie: (name: String, value: String), policy: String?,
        fields: ByteBuffer, address: SocketAddress, identityFields: [String], until: NIODeadline, marks: Marks,
        workspace: Workspace, mayStay: @escaping @Sendable () async -> Bool, user: String, source: String?,
        account: UserLimits.Account
    ) {
        (self.workspace, self.mayStay) = (workspace, mayStay)
        (self.user, self.source, self.account) = (user, source, account)
        self.policy = policy
        (self.prefix, self.rewrite) = (prefix, rewrite)
        (prefixBytes, self.host) = (Array(prefix.utf8), Array(host.utf8))
        self.cookie = (Array("\(cookie.name)=".utf8), Array(cookie.value.utf8))
        (self.fields, self.address, self.identityFields) = (fields, address, identityFields)
        (self.until, self.marks) = (until, marks)
    }
}

extension GatewayCore {
    /// What passages rest on, as it is now.
    var marks: Passage.Marks {
        Passage.Marks(sessions: sessions.changeCount, roles: reviews.changeCount, places: places.count)
    }
}
