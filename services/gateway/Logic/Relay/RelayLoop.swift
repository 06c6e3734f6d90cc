import NIOCore

/// The relay's connections to notebooks that live on one event loop.
///
/// Unchecked, because the compiler cannot see it: everything here is touched on that loop only.
final class RelayLoop: @unchecked Sendable {
    /// Idle connections are closed after this; servers close theirs later.
    private static let idleTimeout = TimeAmount.seconds(15)

    let eventLoop: any EventLoop
    let counts: RelayCounts
    let accessLog: AccessLog?
    let connectTimeout: TimeAmount
    let responseTimeout: TimeAmount
    private var places: [SocketAddress: RelayPlace] = [:]
    private var last: RelayPlace?
    fileprivate var open: [ObjectIdentifier: RelayUpstream] = [:]

    init(
        _ eventLoop: any EventLoop, _ counts: RelayCounts, _ accessLog: AccessLog?, connectTimeout: TimeAmount,
        responseTimeout: TimeAmount
    ) {
        (self.counts, self.accessLog) = (counts, accessLog)
        (self.eventLoop, self.connectTimeout, self.responseTimeout) = (eventLoop, connectTimeout, responseTimeout)
    }

    func place(_ address: SocketAddress) -> RelayPlace {
        if let last, last.address == address { return last }
        let place = places[address] ?? RelayPlace(address, self)
        places[address] = place
        last = place
        return place
    }

    /// Looks for connections that wait in vain. Called now and then.
    func sweep(now: NIODeadline) {
        for upstream in open.values { upstream.check(now: now, idleTimeout: Self.idleTimeout, responseTimeout) }
        last = nil
        for (address, place) in places where place.openCount == 0 { places[address] = nil }
    }

    /// Closes what nobody uses.
    func closeIdle() {
        for upstream in open.values { upstream.closeIfIdle() }
    }
}

/// One notebook's server, as seen from one event loop.
final class RelayPlace {
    private static let idleLimit = 64

    let address: SocketAddress
    let loop: RelayLoop
    private var idle: [RelayUpstream] = []
    private(set) var openCount = 0

    init(_ address: SocketAddress, _ loop: RelayLoop) { (self.address, self.loop) = (address, loop) }

    /// A kept connection, or one that is still to be made.
    func take() -> RelayUpstream { idle.popLast() ?? RelayUpstream(self) }

    /// Keeps a connection for another request; false when there are enough.
    @discardableResult
    func put(_ upstream: RelayUpstream) -> Bool {
        guard upstream.isOpen, idle.count < Self.idleLimit else { return false }
        idle.append(upstream)
        return true
    }

    func opened(_ upstream: RelayUpstream) {
        openCount += 1
        loop.open[ObjectIdentifier(upstream)] = upstream
    }

    func closed(_ upstream: RelayUpstream) {
        openCount -= 1
        loop.open[ObjectIdentifier(upstream)] = nil
        idle.removeAll { $0 === upstream }
    }
}
