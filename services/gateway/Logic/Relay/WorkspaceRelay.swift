import Foundation
import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1
import NIOPosix

/// Passes requests for workspaces on as bytes where a ``Passage`` says that they may go. Everything else, and whatever goes wrong
/// before the answer begins, is left to ``WorkspaceProxy``.
final class WorkspaceRelay: RequestRelay {
    private let core: GatewayCore
    private let loops: [ObjectIdentifier: RelayLoop]
    private let counts: RelayCounts

    init(core: GatewayCore, group: MultiThreadedEventLoopGroup = .singleton) {
        self.core = core
        let counts = RelayCounts(core.metrics)
        self.counts = counts
        var loops: [ObjectIdentifier: RelayLoop] = [:]
        for loop in group.makeIterator() {
            loops[ObjectIdentifier(loop)] = RelayLoop(
                loop, counts, core.accessLog, connectTimeout: TimeAmount(core.configuration.connectTimeout),
                responseTimeout: TimeAmount(core.configuration.responseTimeout))
        }
        self.loops = loops
    }

    /// Closes what was idle for long and what waits in vain, until the task is cancelled.
    func run() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            for loop in loops.values { loop.eventLoop.execute { loop.sweep(now: .now()) } }
        }
        for loop in loops.values { loop.eventLoop.execute { loop.closeIdle() } }
    }

    // MARK: Finding out

    /// Remembers on its connection that a request went through, for the next ones. The marks are those from before anything
    /// was asked.
    func remember(
        _ request: HTTPRequest, _ identity: UserIdentity, in workspace: Workspace, rewrite: String?,
        address: SocketAddress,
        marks: Passage.Marks, mayStay: @escaping @Sendable () async -> Bool
    ) {
        // Behind proxies it depends on more of a request who asks and from where.
        guard let link = request.link, link.eventLoop.inEventLoop, !core.proxies.areThere,
            !request.headers.contains(name: "authorization"), let host = request.headers.first(name: "host"),
            let session = core.session(of: request), session.identity == identity,
            let readAt = core.sessions.readAt(session.id)
        else { return }
        guard let cookie = core.sessionCookie(of: request) else { return }
        // Where workspaces are somewhere else, programs may use the platform's paths nevertheless.
        let policy = core.hasWorkspacesElsewhere(request) ? WorkspaceDoor.harmless : nil
        var end = min(readAt + Sessions.recheck, session.expiresAt)
        if let refreshAt = session.provider?.refreshAt { end = min(end, refreshAt) }
        let left = end.timeIntervalSinceNow
        guard left > 0 else { return }
        let fields = ForwardedHeaders.told(request, identity: identity, core: core, prefix: workspace.prefix)
        var buffer = ByteBuffer()
        for (name, value) in fields { buffer.writeString("\(name): \(value)\r\n") }
        buffer.writeStaticString("\r\n")
        let signIn = core.configuration.signIn
        link.memory = Passage(
            prefix: workspace.prefix, rewrite: rewrite, host: host, cookie: cookie, policy: policy,
            fields: buffer,
            address: address,
            identityFields: [signIn.userIDHeader.lowercased(), signIn.groupsHeader.lowercased()],
            until: .now() + .nanoseconds(Int64(left * 1e9)), marks: marks, workspace: workspace,
            mayStay: mayStay, user: identity.user,
            source: core.address(of: request), account: core.limits.account(core.sender(of: request).key))
    }

    // MARK: Passing on

    func begin(_ head: PlainHead, _ bytes: ByteBuffer, on link: RelayLink) -> (any RelayedExchange)? {
        guard let passage = link.memory as? Passage else { return nil }
        let now = NIODeadline.now()
        guard passage.marks == core.marks, now < passage.until,
            let loop = loops[ObjectIdentifier(link.eventLoop)]
        else {
            link.memory = nil
            return nil
        }
        let place = loop.place(passage.address)
        let upstream = place.take()
        let written = bytes.withUnsafeReadableBytes { bytes in
            upstream.compose { RelayedRequest.write(head, bytes, passage, into: &$0) }
        }
        // Who uses too much is told so the ordinary way.
        guard let written, passage.account.begin(now: now) == nil else {
            place.put(upstream)
            return nil
        }
        return upstream.begin(link, passage, isHead: written.isHead) ? upstream : nil
    }
}

