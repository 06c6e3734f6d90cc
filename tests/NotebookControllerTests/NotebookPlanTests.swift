import KubeModel
import Testing

@testable import NotebookController

@Suite("Notebook plan")
struct NotebookPlanTests {
    static func notebook(
        _ name: String = "lab", annotations: [String: String] = [:], labels: [String: String] = [:],
        container: JSON = ["name": "lab", "image": "jupyter"], spec: JSON = [:]
    ) -> KubeObject {
        var notebook = KubeObject(
            apiVersion: "kubeflow.org/v1", kind: "Notebook", name: name, namespace: "team", labels: labels,
            annotations: annotations)
        notebook.json.set("n-1", at: "metadata", "uid")
        notebook.json.set("2024-05-01T10:00:00Z", at: "metadata", "creationTimestamp")
        var podSpec = spec
        podSpec["containers"] = [container]
        notebook.spec = ["template": ["spec": podSpec]]
        return notebook
    }

    private func plan(_ notebook: KubeObject) -> NotebookPlan { NotebookPlan(notebook: notebook, settings: .init()) }

    @Test("replicas follow the stop annotation, whatever its value", arguments: [nil, "", "2024-05-01T10:00:00Z"])
    func replicas(stop: String?) {
        let annotations = stop.map { [NotebookPlan.stopAnnotation: $0] } ?? [:]
        #expect(plan(Self.notebook(annotations: annotations)).statefulSet().spec["replicas"] == (stop == nil ? 1 : 0))
    }

    @Test("the first container gets what a server needs, where nothing was said")
    func defaults() {
        let spec = plan(Self.notebook()).podSpec()
        let container = spec["containers"]?[0]
        #expect(container?["workingDir"] == "/home/jovyan")
        #expect(container?["ports"] == [["containerPort": 8888, "name": "notebook-port", "protocol": "TCP"]])
        #expect(container?["env"] == [["name": "NB_PREFIX", "value": "/notebook/team/lab"]])
        #expect(spec["securityContext"] == ["fsGroup": 100])
    }

    @Test("what a user said is kept")
    func kept() {
        let container: JSON = [
            "name": "lab", "image": "x", "workingDir": "/data", "ports": [["containerPort": 80]],
            "env": [["name": "NB_PREFIX", "value": "/mine"]],
        ]
        let plan = plan(Self.notebook(container: container, spec: ["securityContext": [:], "nodeName": "n"]))
        #expect(plan.podSpec()["containers"] == [container])
        #expect(plan.podSpec()["securityContext"] == [:])
        #expect(plan.podSpec()["nodeName"] == "n")
        #expect(plan.service().spec["ports"]?[0]?["targetPort"] == 80)
    }

    @Test("labels go to the Pod without taking ours over; annotations only where they are no tool's")
    func metadata() {
        let notebook = Self.notebook(
            annotations: ["a": "1", "notebooks.kubeflow.org/x": "2", "kubectl.kubernetes.io/y": "3"],
            labels: ["app": "lab", "statefulset": "other"])
        let set = plan(notebook).statefulSet()
        let metadata = set.json.value(at: "spec", "template", "metadata")
        #expect(
            metadata?["labels"]?.stringMap == ["app": "lab", "statefulset": "lab", NotebookPlan.nameLabel: "lab"])
        #expect(metadata?["annotations"]?.stringMap == ["a": "1"])
        #expect(set.controller?.uid == "n-1")
    }

    @Test("an unchanged set, with what the server filled in, is left alone")
    func unchanged() {
        let plan = plan(Self.notebook())
        var existing = plan.statefulSet()
        existing.json.set("Always", at: "spec", "template", "spec", "restartPolicy")
        existing.json.set("x", at: "metadata", "labels", "theirs")
        #expect(plan.change(of: existing) == nil)
    }

    @Test("what was taken out of the Pod spec is taken out of the set")
    func removal() {
        let before = Self.notebook(
            container: ["name": "lab", "image": "x", "resources": ["limits": ["cpu": "1", "memory": "1Gi"]]])
        let after = Self.notebook(container: ["name": "lab", "image": "x", "resources": ["limits": ["cpu": "1"]]])
        let patch = plan(after).change(of: plan(before).statefulSet())
        let containers = patch?.value(at: "spec", "template", "spec", "containers")
        #expect(containers?[0]?["resources"] == ["limits": ["cpu": "1"]])
        #expect(patch?.value(at: "spec", "replicas") == nil)
    }

    @Test("stopping changes the replicas and nothing else")
    func stopping() {
        let set = plan(Self.notebook()).statefulSet()
        let stopped = Self.notebook(annotations: [NotebookPlan.stopAnnotation: "now"])
        #expect(plan(stopped).change(of: set) == ["spec": ["replicas": 0]])
    }

    @Test(
        "names that cannot become Pods or Services are refused",
        arguments: [
            (String(repeating: "a", count: 52), true), (String(repeating: "a", count: 53), false), ("a.b", false),
            ("1lab", false), ("lab-", false), ("lab-1", true),
        ])
    func names(name: String, isFine: Bool) {
        #expect((plan(Self.notebook(name)).nameProblem == nil) == isFine)
    }

    @Test("the route rewrites and sets headers as the annotations say, and survives what is no JSON")
    func route() {
        let notebook = Self.notebook(annotations: [
            NotebookPlan.rewriteAnnotation: "/", NotebookPlan.headersAnnotation: #"{"X-Root":"/notebook/team/lab/"}"#,
        ])
        let http = plan(notebook).virtualService(.virtualServices).spec["http"]?[0]
        #expect(http?["match"] == [["uri": ["prefix": "/notebook/team/lab/"]]])
        #expect(http?["rewrite"] == ["uri": "/"])
        #expect(http?["headers"] == ["request": ["set": ["X-Root": "/notebook/team/lab/"]]])
        #expect(http?["route"]?[0]?["destination"]?["host"] == "lab.team.svc.cluster.local")
        let odd = Self.notebook(annotations: [NotebookPlan.headersAnnotation: "{"])
        let plain = plan(odd).virtualService(.virtualServices).spec["http"]?[0]
        #expect(plain?["rewrite"] == ["uri": "/notebook/team/lab/"])
        #expect(plain?["headers"] == ["request": ["set": [:]]])
    }

    @Test("settings are those of Kubeflow's manifests")
    func settings() {
        let settings = NotebookControllerConfiguration(environment: [
            "USE_ISTIO": "false", "ISTIO_HOST": "", "CLUSTER_DOMAIN": "example", "ADD_FSGROUP": "false",
        ])
        #expect(settings.usesIstio == false)
        #expect(settings.istioHost == "*")
        let plan = NotebookPlan(notebook: Self.notebook(), settings: settings)
        #expect(plan.podSpec()["securityContext"] == nil)
    }
}
