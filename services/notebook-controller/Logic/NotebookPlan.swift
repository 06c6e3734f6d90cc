import ControllerKit
import KubeModel

/// The objects that run one Notebook, computed from nothing but the Notebook and the settings.
struct NotebookPlan: Sendable {
    /// Present, with any value, on a Notebook that is to stand still.
    static let stopAnnotation = "kubeflow-resource-stopped"
    static let nameLabel = "notebook-name"
    static let rewriteAnnotation = "notebooks.kubeflow.org/http-rewrite-uri"
    static let headersAnnotation = "notebooks.kubeflow.org/http-headers-request-set"
    /// The longest name whose Pods can carry the label with the revision of the StatefulSet.
    static let nameLimit = 52
    static let defaultPort: Int64 = 8888

    let notebook: KubeObject
    let settings: NotebookControllerConfiguration

    var name: String { notebook.name }
    var namespace: String { notebook.namespace ?? "" }
    var isStopped: Bool { notebook.annotations[Self.stopAnnotation] != nil }
    /// Where the server is reached through the gateway, without the slash at the end.
    var prefix: String { "/notebook/\(namespace)/\(name)" }

    /// Why no server can be made for this name, nil when it can.
    var nameProblem: String? {
        if name.utf8.count > Self.nameLimit {
            return "the name of a Notebook may have \(Self.nameLimit) characters, this one has \(name.utf8.count)"
        }
        let isLabel = name.utf8.allSatisfy {
            $0 == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
        }
        let startsWithLetter = name.utf8.first.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) } ?? false
        guard isLabel, startsWithLetter, name.utf8.last != UInt8(ascii: "-") else {
            return "the name of a Notebook must begin with a letter and hold only lower-case letters, digits and "
                + "\"-\", because its Service is named alike"
        }
        return nil
    }

    private var containers: [JSON] {
        notebook.spec.value(at: "template", "spec", "containers")?.array ?? []
    }

    private var port: JSON {
        containers.first?["ports"]?[0]?["containerPort"] ?? .int(Self.defaultPort)
    }

    /// The Pod spec of the Notebook with what every server needs.
    func podSpec() -> JSON {
        var spec = notebook.spec.value(at: "template", "spec") ?? [:]
        var containers = containers
        if var first = containers.first {
            if (first["workingDir"]?.string ?? "").isEmpty { first["workingDir"] = "/home/jovyan" }
            if first["ports"] == nil || first["ports"] == .null {
                first["ports"] = [
                    ["containerPort": .int(Self.defaultPort), "name": "notebook-port", "protocol": "TCP"]
                ]
            }
            var variables = first["env"]?.array ?? []
            if !variables.contains(where: { $0["name"]?.string == "NB_PREFIX" }) {
                variables.append(["name": "NB_PREFIX", "value": .string(prefix)])
            }
            first["env"] = .array(variables)
            containers[0] = first
            spec["containers"] = .array(containers)
        }
        if settings.addsFSGroup, spec["securityContext"] == nil || spec["securityContext"] == .null {
            spec["securityContext"] = ["fsGroup": 100]
        }
        return spec
    }

    func statefulSet() -> KubeObject {
        let podSpec = podSpec()
        var set = KubeObject(
            apiVersion: "apps/v1", kind: "StatefulSet", name: name, namespace: namespace,
            labels: [Self.nameLabel: name], annotations: WorkloadDifference.mark(of: podSpec))
        let own = ["statefulset": name, Self.nameLabel: name]
        let annotations = notebook.annotations.filter { !$0.key.contains("kubectl") && !$0.key.contains("notebook") }
        // Our two labels win: the selector and everything that looks for the Pod depend on them.
        var metadata: JSON = ["labels": JSON(notebook.labels.merging(own) { $1 })]
        if !annotations.isEmpty { metadata["annotations"] = JSON(annotations) }
        set.spec = [
            "replicas": isStopped ? 0 : 1,
            "serviceName": .string(name),
            "selector": ["matchLabels": ["statefulset": .string(name)]],
            "template": ["metadata": metadata, "spec": podSpec],
        ]
        return set.owned(by: notebook)
    }

    /// What is to change in an existing StatefulSet: its labels, annotations, replicas and Pod spec, and nothing else.
    func change(of existing: KubeObject) -> JSON? {
        WorkloadDifference.patch(from: existing, to: statefulSet(), podLabels: false)
    }

    func service() -> KubeObject {
        var service = KubeObject(
            apiVersion: "v1", kind: "Service", name: name, namespace: namespace, labels: [Self.nameLabel: name])
        service.spec = [
            "type": "ClusterIP",
            "selector": ["statefulset": .string(name)],
            "ports": [
                ["name": .string("http-\(name)"), "protocol": "TCP", "port": 80, "targetPort": port]
            ],
        ]
        return service.owned(by: notebook)
    }

    /// The route of the mesh's gateway to the server.
    func virtualService(_ type: ResourceType) -> KubeObject {
        let path = prefix + "/"
        var headers = JSONObject()
        if let text = notebook.annotations[Self.headersAnnotation], let json = try? JSON(parsing: text) {
            // Anything but an object of strings says nothing that a header could be.
            headers = JSON(json.stringMap ?? [:]).object ?? headers
        }
        let route = MeshRoute(
            name: "notebook-\(namespace)-\(name)", path: path,
            rewrite: notebook.annotations[Self.rewriteAnnotation].flatMap { $0.isEmpty ? nil : $0 } ?? path,
            service: name, headers: headers)
        return route.virtualService(type, of: notebook, settings)
    }
}
