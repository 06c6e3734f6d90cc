import KubeModel
import Testing

@testable import ClusterControllers

@Suite("Endpoints")
struct EndpointsPlanTests {
    private func service(_ spec: JSON) -> KubeObject {
        var service = KubeObject(apiVersion: "v1", kind: "Service", name: "svc", namespace: "team")
        service.spec = spec
        return service
    }

    private let http: JSON = ["ports": [["name": "http", "port": 80, "targetPort": 8888, "protocol": "TCP"]]]

    @Test("Pods are ready or not, and those without an address are left out")
    func readiness() throws {
        let pods = [
            makePod("b", isReady: false, address: "10.0.0.2"), makePod("a", address: "10.0.0.1"), makePod("c"),
            makePod("d", phase: "Succeeded", address: "10.0.0.4"),
        ]
        let subsets = try #require(EndpointsPlan(service: service(http), pods: pods).subsets())
        #expect(subsets.count == 1)
        #expect(subsets[0]["addresses"]?.array?.map { $0["ip"] } == ["10.0.0.1"])
        #expect(subsets[0]["notReadyAddresses"]?.array?.map { $0["ip"] } == ["10.0.0.2"])
        #expect(subsets[0]["ports"] == [["name": "http", "port": 8888, "protocol": "TCP"]])
        #expect(subsets[0]["addresses"]?[0]?["targetRef"]?["name"] == "a")
        #expect(subsets[0]["addresses"]?[0]?["nodeName"] == "martlet")
    }

    @Test("publishNotReadyAddresses makes all of them ready, going ones too")
    func publish() {
        var spec = http
        spec["publishNotReadyAddresses"] = true
        let pods = [makePod("a", isReady: false, isBeingDeleted: true, address: "10.0.0.1")]
        #expect(EndpointsPlan(service: service(spec), pods: pods).subsets()?[0]["addresses"]?.array?.count == 1)
        #expect(EndpointsPlan(service: service(http), pods: pods).subsets() == [])
    }

    @Test("named ports are looked up in each Pod, so Pods may differ")
    func namedPorts() throws {
        var (one, two) = (makePod("a", address: "10.0.0.1"), makePod("b", address: "10.0.0.2"))
        one.spec["containers"] = [["name": "m", "ports": [["name": "web", "containerPort": 8080]]]]
        two.spec["containers"] = [["name": "m", "ports": [["name": "web", "containerPort": 9090]]]]
        let spec: JSON = ["ports": [["port": 80, "targetPort": "web"]]]
        let subsets = try #require(EndpointsPlan(service: service(spec), pods: [one, two]).subsets())
        #expect(subsets.map { $0["ports"]?[0]?["port"] } == [8080, 9090])
    }

    @Test("a headless Service has hostnames, and addresses even without ports")
    func headless() throws {
        var pod = makePod("web-0", address: "10.0.0.1")
        pod.spec["hostname"] = "web-0"
        pod.spec["subdomain"] = "svc"
        let subsets = try #require(EndpointsPlan(service: service(["clusterIP": "None"]), pods: [pod]).subsets())
        #expect(subsets[0]["addresses"]?[0]?["hostname"] == "web-0")
        #expect(subsets[0]["ports"] == nil)
    }

    @Test("slices tell ready, serving and terminating apart, hold at most 100, and there is always one")
    func slices() {
        let node = KubeObject(
            apiVersion: "v1", kind: "Node", name: "martlet", labels: ["topology.kubernetes.io/zone": "attic"])
        func slices(_ pods: [KubeObject], _ spec: JSON) -> [EndpointsPlan.Slice] {
            EndpointsPlan(service: service(spec), pods: pods, node: { $0 == node.name ? node : nil }).slices()
        }
        let pods = (1...120).map { makePod("p\($0)", address: "10.0.0.\($0)") }
        #expect(slices(pods, http).map(\.endpoints.count) == [100, 20])
        #expect(slices([], http).count == 1)
        #expect(slices([makePod("lost", address: "10.0.0.1", node: "gone")], http)[0].endpoints.isEmpty)
        let going = makePod("g", isBeingDeleted: true, address: "10.0.1.1")
        let slice = slices([going], http)[0]
        #expect(slice.endpoints[0]["zone"] == "attic")
        #expect(slice.endpoints[0]["conditions"] == ["ready": false, "serving": true, "terminating": true])
    }

    @Test("a Service of two families has slices of both")
    func dualStack() {
        var pod = makePod("a", address: "10.0.0.1")
        pod.status["podIPs"] = [["ip": "10.0.0.1"], ["ip": "fd00::1"]]
        var spec = http
        spec["ipFamilies"] = ["IPv4", "IPv6"]
        spec["publishNotReadyAddresses"] = true
        let slices = EndpointsPlan(service: service(spec), pods: [pod]).slices()
        #expect(slices.map(\.addressType) == ["IPv4", "IPv6"])
        #expect(slices.map { $0.endpoints[0]["addresses"] } == [["10.0.0.1"], ["fd00::1"]])
    }
}
