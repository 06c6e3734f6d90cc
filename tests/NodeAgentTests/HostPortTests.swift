import KubeModel
import Testing

@testable import NodeAgent

@Suite("Ports of the host")
struct HostPortTests {
    private func pod(_ ports: [JSON]) -> PodSpec {
        PodSpec(KubeObject(["spec": ["containers": [["name": "main", "ports": .array(ports)]]]]))
    }

    private func port(_ address: String?, protocol kind: String = "tcp", number: Int = 80, to target: Int = 8080) throws
        -> HostPort
    {
        HostPort(
            protocol: kind, port: number, address: try address.map { try #require(Address4($0)) }, containerPort: target
        )
    }

    @Test(
        "are of all addresses, or of one",
        arguments: [(nil, nil), ("", nil), ("0.0.0.0", nil), ("::", nil), ("127.0.0.1", "127.0.0.1")])
    func addresses(hostIP: String?, address: String?) throws {
        var json: JSON = ["containerPort": 8080, "hostPort": 80]
        json["hostIP"] = hostIP.map(JSON.string)
        #expect(try HostPort.all(of: pod([json])) == [port(address)])
    }

    @Test(
        "of what is no address of a machine are refused in words",
        arguments: ["::1", "fe80::1", "here", "1.2.3", "224.0.0.1", "255.255.255.255"])
    func nonsense(hostIP: String) throws {
        let json: JSON = ["containerPort": 8080, "hostPort": 80, "hostIP": .string(hostIP)]
        let error = try #require(throws: NodeError.self) { try HostPort.all(of: pod([json])) }
        #expect("\(error)".contains("hostIP \"\(hostIP)\" of host port 80 is not an IPv4 address"))
        #expect("\(error)".contains("leave it out"))
    }

    @Test("of one address and of all are one where they lead to the same")
    func covered() throws {
        let ports: [JSON] = [
            ["containerPort": 8080, "hostPort": 80, "hostIP": "127.0.0.1"], ["containerPort": 8080, "hostPort": 80],
            ["containerPort": 9090, "hostPort": 80, "hostIP": "127.0.0.2"],
            ["containerPort": 8080, "hostPort": 80, "protocol": "UDP", "hostIP": "127.0.0.1"],
            ["containerPort": 8080, "hostPort": 81, "protocol": "SCTP"], ["containerPort": 8080, "hostIP": "nowhere"],
        ]
        #expect(
            try HostPort.all(of: pod(ports)) == [
                port(nil), port("127.0.0.2", to: 9090), port("127.0.0.1", protocol: "udp"),
            ])
    }

    @Test("belong to one pod, at all addresses or at each")
    func owners() throws {
        var owners = HostPortOwners()
        func take(_ ports: [HostPort], for pod: String) -> Bool { owners.take(ports, for: pod) }
        func giveBack(_ ports: [HostPort], of pod: String) -> [HostPort] { owners.giveBack(ports, of: pod) }
        let (here, there, all) = (try port("127.0.0.1"), try port("10.0.0.1"), try port(nil))
        #expect(take([here], for: "one"))
        #expect(!take([try port("127.0.0.1", to: 1)], for: "two"), "whatever they lead to")
        #expect(!take([all], for: "two"))
        #expect(take([there], for: "two"))
        #expect(!take([here, try port(nil, to: 1)], for: "one"), "10.0.0.1 is among all")
        #expect(take([try port(nil, protocol: "udp"), try port(nil, number: 81)], for: "three"))
        #expect(giveBack([here, there], of: "one") == [here])
        #expect(!take([all], for: "three"))
        #expect(giveBack([there], of: "two") == [there])
        #expect(take([all], for: "three"))
        #expect(!take([here], for: "one"))
    }

    @Test("become elements of two maps")
    func rules() throws {
        let pod = try #require(Address4("10.244.0.5"))
        let ports = [try port("127.0.0.1"), try port(nil, protocol: "udp"), try port("10.0.0.1")]
        #expect(
            HostPort.rules("add", ports, bridge: "b", to: pod) == """
                add element ip martlet-b hostports { udp . 80 : 10.244.0.5 . 8080 }
                add element ip martlet-b addressports { 127.0.0.1 . tcp . 80 : 10.244.0.5 . 8080, 10.0.0.1 . tcp . 80 : 10.244.0.5 . 8080 }

                """)
        #expect(
            HostPort.rules("delete", [ports[0]], bridge: "b")
                == "delete element ip martlet-b addressports { 127.0.0.1 . tcp . 80 }\n"
        )
    }

    private let tcp = """
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
           0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
           1: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0
           2: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
        """
    private let tcp6 = """
          sl  local_address                         remote_address                        st tx_queue
           0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000
           1: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000
           2: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000
        """
    private let udp = """
           sl  local_address rem_address   st tx_queue rx_queue
          1: 0100007F:0035 00000000:0000 07 00000000:00000000
          2: 0100007F:0044 0100007F:0035 01 00000000:00000000
        """

    @Test("are taken where a program listens")
    func listening() throws {
        #expect(HostSockets.holds(tcp, try port(nil, number: 8080)))
        #expect(!HostSockets.holds(tcp, try port(nil, number: 49_153)))
        #expect(HostSockets.holds(udp, try port(nil, protocol: "udp", number: 53)))
        #expect(!HostSockets.holds(udp, try port(nil, protocol: "udp", number: 68)))
        #expect(!HostSockets.holds("", try port(nil, number: 53)))
    }

    @Test("of one address are taken by programs at that one and at all")
    func listeningElsewhere() throws {
        #expect(HostSockets.holds(tcp, try port("127.0.0.1", number: 8080)))
        #expect(!HostSockets.holds(tcp, try port("127.0.0.2", number: 8080)))
        #expect(HostSockets.holds(tcp, try port("127.0.0.2", number: 8081)))
        #expect(HostSockets.holds(tcp6, try port(nil, number: 8080)))
        #expect(!HostSockets.holds(tcp6, try port("127.0.0.1", number: 8080)), "::1 is another one")
        #expect(HostSockets.holds(tcp6, try port("127.0.0.1", number: 8081)))
        #expect(HostSockets.holds(tcp6, try port("127.0.0.1", number: 8082)))
        #expect(!HostSockets.holds(tcp6, try port("127.0.0.2", number: 8082)))
    }

    @Test("need an address that the machine has")
    func machines() throws {
        #expect(HostSockets.canBind(try #require(Address4("127.1.2.3"))))
        #expect(!HostSockets.canBind(try #require(Address4("192.0.2.9"))))
    }
}
