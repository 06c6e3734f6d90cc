import KubeModel
import Testing

@testable import NodeAgent

@Suite("Network policies")
struct PolicyTests {
    private func pod(_ name: String, _ namespace: String, _ last: UInt32) -> PolicyRules.Pod {
        PolicyRules.Pod(
            name: name, namespace: namespace, labels: ["app": name],
            address: Address4(value: 0x0AF4_0000 + last), ports: ["web": [(protocol: "tcp", number: 8080)]])
    }

    private func rules(_ specs: [JSON], isolates: Bool = false, labels: [String: String] = [:]) throws -> PolicyRules {
        PolicyRules(
            bridge: "mb", gateway: try #require(Address4("10.244.0.1")),
            pods: [pod("a", "one", 2), pod("b", "one", 3), pod("c", "two", 4)],
            namespaces: ["one": labels, "two": labels],
            policies: specs.map { KubeObject(["metadata": ["name": "p", "namespace": "one"], "spec": $0]) },
            isolatesProfiles: isolates)
    }

    private func chain(_ name: String, in text: String) -> [String] {
        let lines = text.split(separator: "\n").map { String($0).trimmed() }
        guard let start = lines.firstIndex(of: "chain \(name) {") else { return [] }
        return Array(lines[(start + 1)...].prefix { $0 != "}" })
    }

    @Test("what no policy selects is left alone")
    func unselected() throws {
        let rules = try rules([["podSelector": ["matchLabels": ["app": "a"]], "ingress": []]])
        #expect(rules.concerns(rules.pods[0]) && !rules.concerns(rules.pods[1]) && !rules.concerns(rules.pods[2]))
        #expect(chain("i-af40002", in: rules.text) == ["ip saddr 10.244.0.2 return", "counter drop"])
        #expect(chain("i-af40003", in: rules.text).isEmpty)
        #expect(!rules.text.contains("e-af40002"))
    }

    @Test(
        "callers from other machines come in by blocks of addresses",
        arguments: [
            ("10.1.2.3", 8080, "tcp", true), ("10.9.2.3", 8080, "tcp", false), ("192.0.2.1", 8080, "tcp", false),
            ("10.1.2.3", 8081, "tcp", false), ("10.1.2.3", 150, "udp", true), ("10.1.2.3", 150, "tcp", false),
        ])
    func outside(caller: String, port: Int, kind: String, isAdmitted: Bool) throws {
        let rules = try rules([
            [
                "podSelector": ["matchLabels": ["app": "a"]],
                "ingress": [
                    [
                        "from": [
                            ["ipBlock": ["cidr": "10.0.0.0/8", "except": ["10.9.0.0/16"]]], ["podSelector": [:]],
                        ], "ports": [["port": "web"], ["port": 100, "endPort": 200, "protocol": "UDP"]],
                    ]
                ],
            ]
        ])
        let address = try #require(Address4(caller))
        func admits(_ pod: PolicyRules.Pod) -> Bool {
            rules.admits(address, to: .init(address: pod.address, port: port), protocol: kind)
        }
        #expect(admits(rules.pods[0]) == isAdmitted)
        #expect(admits(rules.pods[1]), "no policy selects it")
        #expect(!rules.admits(address, to: .init(address: address, port: port), protocol: kind), "no Pod")
    }

