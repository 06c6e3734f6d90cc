import Glibc
import NIOCore

/// Who is at the other end of a unix socket, by what the kernel says.
enum LocalPeer {
    /// `struct ucred` of unix(7).
    private struct Credentials {
        var process: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
    }

    /// The peer is not the one the socket is for.
    private struct Stranger: Error {}

    /// Fails unless the peer is root or `owner`; nil lets everyone in.
    static func check(_ channel: any Channel, is owner: UInt32?) -> EventLoopFuture<Void> {
        guard let owner else { return channel.eventLoop.makeSucceededVoidFuture() }
        guard let socket = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(Stranger())
        }
        let peer: EventLoopFuture<Credentials> = socket.unsafeGetSocketOption(
            level: .socket, name: .init(rawValue: SO_PEERCRED))
        return peer.flatMapThrowing { peer in
            guard peer.user == 0 || peer.user == owner else { throw Stranger() }
        }
    }
}

extension HTTPServer.Listener {
    /// The only user, besides root, that is listened to; nil for everyone.
    var owner: UInt32? {
        if case .unix(_, let owner) = self { return owner }
        return nil
    }
}
