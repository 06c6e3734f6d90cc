import KubeModel
import Testing

@testable import NodeAgent

/// A Pod with one container, changed as a test needs it.
func makePod(_ change: (inout JSON) -> Void = { _ in }) -> PodSpec {
    var json: JSON = [
        "apiVersion": "v1", "kind": "Pod",
        "metadata": ["name": "web-0", "namespace": "team", "uid": "u1", "labels": ["app": "web"]],
        "spec": ["containers": [["name": "main", "image": "python:3.11"]]],
    ]
    change(&json)
    return PodSpec(KubeObject(json))
}

let someFacts = DownwardAPI.Facts(
    podAddress: "10.244.0.7", hostAddress: "10.244.0.1", nodeName: "martlet", nodeCPU: 4, nodeMemory: 8e9)

@Suite("Pod spec")
struct PodSpecTests {
    @Test(
        "variables are expanded as Kubernetes does",
        arguments: [
            ("$(A)-$(B)", "1-2"), ("$$(A)", "$(A)"), ("$(C)", "$(C)"), ("$A", "$A"), ("$(A", "$(A"), ("$$$(A)", "$1"),
            ("$", "$"),
        ])
    func expansion(text: String, expected: String) {
        #expect(VariableExpansion.expand(text, ["A": "1", "B": "2"]) == expected)
    }

    @Test(
        "quality of service follows from requests and limits",
        arguments: [
            (JSON.object([:]), "BestEffort"),
            (["requests": ["cpu": "1"]], "Burstable"),
            (["limits": ["cpu": "1", "memory": "1Gi"]], "Guaranteed"),
            (["limits": ["cpu": "1", "memory": "1Gi"], "requests": ["cpu": "500m"]], "Burstable"),
        ] as [(JSON, String)])
    func quality(resources: JSON, expected: String) {
        let pod = makePod {
            $0.set([["name": "main", "image": "python", "resources": resources]], at: "spec", "containers")
        }
        #expect(pod.qualityOfService == expected)
    }

    @Test("what the node does not offer is refused in words", arguments: ["hostNetwork", "hostPID", "hostIPC"])
    func refusal(field: String) {
        let pod = makePod { $0.set(true, at: "spec", field) }
        #expect(pod.refusal(allowsHostPath: false)?.contains(field) == true)
        #expect(makePod().refusal(allowsHostPath: false) == nil)
    }

    @Test("hostPath is refused unless it is allowed")
    func hostPath() {
        let pod = makePod { $0.set([["name": "h", "hostPath": ["path": "/etc"]]], at: "spec", "volumes") }
        #expect(pod.refusal(allowsHostPath: false)?.contains("--allow-host-path") == true)
        #expect(pod.refusal(allowsHostPath: true) == nil)
    }

    @Test("variables come from values, fields, resources, ConfigMaps and Secrets")
    func variables() throws {
        let pod = makePod {
            $0.set(
                [
                    [
                        "name": "main", "image": "python",
                        "resources": ["limits": ["memory": "64Mi", "cpu": "250m"]],
                        "envFrom": [
                            ["prefix": "P_", "configMapRef": ["name": "c"]],
                            ["secretRef": ["name": "none", "optional": true]],
                        ],
                        "env": [
                            ["name": "A", "value": "x"], ["name": "B", "value": "$(A)-$(P_K)-$(later)"],
                            ["name": "IP", "valueFrom": ["fieldRef": ["fieldPath": "status.podIP"]]],
                            ["name": "L", "valueFrom": ["fieldRef": ["fieldPath": "metadata.labels['app']"]]],
                            [
                                "name": "M",
                                "valueFrom": ["resourceFieldRef": ["resource": "limits.memory", "divisor": "1Mi"]],
                            ],
                            ["name": "C", "valueFrom": ["resourceFieldRef": ["resource": "limits.cpu"]]],
                            ["name": "S", "valueFrom": ["secretKeyRef": ["name": "s", "key": "k"]]],
                        ],
                    ]
                ], at: "spec", "containers")
        }
        let builder = ContainerVariables(
            pod: pod, container: pod.main[0], facts: someFacts, services: [("WEB_SERVICE_HOST", "10.96.0.9")],
            configMap: { $0 == "c" ? KubeObject(["data": ["K": "v"]]) : nil },
            secret: { $0 == "s" ? KubeObject(["data": ["k": "aGk="]]) : nil })
        let values = Dictionary(uniqueKeysWithValues: try builder.build().map { ($0.name, $0.value) })
        #expect(values["P_K"] == "v")
        #expect(values["B"] == "x-v-$(later)")
        #expect(values["IP"] == "10.244.0.7")
        #expect(values["L"] == "web")
        #expect(values["M"] == "64")
        #expect(values["C"] == "1")
        #expect(values["S"] == "hi")
        #expect(values["WEB_SERVICE_HOST"] == "10.96.0.9")
    }

