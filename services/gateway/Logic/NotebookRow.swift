import KubeModel

/// Rows of the lists, as the page's routes and its stream give them.
enum NotebookRow {
    static func json(_ notebook: KubeObject, events: [KubeObject]) -> JSON {
        let container = container(of: notebook)
        let image = container["image"]?.string ?? ""
        var row: JSON = [
            "name": .string(notebook.name), "namespace": .string(notebook.namespace ?? ""),
            "serverType": notebook.annotations["notebooks.kubeflow.org/server-type"].map(JSON.string) ?? .null,
            "age": .string(notebook.creationTimestamp),
            "last_activity": notebook.annotations["notebooks.kubeflow.org/last-activity"].map(JSON.string) ?? .null,
            "image": .string(image), "shortImage": .string(image.split(separator: "/").last.map(String.init) ?? image),
        ]
        let requests = container["resources"]?["requests"]
        row["cpu"] = .string(text(requests?["cpu"]))
        row["memory"] = .string(text(requests?["memory"]))
        row["gpus"] = gpus(container["resources"]?["limits"])
        row["volumes"] = .array((container["volumeMounts"]?.array ?? []).compactMap { $0["name"] })
        row["status"] = NotebookPhase(of: notebook, events: events).json
        row["metadata"] = notebook.metadata
        return row
    }

    /// The whole object with its state in words.
    static func detail(_ notebook: KubeObject, events: [KubeObject]) -> JSON {
        var detail = notebook.json
        detail["processed_status"] = NotebookPhase(of: notebook, events: events).json
        return detail
    }

    /// The names of the claims that a notebook mounts.
    static func claims(of notebook: KubeObject) -> [String] {
        (notebook.spec.value(at: "template", "spec", "volumes")?.array ?? []).compactMap {
            $0["persistentVolumeClaim"]?["claimName"]?.string
        }
    }

    /// A row of the volumes: what the reference has, its state and users besides, and the oldest viewer of its files.
    static func volume(_ claim: KubeObject, notebooks: [KubeObject], viewers: [KubeObject] = []) -> JSON {
        let size =
            claim.status.value(at: "capacity", "storage") ?? claim.spec.value(at: "resources", "requests", "storage")
        let mode = claim.status["accessModes"]?[0] ?? claim.spec["accessModes"]?[0]
        let users = notebooks.filter { Self.claims(of: $0).contains(claim.name) }.map { JSON.string($0.name) }
        var row: JSON = [
            "name": .string(claim.name), "size": .string(text(size)), "mode": mode ?? "",
            "status": claim.isBeingDeleted ? "Terminating" : claim.status["phase"] ?? "Pending",
            "usedBy": .array(users),
        ]
        let viewer = viewers.filter { $0.spec["pvc"]?.string == claim.name && !$0.isBeingDeleted }
            .min { $0.creationTimestamp < $1.creationTimestamp }
        if let viewer {
            row["viewer"] = ["name": .string(viewer.name), "ready": viewer.status["ready"] ?? false]
        }
        return row
    }

    private static func container(of notebook: KubeObject) -> JSON {
        let containers = notebook.spec.value(at: "template", "spec", "containers")?.array ?? []
        return containers.first { $0["name"]?.string == notebook.name } ?? containers.first ?? [:]
    }

    private static func gpus(_ limits: JSON?) -> JSON {
        let found = (limits?.object ?? [:]).filter { $0.key.hasSuffix("/gpu") || $0.key.hasSuffix("/gaudi") }
        let count = found.reduce(Int64(0)) { $0 + (Quantity($1.value)?.value ?? 0) }
        let message = found.map { "\(text($0.value)) \(vendor($0.key))" }.joined(separator: ", ")
        return ["count": .int(count), "message": .string(message)]
    }

    private static func vendor(_ key: String) -> String {
        switch key {
        case "nvidia.com/gpu": "NVIDIA"
        case "amd.com/gpu": "AMD"
        case "habana.ai/gaudi": "Intel Gaudi"
        default: key
        }
    }

    private static func text(_ quantity: JSON?) -> String {
        quantity?.string ?? quantity.map { $0.isNull ? "" : $0.text } ?? ""
    }
}
