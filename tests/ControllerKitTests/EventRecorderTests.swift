import Foundation
import KubeClient
import KubeModel
import TestSupport
import Testing

@testable import ControllerKit

@Suite("Event recorder")
struct EventRecorderTests {
    @Test("the same thing said again counts up, another thing is another event")
    func repeats() async throws {
        let cluster = FakeCluster()
        let pod = try await cluster.add(.pods, ["metadata": ["name": "p", "namespace": "team"]])
        let recorder = EventRecorder(client: cluster.client, component: "test")
        await recorder.record("Warning", reason: "Odd", message: "it is odd", about: pod)
        await recorder.record("Warning", reason: "Odd", message: "it is odd", about: pod)
        await EventRecorder(client: cluster.client, component: "test")
            .record("Warning", reason: "Odd", message: "it is odd", about: pod)
        await recorder.record("Normal", reason: "Fine", message: "it is fine", about: pod)
        let events = try await cluster.client.list(.events, namespace: "team").items
        #expect(Set(events.map { "\($0["reason"]?.string ?? "") \($0["count"]?.int ?? 0)" }) == ["Odd 3", "Fine 1"])
        #expect(events.allSatisfy { $0["involvedObject"]?["uid"]?.string == pod.uid })
    }

    @Test("progress is one event whose message changes")
    func progress() async throws {
        let cluster = FakeCluster()
        let pod = try await cluster.add(.pods, ["metadata": ["name": "p", "namespace": "team"]])
        let recorder = EventRecorder(client: cluster.client, component: "test")
        for percent in [0, 50, 100] {
            await recorder.record(
                "Normal", reason: "Pulling", message: "\(percent) %", about: pod, topic: "image")
        }
        await recorder.record("Normal", reason: "Pulling", message: "0 %", about: pod, topic: "another image")
        let events = try await cluster.client.list(.events, namespace: "team").items
        #expect(Set(events.map { "\($0["message"]?.string ?? "") \($0["count"]?.int ?? 0)" }) == ["100 % 1", "0 % 1"])
    }

    @Test("times are written as Kubernetes reads them")
    func times() {
        let date = Date(timeIntervalSince1970: 1_700_000_000.25)
        #expect(KubeTime.seconds(date) == "2023-11-14T22:13:20Z")
        #expect(KubeTime.micro(date) == "2023-11-14T22:13:20.250000Z")
        #expect(KubeTime.date("2023-11-14T22:13:20Z") == Date(timeIntervalSince1970: 1_700_000_000))
        #expect(KubeTime.date("2023-11-14T22:13:20.250000Z") == date)
        #expect(KubeTime.date("yesterday") == nil)
    }

    @Test(
        "addresses are read as flags have them",
        arguments: [(":8080", "0.0.0.0", 8080), ("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:9", "::1", 9)])
    func addresses(text: String, host: String, port: Int) throws {
        let address = try ListenAddress(text)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(throws: ListenAddress.Problem.self) { try ListenAddress("8080") }
    }
}
