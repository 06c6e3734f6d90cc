import Foundation
import KubeModel
import Testing

@testable import NodeAgent

@Suite("Network")
struct NetworkTests {
    @Test("networks and addresses")
    func networks() throws {
        let network = try #require(Network4("10.244.7.9/24"))
        #expect(network.description == "10.244.7.0/24")
        #expect(network.gateway.description == "10.244.7.1")
        #expect(network.contains(try #require(Address4("10.244.7.255"))))
        #expect(!network.contains(try #require(Address4("10.244.8.1"))))
        #expect(network.bridgeName.count <= 15)
        #expect(network.bridgeHardwareAddress == "02:6d:0a:f4:07:01")
        #expect(network.bridgeName != Network4("10.244.8.0/24")?.bridgeName)
        #expect(Address4("256.1.1.1") == nil && Address4("1.2.3") == nil && Network4("10.0.0.0") == nil)
        #expect(StableName.short("6f1f1b0e-0000").count == 13)
    }

    @Test("addresses are given once, and again only after all others")
    func pool() throws {
        var pool = AddressPool(try #require(Network4("10.1.0.0/29")))
        pool.reserve(try #require(Address4("10.1.0.3")))
        var given: [String] = []
        while let address = pool.take() { given.append(address.description) }
        #expect(given == ["10.1.0.2", "10.1.0.4", "10.1.0.5", "10.1.0.6"])
        pool.giveBack(try #require(Address4("10.1.0.4")))
        #expect(pool.take()?.description == "10.1.0.4")
    }

    private func table() -> ServiceTable {
        let web = KubeObject([
            "metadata": ["name": "web", "namespace": "team"],
            "spec": ["clusterIP": "10.96.0.9", "ports": [["name": "http", "port": 80, "protocol": "TCP"]]],
        ])
        let set = KubeObject([
            "metadata": ["name": "set", "namespace": "team"],
            "spec": ["clusterIP": "None", "ports": [["name": "peer", "port": 7000]]],
        ])
        let outside = KubeObject([
            "metadata": ["name": "out", "namespace": "team"],
            "spec": ["type": "ExternalName", "externalName": "example.com"],
        ])
        func slice(_ service: String, _ port: String, _ number: Int64, _ endpoints: JSON) -> KubeObject {
            KubeObject([
                "metadata": [
                    "name": "s", "namespace": "team", "labels": ["kubernetes.io/service-name": .string(service)],
                ],
                "addressType": "IPv4", "endpoints": endpoints,
                "ports": [["name": .string(port), "port": .int(number)]],
            ])
        }
        let slices = [
            slice(
                "web", "http", 8888,
                [
                    ["addresses": ["10.244.0.5"], "conditions": ["ready": true]],
                    ["addresses": ["10.244.0.6"], "conditions": ["ready": false]],
                ]),
            slice("set", "peer", 7000, [["addresses": ["10.244.0.7"], "hostname": "set-0"]]),
        ]
        return ServiceTable(services: [web, set, outside], slices: slices, endpoints: [])
    }

    @Test("only ready endpoints get connections")
    func backends() {
        let entry = table().entries[0]
        #expect(entry.ports[0].backends.map(\.address.description) == ["10.244.0.5"])
        #expect(entry.ports[0].backends.map(\.port) == [8888])
    }

    @Test("service variables follow the docker link names")
    func variables() {
        let values = Dictionary(
            uniqueKeysWithValues: table().variables(namespace: "team", withLinks: true).map { ($0.name, $0.value) })
        #expect(values["WEB_SERVICE_HOST"] == "10.96.0.9")
        #expect(values["WEB_SERVICE_PORT_HTTP"] == "80")
        #expect(values["WEB_PORT_80_TCP"] == "tcp://10.96.0.9:80")
        #expect(table().variables(namespace: "other", withLinks: true).isEmpty)
    }

    @Test("rules name each service once and leave out those without endpoints")
    func rules() throws {
        let address = try #require(Address4("10.96.0.9"))
        let one = ServiceRules.Backend(address: try #require(Address4("10.244.0.5")), port: 1)
        let two = ServiceRules.Backend(address: try #require(Address4("10.244.0.6")), port: 2)
        let text = ServiceRules.services(
            bridge: "b",
            [
                .init(address: address, protocol: "tcp", port: 80, backends: [two, one]),
                .init(address: address, protocol: "udp", port: 53, backends: []),
            ])
        #expect(text.contains("dnat ip to numgen random mod 2 map { 0 : 10.244.0.5 . 1, 1 : 10.244.0.6 . 2 }"))
        #expect(text.contains("10.96.0.9 . tcp . 80 : goto"))
        #expect(!text.contains("udp"))
    }

    @Test("node ports lead where their services do, and refuse datagrams without endpoints")
    func nodePorts() throws {
        let address = try #require(Address4("10.96.0.9"))
        let pod = ServiceRules.Backend(address: try #require(Address4("10.244.0.5")), port: 1)
        func target(_ kind: String, _ port: Int, _ backends: [ServiceRules.Backend]) -> ServiceRules.Target {
            .init(
                address: address, protocol: kind, port: port, backends: backends,
                nodePort: NodePort(protocol: kind, number: 30_000 + port))
        }
        let served = [target("tcp", 80, [pod]), target("udp", 53, [pod])]
        let text = ServiceRules.services(bridge: "b", served)
        #expect(text.contains("flush map ip martlet-b nodeports\nflush set ip martlet-b lonelyports\n"))
        #expect(
            text.contains(
                "nodeports { udp . 30053 : goto sa600009-udp-53, tcp . 30080 : goto sa600009-tcp-80 }"))
        #expect(!text.contains("add element ip martlet-b lonelyports"))
        let lonely = [target("tcp", 80, []), target("udp", 53, [])]
        let empty = ServiceRules.services(bridge: "b", lonely)
        #expect(empty.contains("add element ip martlet-b lonelyports { 30053 }"))
        #expect(!empty.contains("add element ip martlet-b nodeports"))
        // Conversations with the node port end as those with the cluster's address do.
        let ended = ServiceRules.ended(before: served, now: lonely)
        #expect(ended.map(\.mailbox) == [.init(address: address, port: 53), .init(address: nil, port: 30_053)])
        #expect(ended.map(\.backend) == [pod.address, pod.address])
    }

    @Test(
        "services have node ports by their type",
        arguments: [("NodePort", true), ("LoadBalancer", true), ("ClusterIP", false)])
    func typesWithNodePorts(type: String, has: Bool) {
        let service = KubeObject([
            "metadata": ["name": "web", "namespace": "team"],
            "spec": [
                "type": .string(type), "clusterIP": "10.96.0.9",
                "ports": [
                    ["name": "a", "port": 80, "protocol": "UDP", "nodePort": 30080],
                    ["name": "b", "port": 81, "protocol": "SCTP", "nodePort": 30081], ["name": "c", "port": 82],
                ],
            ],
        ])
        let ports = ServiceTable(services: [service], slices: [], endpoints: []).entries[0].ports
        #expect(ports.map(\.nodePort) == [has ? NodePort(protocol: "udp", number: 30080) : nil, nil, nil])
    }

    @Test("a caller keeps its endpoint for the time that the service says, and while it is there")
    func choices() throws {
        let caller = try #require(Address4("192.0.2.1"))
        let backends = (0..<50).map { ServiceRules.Backend(address: Address4(value: 0x0AF4_0002 + $0), port: 1) }
        let choice = BackendChoice(backends, affinitySeconds: 60)
        let start = ContinuousClock.now
        let first = try #require(choice.choose(for: caller, now: start))
        for second in 1...50 {
            #expect(choice.choose(for: caller, now: start.advanced(by: .seconds(second * 50))) == first)
        }
        let rest = backends.filter { $0 != first }
        choice.set(rest, affinitySeconds: 60)
        let other = try #require(choice.choose(for: caller, now: start))
        #expect(rest.contains(other) && !choice.contains(first))
        choice.set([other, first], affinitySeconds: 60)
        #expect(choice.choose(for: caller, now: start) == other)
        choice.set([first], affinitySeconds: 0)
        #expect(choice.choose(for: caller) == first)
        choice.set([], affinitySeconds: 0)
        #expect(choice.choose(for: caller) == nil)
    }

    @Test("held ports are nobody else's until they are let go of", arguments: ["tcp", "udp"])
    func heldPorts(kind: String) throws {
        var (held, others) = (HeldPorts(), HeldPorts())
        defer {
            held.keep([])
            others.keep([])
        }
        func take() -> (port: NodePort, error: Int32) {
            let port = NodePort(protocol: kind, number: Int.random(in: 30_000...32_767))
            return (port, held.take(port))
        }
        var taken = take()
        while taken.error == EADDRINUSE { taken = take() }
        let port = taken.port
        #expect(taken.error == 0 && held.holds(port) && held.take(port) == 0)
        #expect(others.take(port) == EADDRINUSE && !others.holds(port))
        held.keep([])
        #expect(!held.holds(port) && others.take(port) == 0)
    }

    @Test("clients of a sticky service are remembered by backend, and forgotten with it")
    func stickiness() throws {
        let address = try #require(Address4("10.96.0.9"))
        let one = ServiceRules.Backend(address: try #require(Address4("10.244.0.5")), port: 1)
        let two = ServiceRules.Backend(address: try #require(Address4("10.244.0.6")), port: 2)
        let before = [
            ServiceRules.Target(
                address: address, protocol: "udp", port: 53, backends: [one, two], affinitySeconds: 60)
        ]
        var now = before
        now[0].backends = [two]
        let text = ServiceRules.services(bridge: "b", before)
        #expect(text.contains("update @sa600009-udp-53-af40005-1 { ip saddr timeout 60s }"))
        let cleaning = ServiceRules.cleaning(bridge: "b", before: before, now: now)
        #expect(
            cleaning.delete
                == "delete chain ip martlet-b sa600009-udp-53-af40005-1\ndelete set ip martlet-b sa600009-udp-53-af40005-1\n"
        )
        let ended = ServiceRules.ended(before: before, now: now)
        #expect(ended.map { $0.backend } == [one.address])
        #expect(ServiceRules.ended(before: [], now: now).map { $0.backend } == [nil])
        #expect(ServiceRules.ended(before: now, now: now).isEmpty)
    }

    private func ask(_ name: String, _ type: UInt16 = DNSType.a) -> ClusterNames.Answer {
        ClusterNames(domain: "cluster.local", table: table()).answer(DNSQuestion(name: name, type: type, class: 1))
    }

    @Test("names of services, pods of stateful sets and ports are answered")
    func names() throws {
        let web = DNSRecord(
            name: "web.team.svc.cluster.local", type: DNSType.a, value: .address(try #require(Address4("10.96.0.9"))))
        #expect(ask("web.team.svc.cluster.local") == .records([web], additional: []))
        #expect(ask("web.team.svc.cluster.local", DNSType.aaaa) == .nothing)
        guard case .records(let records, _) = ask("set-0.set.team.svc.cluster.local") else {
            Issue.record("the pod has no name")
            return
        }
        #expect(records.map(\.value) == [.address(try #require(Address4("10.244.0.7")))])
        guard case .records(let ports, let more) = ask("_peer._tcp.set.team.svc.cluster.local", DNSType.srv) else {
            Issue.record("the port has no name")
            return
        }
        #expect(
            ports.map(\.value)
                == [.service(priority: 0, weight: 100, port: 7000, target: "set-0.set.team.svc.cluster.local")])
        #expect(more.count == 1)
        #expect(ask("out.team.svc.cluster.local") == .alias("example.com"))
    }

    @Test(
        "unknown names of the cluster do not exist, so that search lists go on",
        arguments: [
            "nope.team.svc.cluster.local", "web.other.svc.cluster.local", "example.com.cluster.local",
            "a.b.c.d.svc.cluster.local",
        ])
    func unknown(name: String) {
        #expect(ask(name) == .unknown)
    }

    @Test("other names are asked elsewhere")
    func elsewhere() {
        #expect(ask("index.example") == .elsewhere)
        #expect(ask("9.0.0.8.in-addr.arpa", DNSType.ptr) == .elsewhere)
        guard case .records(let records, _) = ask("9.0.96.10.in-addr.arpa", DNSType.ptr) else {
            Issue.record("the address has no name")
            return
        }
        #expect(records.map(\.value) == [.name("web.team.svc.cluster.local")])
    }

    @Test("messages are read and written")
    func messages() throws {
        let query = DNSMessage.query(id: 7, name: "Web.team.svc.cluster.local", type: DNSType.a)
        #expect(DNSMessage.question(query) == DNSQuestion(name: "web.team.svc.cluster.local", type: 1, class: 1))
        let address = try #require(Address4("10.96.0.9"))
        let records = (0..<3).map { _ in
            DNSRecord(name: "web.team.svc.cluster.local", type: DNSType.a, value: .address(address))
        }
        let answer = DNSMessage.answer(to: query, records: records, exists: true, zone: "cluster.local", limit: 512)
        #expect(answer[..<2] == [0, 7] && answer[2] & 0x80 != 0 && answer[3] & 15 == 0 && answer[7] == 3)
        #expect(DNSMessage.addresses(in: answer) == [address, address, address])
        let cut = DNSMessage.answer(to: query, records: records, exists: true, zone: "cluster.local", limit: 100)
        #expect(cut[2] & 2 != 0 && cut.count <= 100)
        let none = DNSMessage.answer(to: query, records: [], exists: false, zone: "cluster.local", limit: 512)
        #expect(none[3] & 15 == 3 && none[9] == 1)
    }

    @Test(
        "broken queries are no questions",
        arguments: [[], [UInt8](repeating: 0, count: 12), [UInt8](repeating: 0xFF, count: 40)])
    func broken(bytes: [UInt8]) {
        #expect(DNSMessage.question(bytes) == nil)
    }

    @Test("the host's resolvers are those of its resolv.conf")
    func resolvers() {
        #expect(
            HostResolver.servers("# x\nnameserver 10.0.0.2\nsearch a\nnameserver fd00::1\n") == ["10.0.0.2", "fd00::1"])
    }
}
