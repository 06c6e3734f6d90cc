import CPrivileges
import Foundation

/// A child of this process that stays in the machine's network and opens ports there for the node agent, which moves to
/// another. It ends once this value, the keeper and the agent are gone.
final class MachinePorts {
    /// The number under which the node agent has the other end.
    static let agentsNumber: Int32 = 3
    /// Where ports are asked for.
    let channel: Int32

    /// To be called before the first thread.
    ///
    /// - Throws: ``Complaint`` when there can be no other process.
    init() throws {
        var channel: Int32 = -1
        try Rootless.check(rootless_begin_ports(&channel), "start what opens ports")
        self.channel = channel
    }

    deinit { close(channel) }
}