/// Writes the head of a request as the workspace gets it; the same rules as ``ForwardedHeaders/toNotebook``.
enum RelayedRequest {
    private static let get = Array("GET".utf8)
    private static let head = Array("HEAD".utf8)

    struct Written {
        /// Whether only the head of the answer is wanted.
        let isHead: Bool
        /// Where the request's id was written.
        let id: Range<Int>
    }

    /// - Returns: nil when the passage is not for this request.
    static func write(
        _ head: PlainHead, _ bytes: UnsafeRawBufferPointer, _ passage: Passage, into out: inout ByteBuffer
    ) -> Written? {
        let isHead: Bool
        switch head.start.count {
        case 3 where PlainHead.isSame(bytes, head.start, get): isHead = false
        case 4 where PlainHead.isSame(bytes, head.start, self.head): isHead = true
        default: return nil
        }
        let prefix = passage.prefixBytes
        guard PlainHead.hasStart(bytes, head.target, prefix), PlainHead.isSame(bytes, head.host, passage.host) else {
            return nil
        }
        if let rewrite = passage.rewrite {
            out.writeBytes(bytes[head.start])
            out.writeStaticString(" ")
            out.writeString(rewrite)
            out.writeBytes(bytes[head.target.lowerBound + prefix.count..<head.target.upperBound])
        } else {
            out.writeBytes(bytes[0..<head.target.upperBound])
        }
        out.writeStaticString(" HTTP/1.1\r\n")
        var isProven = false
        var id: Range<Int>?
        for field in head.fields {
            switch verdict(bytes, field.name, passage) {
            case .keep:
                out.writeBytes(bytes[field.name.lowerBound..<field.value.upperBound])
                out.writeStaticString("\r\n")
            case .drop: break
            case .id: id = field.value
            case .checked: return nil
            case .site:
                guard passage.policy == nil,
                    PlainHead.isEqual(bytes, field.value, "same-origin")
                        || PlainHead.isEqual(bytes, field.value, "none")
                else { return nil }
                out.writeBytes(bytes[field.name.lowerBound..<field.value.upperBound])
                out.writeStaticString("\r\n")
            case .wish:
                // Somebody who wants pages is no program.
                guard passage.policy == nil || !contains(bytes, field.value, "html") else { return nil }
                out.writeBytes(bytes[field.name.lowerBound..<field.value.upperBound])
                out.writeStaticString("\r\n")
            case .cookie:
                guard !isProven, writeCookies(bytes, field.value, passage, into: &out) else { return nil }
                isProven = true
            }
        }
        guard isProven else { return nil }
        out.writeStaticString("x-request-id: ")
        let idStart = out.writerIndex
        if let id, HTTPRequest.isSaneID(bytes[id]) {
            out.writeBytes(bytes[id])
        } else {
            out.writeString(String(RelayLink.nextNumber(), radix: 36))
        }
        let idEnd = out.writerIndex
        out.writeStaticString("\r\n")
        out.writeImmutableBuffer(passage.fields)
        return Written(isHead: isHead, id: idStart..<idEnd)
    }

    /// `checked`: what the ordinary way has an opinion on. `site`: kept when it is our own. `wish`: what is accepted.
    private enum Verdict { case keep, drop, id, checked, site, wish, cookie }

    private static func contains(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        return range.count >= count
            && (range.lowerBound...range.upperBound - count).contains {
                PlainHead.isEqual(bytes, $0..<$0 + count, text)
            }
    }

