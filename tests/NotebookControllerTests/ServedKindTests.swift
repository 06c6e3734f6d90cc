import KubeModel
import Testing

@testable import NotebookController

@Suite("What serves Tensorboards and PVCViewers")
struct ServedKindTests {
    private let settings = NotebookControllerConfiguration()

    private func tensorboard(_ logspath: String, name: String = "runs") -> KubeObject {
        var board = KubeObject(
            apiVersion: "tensorboard.kubeflow.org/v1alpha1", kind: "Tensorboard", name: name, namespace: "team",
            labels: ["add-keys": "true", "tensorboard-name": "other"])
        board.json.set("t-1", at: "metadata", "uid")
        board.spec = ["logspath": .string(logspath)]
        return board
    }

    private func viewer(_ spec: JSON, name: String = "data") -> KubeObject {
        var viewer = KubeObject(
            apiVersion: "kubeflow.org/v1alpha1", kind: "PVCViewer", name: name, namespace: "team")
        viewer.json.set("v-1", at: "metadata", "uid")
        viewer.spec = spec
        return viewer
    }

    private func problem(_ body: () throws(PlanProblem) -> Void) -> PlanProblem? {
        do { try body() } catch { return error }
        return nil
    }

    // MARK: Tensorboards

    @Test(
        "where logs are",
        arguments: [
            ("pvc://logs/a/b", LogLocation.claim("logs", subPath: "a/b")), ("pvc://logs", .claim("logs", subPath: "")),
            ("pvc://logs//./a/", .claim("logs", subPath: "a")), ("s3://bucket/run", .remote("s3://bucket/run")),
            ("gs://bucket", .google("gs://bucket")), ("/cns/x", .remote("/cns/x")),
            ("/data/logs", .folder("/data/logs")),
        ])
    func places(text: String, place: LogLocation) throws { #expect(try LogLocation(text) == place) }

    @Test(
        "paths that lead elsewhere or nowhere are refused, and it is said what to write",
        arguments: [
            "", "logs", "/", "/a/../b", "/a:b", "pvc://", "pvc:///a", "pvc://Logs/a", "pvc://logs/../other",
            "pvc://logs/a/../../b", "s3://", "s3:///a", "gs://", "http://example.com/a", "file:///etc",
            "pvc://logs/a\nb", String(repeating: "a", count: 1025),
        ])
    func refusedPaths(text: String) throws {
        let found = problem { () throws(PlanProblem) in _ = try LogLocation(text) }
        #expect(found?.reason == "InvalidLogspath" && found?.message.hasPrefix("spec.logspath") ?? false)
    }

    @Test("a Tensorboard reads a folder of a claim, and can write nothing there")
    func claim() throws {
        let plan = try TensorboardKind().plan(for: tensorboard("pvc://logs/a"), settings)
        let deployment = plan.deployment()
        let template = deployment.spec["template"]
        let pod = template?["spec"]
        #expect(deployment.name == "runs" && deployment.spec["replicas"] == 1)
        #expect(deployment.controller?.uid == "t-1")
        #expect(deployment.spec["selector"]?["matchLabels"] == ["tensorboard-name": "runs"])
        #expect(
            template?["metadata"]?["labels"] == [
                "add-keys": "true", "app": "runs", "martlet.dev/workspace": "tensorboard", "tensorboard-name": "runs",
            ])
        #expect(pod?["containers"]?[0]?["args"] == ["--logdir=/tensorboard_logs/", "--bind_all"])
        #expect(
            pod?["containers"]?[0]?["volumeMounts"] == [
                ["name": "logs", "mountPath": "/tensorboard_logs/", "readOnly": true, "subPath": "a"]
            ])
        #expect(
            pod?["volumes"] == [["name": "logs", "persistentVolumeClaim": ["claimName": "logs"]]])
        #expect(pod?["automountServiceAccountToken"] == false)
        #expect(plan.service()?.spec["ports"]?[0]?["name"] == "http-runs")
        #expect(plan.route?.path == "/tensorboard/team/runs/" && plan.route?.rewrite == "/")
    }

    @Test("what looks like a variable in a path is not one")
    func variables() throws {
        let plan = try TensorboardKind().plan(for: tensorboard("s3://b/$(SECRET)"), settings)
        #expect(plan.podSpec["containers"]?[0]?["args"]?[0] == "--logdir=s3://b/$$(SECRET)")
    }

    @Test(
        "names that a Service cannot have are refused", arguments: ["2runs", "a.b", String(repeating: "a", count: 59)])
    func names(name: String) {
        let found = problem { () throws(PlanProblem) in
            _ = try TensorboardKind().plan(for: tensorboard("s3://b", name: name), settings)
        }
        #expect(found?.reason == "InvalidName")
    }

    // MARK: Viewers

    @Test("a viewer that says nothing gets a file browser below its path")
    func fileBrowser() throws {
        let plan = try ViewerKind().plan(for: viewer(["pvc": "data"]), settings)
        let container = plan.podSpec["containers"]?[0]
        #expect(plan.deployment().name == "pvcviewer-data")
        #expect(plan.deployment().spec["strategy"] == ["type": "Recreate"])
        #expect(plan.selector["app.kubernetes.io/part-of"] == "pvc-viewer")
        let variables = (container?["env"]?.array ?? []).map {
            "\($0["name"]?.string ?? "")=\($0["value"]?.string ?? "")"
        }
        #expect(variables.contains("FB_BASEURL=/pvcviewers/team/data/") && variables.contains("FB_NOAUTH=true"))
        #expect(plan.podSpec["volumes"]?[0]?["persistentVolumeClaim"]?["claimName"] == "data")
        #expect(plan.service()?.spec["ports"]?[0]?["targetPort"] == 8080)
        #expect(plan.route?.path == "/pvcviewers/team/data/" && plan.route?.rewrite == "/pvcviewers/team/data/")
    }

    @Test(
        "no prefix and no rewrite leads a viewer's path elsewhere",
        arguments: ["/pipeline", "/", "/kfam/", "/notebook/other/lab", "dex", "/pvcviewers/other"])
    func shadowing(prefix: String) throws {
        let object = viewer(["pvc": "data", "networking": ["basePrefix": .string(prefix), "rewrite": "/../x"]])
        let plan = try ViewerKind().plan(for: object, settings)
        #expect(plan.route?.path == "/pvcviewers/team/data/" && plan.route?.rewrite == "/pvcviewers/team/data/")
        #expect(ViewerKind.ignored(in: object)?.contains("basePrefix is not used") ?? false)
    }

    private func own(_ more: JSON = [:], networking: JSON = ["targetPort": "web", "rewrite": "/app"]) -> JSON {
        var container: JSON = [
            "name": "x", "image": "y", "volumeMounts": [["name": "viewer-volume", "mountPath": "/d"]],
        ]
        for (key, value) in more.object ?? [:] { container[key] = value }
        return ["pvc": "data", "podSpec": ["containers": [container]], "networking": networking]
    }

    @Test("a Pod of somebody's own gets the claim, and requests as it wants them")
    func ownPod() throws {
        let plan = try ViewerKind().plan(for: viewer(own()), settings)
        #expect(
            plan.podSpec["volumes"] == [
                ["name": "viewer-volume", "persistentVolumeClaim": ["claimName": "data"]]
            ])
        #expect(plan.podSpec["securityContext"] == ["fsGroup": 100])
        #expect(plan.service()?.spec["ports"]?[0]?["targetPort"] == "web")
        #expect(plan.route?.rewrite == "/app/")
    }

    @Test("a server that is told its path gets the whole path")
    func toldPath() throws {
        let told = own(["env": [["name": "FB_BASEURL", "value": "/pvcviewers/team/data/"]]])
        #expect(try ViewerKind().plan(for: viewer(told), settings).route?.rewrite == "/pvcviewers/team/data/")
    }

    @Test("without a port there is a Pod, and no way to it")
    func noPort() throws {
        let plan = try ViewerKind().plan(for: viewer(own(networking: [:])), settings)
        #expect(plan.service() == nil && plan.route == nil)
        #expect(ViewerKind().status(conditions: [], readyReplicas: 1, plan: plan) == ["conditions": [], "ready": true])
    }

    @Test("what cannot show the claim is refused")
    func refusedViewers() {
        let cases: [(JSON, String)] = [
            (["pvc": "Data"], "InvalidClaim"), (own(["volumeMounts": []]), "ClaimNotMounted"),
            (own(networking: ["targetPort": 0]), "InvalidPort"),
            (own(networking: ["targetPort": "No!"]), "InvalidPort"),
        ]
        for (spec, reason) in cases {
            let found = problem { () throws(PlanProblem) in _ = try ViewerKind().plan(for: viewer(spec), settings) }
            #expect(found?.reason == reason)
        }
        let long = problem { () throws(PlanProblem) in
            _ = try ViewerKind().plan(for: viewer(["pvc": "d"], name: String(repeating: "a", count: 54)), settings)
        }
        #expect(long?.reason == "InvalidName")
    }
}
