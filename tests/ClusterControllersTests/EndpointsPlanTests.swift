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
    func readiness() {
        let pods = [
            makePod("b", isReady: false, address: "10.0.0.2"), makePod("a", address: "10.0.0.1"), makePod("c"),
            makePod("d", phase: "Succeeded", address: "10.0.0.4"),
        ]
        let subsets = EndpointsPlan(service: service(http), pods: pods).subsets()
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
        #expect(EndpointsPlan(service: service(spec), pods: pods).subsets()[0]["addresses"]?.array?.count == 1)
        #expect(EndpointsPlan(service: service(http), pods: pods).subsets().isEmpty)
    }

    @Test("named ports are looked up in each Pod, so Pods may differ")
    func namedPorts() {
        var (one, two) = (makePod("a", address: "10.0.0.1"), makePod("b", address: "10.0.0.2"))
        one.spec["containers"] = [["name": "m", "ports": [["name": "web", "containerPort": 8080]]]]
        two.spec["containers"] = [["name": "m", "ports": [["name": "web", "containerPort": 9090]]]]
        let spec: JSON = ["ports": [["port": 80, "targetPort": "web"]]]
        let subsets = EndpointsPlan(service: service(spec), pods: [one, two]).subsets()
        #expect(subsets.map { $0["ports"]?[0]?["port"] } == [8080, 9090])
    }

    @Test("a headless Service has hostnames, and addresses even without ports")
    func headless() {
        var pod = makePod("web-0", address: "10.0.0.1")
        pod.spec["hostname"] = "web-0"
        pod.spec["subdomain"] = "svc"
        let subsets = EndpointsPlan(service: service(["clusterIP": "None"]), pods: [pod]).subsets()
        #expect(subsets[0]["addresses"]?[0]?["hostname"] == "web-0")
        #expect(subsets[0]["ports"] == nil)
    }

    @Test("slices tell ready, serving and terminating apart, hold at most 100, and there is always one")
    func slices() {
        let pods = (1...120).map { makePod("p\($0)", address: "10.0.0.\($0)") }
        #expect(EndpointsPlan(service: service(http), pods: pods).slices().map(\.endpoints.count) == [100, 20])
        #expect(EndpointsPlan(service: service(http), pods: []).slices().count == 1)
        let going = makePod("g", isBeingDeleted: true, address: "10.0.1.1")
        let slice = EndpointsPlan(service: service(http), pods: [going]).slices()[0]
        #expect(slice.endpoints[0]["conditions"] == ["ready": false, "serving": true, "terminating": true])
    }
}
