import Foundation
import HTTPKit

/// Takes a port before anything else starts, so that the answer names the flag, and while root may still take any.
enum PortCheck {
    /// Leaves the port to the server that will listen on it. A process that moves to another network calls this before and
    /// after, and the server listens on both.
    ///
    /// - Parameters:
    ///   - port: the port; 0 takes a free one.
    ///   - flag: how it is chosen.
    /// - Returns: the port.
    /// - Throws: ``Complaint`` when another program has the port, or it needs more rights.
    @discardableResult
    static func reserve(_ port: Int, flag: String) throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return port }  // the listener itself will say why
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // Bound but not listening would not conflict with a listener that allows reuse, so listen as well.
        if result == 0, listen(descriptor, 1024) == 0 {
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &size) }
            }
            let taken = Int(in_port_t(bigEndian: address.sin_port))
            ReservedPorts.keep(descriptor, host: "127.0.0.1", port: taken)
            return taken
        }
        let reason = String(cString: strerror(errno))
        close(descriptor)
        throw Complaint(
            "port \(port) of 127.0.0.1 cannot be used: \(reason). Choose another with \(flag) (0 takes a free one).")
    }
}