    private static func verdict(_ bytes: UnsafeRawBufferPointer, _ name: Range<Int>, _ passage: Passage) -> Verdict {
        func isNamed(_ text: StaticString) -> Bool { PlainHead.isEqual(bytes, name, text) }
        func begins(_ text: StaticString) -> Bool { PlainHead.hasPrefix(bytes, name, text) }
        switch bytes[name.lowerBound] | 0x20 {
        case UInt8(ascii: "a"):
            if isNamed("authorization") { return .checked }
            if isNamed("accept") { return .wish }
        case UInt8(ascii: "c"):
            if isNamed("cookie") { return .cookie }
            if isNamed("connection") || isNamed("content-length") { return .drop }
        case UInt8(ascii: "f"): if isNamed("forwarded") { return .drop }
        case UInt8(ascii: "i"): if begins("impersonate-") { return .drop }
        case UInt8(ascii: "k"): if begins("kubeflow-") || isNamed("keep-alive") { return .drop }
        case UInt8(ascii: "o"): if isNamed("origin") { return .checked }
        case UInt8(ascii: "p"): if begins("proxy-") { return .drop }
        case UInt8(ascii: "r"): if isNamed("remote-user") { return .drop }
        case UInt8(ascii: "s"):
            if isNamed("sec-fetch-site") { return .site }
            if passage.policy != nil, begins("sec-fetch-") { return .checked }
        case UInt8(ascii: "t"): if isNamed("te") { return .drop }
        case UInt8(ascii: "x"):
            if isNamed("x-request-id") { return .id }
            if begins("x-forwarded-") || begins("x-auth-request-") || begins("x-remote-") || isNamed("x-real-ip")
                || isNamed("x-xsrf-token") || isNamed("x-goog-authenticated-user-email")
                || isNamed("x-rstudio-root-path")
                || isNamed("x-envoy-external-address")
            {
                return .drop
            }
        default: break
        }
        for own in passage.identityFields where own.utf8.count == name.count {
            if zip(bytes[name], own.utf8).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) { return .drop }
        }
        return .keep
    }

    /// Writes the cookies that are the notebook's; false unless the session's is among the others, once.
    private static func writeCookies(
        _ bytes: UnsafeRawBufferPointer, _ value: Range<Int>, _ passage: Passage, into out: inout ByteBuffer
    ) -> Bool {
        var isFound = false
        var isFirst = true
        var at = value.lowerBound
        while at < value.upperBound {
            var end = at
            while end < value.upperBound, bytes[end] != UInt8(ascii: ";") { end += 1 }
            var pair = at..<end
            at = end + 1
            while let first = pair.first, bytes[first] == 0x20 || bytes[first] == 0x09 { pair.removeFirst() }
            while let last = pair.last, bytes[last] == 0x20 || bytes[last] == 0x09 { pair.removeLast() }
            guard !pair.isEmpty else { continue }
            let start = passage.cookie.start
            if PlainHead.hasStart(bytes, pair, start) {
                let value = pair.lowerBound + start.count..<pair.upperBound
                guard !isFound, PlainHead.isSame(bytes, value, passage.cookie.value) else { return false }
                isFound = true
            } else if !isPlatforms(bytes, pair) {
                if isFirst { out.writeStaticString("cookie: ") } else { out.writeStaticString("; ") }
                isFirst = false
                out.writeBytes(bytes[pair])
            }
        }
        if !isFirst { out.writeStaticString("\r\n") }
        return isFound
    }

    private static func isPlatforms(_ bytes: UnsafeRawBufferPointer, _ pair: Range<Int>) -> Bool {
        let end = bytes[pair].firstIndex(of: UInt8(ascii: "=")) ?? pair.upperBound
        return PlainHead.isEqual(bytes, pair.lowerBound..<end, "xsrf-token")
            || PlainHead.hasPrefix(bytes, pair, "martlet_") || PlainHead.hasPrefix(bytes, pair, "__host-")
            || PlainHead.hasPrefix(bytes, pair, "__secure-")
    }
}