    @Test("a missing key is an error that names it")
    func missingKey() {
        let pod = makePod {
            $0.set(
                [
                    [
                        "name": "main", "image": "python",
                        "env": [["name": "S", "valueFrom": ["secretKeyRef": ["name": "s", "key": "k"]]]],
                    ]
                ], at: "spec", "containers")
        }
        let builder = ContainerVariables(
            pod: pod, container: pod.main[0], facts: someFacts, services: [], configMap: { _ in nil },
            secret: { _ in nil })
        #expect(throws: ContainerConfigError("secret \"s\" not found")) { try builder.build() }
    }

    @Test("quantities", arguments: [("500m", 0.5), ("1Gi", 1_073_741_824), ("1e3", 1000), ("2k", 2000), ("3", 3)])
    func quantities(text: String, value: Double) {
        #expect(ResourceQuantity.value(text) == value)
        #expect(ResourceQuantity.value("abc") == nil)
    }

    @Test("amounts that no machine has are the most there can be")
    func endlessAmounts() {
        #expect(ResourceQuantity.whole(9.3e18) == .max)
        #expect(ResourceQuantity.whole(-1e300) == .min)
        #expect(ResourceQuantity.whole(.nan) == 0)
        #expect(ResourceQuantity.whole(1.5) == 2)
        #expect(ResourceQuantity.divided(1e30, by: "1") == .max)
        let shortage = DiskShortage(total: 1 << 30, available: 0)
        let greedy = DiskShortage.Candidate(used: 1, exceeds: false, priority: 0, container: "a", requested: 1e30)
        #expect(shortage?.message(greedy).contains("Container a was using 1") == true)
        let resources = ContainerBundle.resources(
            cpuRequest: 1e30, cpuLimit: 1e17, memoryLimit: 9_223_372_036_854_775_808)
        #expect(resources["memory"]?["limit"]?.int == .max)
        #expect(resources["cpu"]?["quota"]?.int == 100_000_000_000)
    }

    @Test("hosts and resolv.conf name the pod, its subdomain and the cluster's search list")
    func etc() throws {
        let pod = makePod {
            $0.set("web", at: "spec", "subdomain")
            $0.set([["name": "ndots", "value": "2"]], at: "spec", "dnsConfig", "options")
        }
        let address = try #require(Address4("10.244.0.7"))
        let hosts = PodEtc.hosts(pod, address: address, domain: "cluster.local")
        #expect(hosts.contains("10.244.0.7\tweb-0.web.team.svc.cluster.local\tweb-0\n"))
        let resolver = PodEtc.resolver(
            pod, server: try #require(Address4("10.244.0.1")), domain: "cluster.local", host: "search example.com\n")
        #expect(
            resolver
                == "nameserver 10.244.0.1\nsearch team.svc.cluster.local svc.cluster.local cluster.local example.com\noptions ndots:2\n"
        )
    }
}
