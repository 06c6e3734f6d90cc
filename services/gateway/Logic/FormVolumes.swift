import Identity
import KubeModel

/// The volumes of a form: claims to be made, and what the Pod mounts.
struct FormVolumes {
    let notebook: String
    let namespace: String
    private(set) var claims: [(field: String, claim: KubeObject)] = []
    private(set) var volumes: [JSON] = []
    private(set) var mounts: [JSON] = []
    private var paths: Set<String> = []
    private var names: Set<String> = []

    init(notebook: String, namespace: String) { (self.notebook, self.namespace) = (notebook, namespace) }

    mutating func addSharedMemory() {
        volumes.append(["name": "dshm", "emptyDir": ["medium": "Memory"]])
        mounts.append(["name": "dshm", "mountPath": "/dev/shm"])
    }

    /// `{mount, newPvc | existingSource}`.
    mutating func add(_ volume: JSON, field: String, problems: inout FormProblems) {
        let path = volume["mount"]?.string?.trimmed ?? ""
        if let problem = pathProblem(path) { problems.add(field + ".mount", problem) }
        paths.insert(path)
        switch (volume["newPvc"], volume["existingSource"]) {
        case (let claim?, nil): addNew(claim, path: path, field: field, problems: &problems)
        case (nil, let source?): addExisting(source, path: path, field: field, problems: &problems)
        default: problems.add(field, "A volume is either new (newPvc) or there already (existingSource).")
        }
    }

    private mutating func addNew(_ wanted: JSON, path: String, field: String, problems: inout FormProblems) {
        let metadata = wanted["metadata"]
        let name = (metadata?["name"]?.string ?? "").trimmed.replacing("{notebook-name}", with: notebook)
        if metadata?["namespace"] != nil {
            problems.add(field, "A new volume is made in the notebook's namespace; it must not name one.")
        }
        // A volume that is named after a notebook without a good name needs no message of its own.
        let isFollowUp = NotebookForm.nameProblem(notebook) != nil && (notebook.isEmpty || name.contains(notebook))
        if !isFollowUp, !NameRules.label(name).isEmpty {
            problems.add(field + ".name", "Lower-case letters, digits and '-', at most 63 characters.")
        }
        let storage = wanted.value(at: "spec", "resources", "requests", "storage")
        if Quantity(storage).map({ $0 > .zero }) != true {
            problems.add(field + ".size", "An amount of storage, such as 5Gi.")
        }
        let modes = wanted["spec"]?["accessModes"]?.array?.compactMap(\.string) ?? ["ReadWriteOnce"]
        let known: Set<String> = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]
        if modes.isEmpty || !known.isSuperset(of: modes) {
            problems.add(field + ".mode", "This access mode does not exist.")
        }

        var spec: JSON = [
            "accessModes": .array(modes.map(JSON.string)), "resources": ["requests": ["storage": storage ?? ""]],
        ]
        switch wanted["spec"]?["storageClassName"]?.string {
        case nil, "{empty}": break
        case "{none}": spec["storageClassName"] = ""
        case let name?: spec["storageClassName"] = .string(name)
        }
        var claim = KubeObject(
            apiVersion: "v1", kind: "PersistentVolumeClaim", name: name, namespace: namespace,
            labels: metadata?["labels"]?.stringMap ?? [:], annotations: metadata?["annotations"]?.stringMap ?? [:])
        claim.spec = spec
        claims.append((field, claim))
        mount(claim: name, isReadOnly: false, volumeName: name, path: path, field: field, problems: &problems)
    }

    private mutating func addExisting(_ source: JSON, path: String, field: String, problems: inout FormProblems) {
        // Anything else (hostPath, NFS, Secrets of others) would let a form reach what its user may not.
        guard let claim = source["persistentVolumeClaim"], source.object?.count == 1 else {
            problems.add(field, "Only volumes of this namespace (persistentVolumeClaim) can be mounted.")
            return
        }
        let name = claim["claimName"]?.string?.trimmed ?? ""
        if !NameRules.subdomain(name).isEmpty { problems.add(field + ".name", "Choose a volume.") }
        // A claim's name may have dots, a volume's may not.
        let volumeName =
            NameRules.label(name).isEmpty
            ? name
            : "existing-source-volume-"
                + Secrets.random(4).map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
        mount(
            claim: name, isReadOnly: claim["readOnly"]?.bool ?? false, volumeName: volumeName, path: path, field: field,
            problems: &problems)
    }

    private mutating func mount(
        claim: String, isReadOnly: Bool, volumeName: String, path: String, field: String, problems: inout FormProblems
    ) {
        if !names.insert(claim).inserted { problems.add(field + ".name", "This volume is mounted already.") }
        var source: JSON = ["claimName": .string(claim)]
        if isReadOnly { source["readOnly"] = true }
        volumes.append(["name": .string(volumeName), "persistentVolumeClaim": source])
        mounts.append(["name": .string(volumeName), "mountPath": .string(path)])
    }

    private func pathProblem(_ path: String) -> String? {
        guard path.hasPrefix("/") else { return "An absolute path, such as /home/jovyan/data." }
        let segments = path.split(separator: "/")
        if segments.isEmpty || segments.contains("..") { return "This path cannot be used." }
        if path.contains(":") || path.utf8.count > 1000 { return "A path cannot hold a colon." }
        if paths.contains(path) { return "Another volume is mounted here." }
        return nil
    }
}
