import Foundation

/// Where the way out leads from inside, as rules of the kernel.
struct WayOutRules {
    /// Ports of loopback that somebody inside listens to; one or more.
    let portsInside: [Int]
    /// True when Pods may use the network of the namespaces, and what listens on its loopback is theirs as well.
    let keepsLoopback: Bool

    /// Sets them, in the network that this process has joined. They replace those of an earlier start.
    ///
    /// - Throws: ``Complaint`` when they are refused.
    func apply() throws {
        guard let program = Installation.onPath("nft") else { throw Complaint("`nft` has gone") }
        let done = try ShortProgram.run(program, [text])
        guard done.status == 0 else { throw Complaint("nft refused the rules of the way out: \(done.complaint)") }
        guard !keepsLoopback else { return }
        // The kernel sends nothing that comes from a loopback address by another device otherwise. Without that device,
        // which earlier versions named as the machine's, the platform does not reach the machine's loopback.
        let setting = open("/proc/sys/net/ipv4/conf/\(WayOutProgram.device)/route_localnet", O_WRONLY | O_CLOEXEC)
        guard setting >= 0 else { return }
        defer { close(setting) }
        guard write(setting, "1", 1) == 1 else {
            throw Complaint("the machine's loopback cannot be reached: \(String(cString: strerror(errno)))")
        }
    }

    /// The platform itself reaches what listens on the machine's loopback (registries, identity providers) as it would
    /// without namespaces; Pods do not.
    ///
    /// Some versions of pasta send segments without a flag, which belong to no connection for the kernel's translation of
    /// addresses; answered, they would end it. And they refuse connections without the flag by which the kernel believes
    /// that, so that whoever connects would wait.
    private var text: String {
        let table = "ip way-out"
        var rules = [
            "add table \(table)", "delete table \(table)", "add table \(table)",
            "add chain \(table) input { type filter hook input priority -10; policy accept; }",
            "add rule \(table) input iifname != lo ct state invalid drop",
            "add chain \(table) arrival { type filter hook prerouting priority -300; policy accept; }",
            "add rule \(table) arrival iifname \(WayOutProgram.device) tcp flags == rst tcp flags set rst | ack",
            "add chain \(table) forward { type filter hook forward priority -10; policy accept; }",
            "add rule \(table) forward ip daddr \(WayOutProgram.gateway) reject with icmp admin-prohibited",
        ]
        if !keepsLoopback {
            let inside = portsInside.map(String.init).joined(separator: ", ")
            rules += [
                "add chain \(table) output { type nat hook output priority -90; policy accept; }",
                "add rule \(table) output ip daddr 127.0.0.0/8 tcp dport != { \(inside) } dnat to \(WayOutProgram.gateway)",
                "add chain \(table) post { type nat hook postrouting priority 90; policy accept; }",
                "add rule \(table) post oifname \(WayOutProgram.device) ip saddr 127.0.0.0/8 masquerade",
            ]
        }
        return rules.joined(separator: "; ")
    }
}