    @Test("peers and ports become matches")
    func peers() throws {
        let text = try rules([
            [
                "podSelector": [:], "policyTypes": ["Ingress", "Egress"],
                "ingress": [
                    [
                        "from": [
                            ["ipBlock": ["cidr": "10.0.0.0/8", "except": ["10.9.0.0/16"]]],
                            ["namespaceSelector": [:], "podSelector": ["matchLabels": ["app": "c"]]],
                        ], "ports": [["port": "web"], ["port": 100, "endPort": 200, "protocol": "UDP"]],
                    ]
                ],
                "egress": [
                    ["to": [["podSelector": [:]]], "ports": [["port": "web"]]],
                    ["ports": [["protocol": "UDP"]]],
                ],
            ]
        ]).text
        #expect(
            chain("i-af40002", in: text) == [
                "ip saddr 10.244.0.2 return",
                "ip saddr 10.0.0.0/8 ip saddr != { 10.9.0.0/16 } tcp dport 8080 counter return",
                "ip saddr 10.0.0.0/8 ip saddr != { 10.9.0.0/16 } udp dport 100-200 counter return",
                "ip saddr { 10.244.0.4 } tcp dport 8080 counter return",
                "ip saddr { 10.244.0.4 } udp dport 100-200 counter return", "counter drop",
            ])
        #expect(
            chain("e-af40003", in: text) == [
                "ip daddr 10.244.0.3 return",
                "ip daddr 10.244.0.2 ip daddr { 10.244.0.2, 10.244.0.3 } tcp dport 8080 counter return",
                "ip daddr 10.244.0.3 ip daddr { 10.244.0.2, 10.244.0.3 } tcp dport 8080 counter return",
                "meta l4proto udp counter return", "counter drop",
            ])
    }

    @Test("Profiles are kept apart unless a policy speaks")
    func profiles() throws {
        let labels = [PolicyRules.profileLabel: PolicyRules.profileValue]
        let open: JSON = ["podSelector": ["matchLabels": ["app": "a"]], "ingress": [[:]]]
        let text = try rules([open], isolates: true, labels: labels).text
        #expect(chain("n-two", in: text) == ["ip saddr @in-two return", "ip saddr @profiles counter drop"])
        #expect(text.contains("10.244.0.2 : jump i-af40002, 10.244.0.3 : jump n-one, 10.244.0.4 : jump n-two"))
        #expect(chain("i-af40002", in: text).dropFirst().first == "counter return")
        #expect(!(try rules([], isolates: true).text.contains("jump n-")))
    }

    @Test("a policy without types is one of ingress, and of egress where it has rules for that")
    func types() throws {
        #expect(!(try rules([["podSelector": [:]]]).text.contains("chain e-")))
        #expect(try rules([["podSelector": [:], "egress": [[:]]]]).text.contains("chain e-"))
    }
}

@Suite("Limits of disk")
struct StorageLimitTests {
    private let pod = PodSpec(
        KubeObject([
            "metadata": ["name": "p", "namespace": "n", "uid": "u"],
            "spec": [
                "volumes": [["name": "v", "emptyDir": ["sizeLimit": "1Mi"]], ["name": "w", "emptyDir": [:]]],
                "containers": [["name": "c", "resources": ["limits": ["ephemeral-storage": "2Mi"]]]],
            ],
        ]))

    @Test("what is exceeded is told in a kubelet's words")
    func excess() {
        #expect(PodWorker.excess(.init(volumes: ["v": 1 << 20], containers: ["c": 1 << 20]), of: pod) == nil)
        #expect(
            PodWorker.excess(.init(volumes: ["v": 1 + 1 << 20]), of: pod)
                == "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ")
        #expect(
            PodWorker.excess(.init(volumes: ["w": 3 << 20]), of: pod)
                == "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ")
    }
}

@Suite("gRPC health")
struct GRPCHealthTests {
    @Test("answers are understood")
    func verdicts() {
        #expect(GRPCHealth.verdict([8, 1]) == nil)
        #expect(GRPCHealth.verdict([8, 2]) == "service unhealthy (responded with \"NOT_SERVING\")")
        #expect(GRPCHealth.verdict([]) == "service unhealthy (responded with \"UNKNOWN\")")
    }

    @Test("a request begins with the preface and ends with its message")
    func request() {
        let bytes = GRPCHealth.request(authority: "10.0.0.1:1", service: "my")
        #expect(String(decoding: bytes.prefix(24), as: UTF8.self) == "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        #expect(Array(bytes.suffix(9)) == [0, 0, 0, 0, 4, 0x0A, 2, 0x6D, 0x79])
    }
}
