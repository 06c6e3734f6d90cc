import CPrivileges
import Foundation

/// The programs that can connect the network of the namespaces to that of the machine, as ordinary programs of the user.
enum WayOutProgram: String, CaseIterable {
    case pasta, slirp4netns

    /// The device inside, and the network that it is on, which is the same whatever network the machine is on, so that the
    /// machine may change its own, or have none. No router leads link-local addresses anywhere.
    static let device = "out0"
    private static let network = "169.254.1.0/24"
    private static let address = "169.254.1.100"
    /// The other end of the device; what is sent to it comes to the loopback addresses of the machine.
    static let gateway = "169.254.1.2"
    /// Where names are asked for when the machine's resolvers listen on loopback alone.
    static let resolver = "169.254.1.3"

    /// The one that is used: the first that is installed.
    static var installed: (program: WayOutProgram, path: String)? {
        allCases.lazy.compactMap { program in Installation.onPath(program.rawValue).map { (program, $0) } }.first
    }

    /// Debian's package.
    var package: String { self == .pasta ? "passt" : rawValue }

    /// Starts it, and returns once the network of the target is connected.
    ///
    /// - Parameters:
    ///   - path: where the program is.
    ///   - target: a process in the namespaces.
    ///   - place: for its log and for the file that names its process.
    ///   - forwardsNames: true when it is to answer at ``resolver``.
    /// - Throws: ``Complaint`` with its words.
    func start(_ path: String, to target: pid_t, place: NamespacePlace, forwardsNames: Bool) throws {
        unlink(place.process)
        switch self {
        case .pasta:
            let done = try ShortProgram.run(
                path, pastaFlags(place) + (forwardsNames ? ["--dns-forward", Self.resolver] : []) + [String(target)])
            guard done.status == 0 else { throw Self.failure(rawValue, done.complaint) }
        case .slirp4netns: try startSlirp(path, to: target, place: place)
        }
    }

    /// It goes into the background by itself and writes the file that names its process.
    private func pastaFlags(_ place: NamespacePlace) -> [String] {
        // It takes what it is not told from an interface of the machine. Only one with a way out will do for IPv6, and it
        // wants one for both then.
        let template =
            MachineRoutes.leadOut(version: 4) && MachineRoutes.leadOut(version: 6)
            ? [] : ["-4", "--interface", "lo", "--mac-addr", "02:6d:61:72:74:01"]
        return [
            "--config-net", "--ns-ifname", Self.device, "--address", Self.address, "--netmask", "24", "--gateway",
            Self.gateway, "-t", "none", "-u", "none", "-T", "none", "-U", "none", "--pid", place.process, "--log-file",
            place.log,
        ] + template
    }

    private func startSlirp(_ path: String, to target: pid_t, place: NamespacePlace) throws {
        var ready: [Int32] = [-1, -1]
        guard pipe(&ready) == 0 else { throw Self.failure(rawValue, String(cString: strerror(errno))) }
        _ = fcntl(ready[0], F_SETFD, FD_CLOEXEC)
        defer { close(ready[0]) }
        let process = try ShortProgram.begin(
            // The name by which it is started tells whose it is, since it writes no file.
            path, name: "\(rawValue):\(place.process)",
            [
                "--configure", "--mtu=65520", "--cidr=\(Self.network)", "--enable-sandbox", "--ready-fd=\(ready[1])",
                String(target), Self.device,
            ], log: place.log)
        close(ready[1])
        var byte: UInt8 = 0
        var size: Int
        repeat { size = read(ready[0], &byte, 1) } while size < 0 && errno == EINTR
        guard size == 1 else {
            while waitpid(process, nil, 0) < 0, errno == EINTR {}
            let said = (try? String(contentsOfFile: place.log, encoding: .utf8)) ?? ""
            throw Self.failure(rawValue, said.split(separator: "\n").last.map(String.init) ?? "it ended")
        }
        try place.write("\(process)\n", to: (place.process as NSString).lastPathComponent)
    }

    private static func failure(_ program: String, _ words: String) -> Complaint {
        Complaint("the network of Pods has no way out: \(program): \(words)")
    }
}

/// Where the machine's network leads.
enum MachineRoutes {
    /// True where there is a default route of IPv4 or IPv6.
    static func leadOut(version: Int) -> Bool {
        let file = version == 4 ? "/proc/net/route" : "/proc/net/ipv6_route"
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return version == 4 ? hasDefault4(text) : hasDefault6(text)
    }

    /// Lines of device, destination, gateway, ..., mask (the eighth), with numbers in hexadecimal.
    static func hasDefault4(_ text: String) -> Bool {
        text.split(separator: "\n").dropFirst().contains { line in
            let words = line.split(whereSeparator: \.isWhitespace)
            return words.count > 7 && words[1] == "00000000" && words[7] == "00000000"
        }
    }

    /// Lines of destination, its length, source, its length, gateway, ..., device (the last).
    static func hasDefault6(_ text: String) -> Bool {
        text.split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            return words.count > 9 && words[0].allSatisfy { $0 == "0" } && words[1] == "00" && words.last != "lo"
        }
    }
}
