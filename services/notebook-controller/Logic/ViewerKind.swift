import KubeModel

/// `PVCViewer` (`kubeflow.org/v1alpha1`): shows the files of the claim `spec.pvc`, and takes new ones.
struct ViewerKind: ServedKind {
    /// Before the name of a viewer stands `pvcviewer-`; a Service's name has 63 characters.
    static let nameLimit = 53
    static let defaultPort: Int64 = 8080
    private static let volume = "viewer-volume"
    private static let prefix = "pvcviewer-"

    let type = ResourceType.pvcViewers

    func deploymentName(of name: String) -> String { Self.prefix + name }
    func name(ofDeployment name: String) -> String? {
        name.hasPrefix(Self.prefix) ? String(name.dropFirst(Self.prefix.count)) : nil
    }

    func plan(
        for object: KubeObject, _ settings: NotebookControllerConfiguration
    ) throws(PlanProblem) -> ServerPlan {
        let name = object.name
        if let problem = PlanProblem.ofName(name, kind: type.kind, prefix: Self.prefix, limit: Self.nameLimit) {
            throw problem
        }
        guard let claim = object.spec["pvc"]?.string, NameRules.subdomain(claim).isEmpty else {
            throw PlanProblem(reason: "InvalidClaim", message: "spec.pvc must be the name of a PersistentVolumeClaim")
        }
        let path = ServerPath(ofViewer: object)
        let service = deploymentName(of: name)
        let own = [
            "app.kubernetes.io/name": name, "app.kubernetes.io/instance": service,
            "app.kubernetes.io/part-of": "pvc-viewer",
        ]
        let port = try Self.port(object)
        return ServerPlan(
            owner: object, name: service, selector: own,
            podLabels: object.labels.merging(own) { $1 }.merging([WorkspacePods.label: WorkspacePods.viewer]) { $1 },
            podSpec: try Self.podSpec(object, claim, path, settings), isRecreated: true,
            port: port.map { ("http", $0) },
            route: port == nil
                ? nil
                : MeshRoute(
                    name: service, path: path.prefix, rewrite: path.rewrite ?? path.prefix, service: service,
                    timeout: object.spec["networking"]?["timeout"]?.string))
    }

    /// The target of the Service; a Pod of somebody's own that names none gets no Service.
    private static func port(_ viewer: KubeObject) throws(PlanProblem) -> JSON? {
        guard let target = viewer.spec["networking"]?["targetPort"], !target.isNull else {
            return hasOwnPod(viewer) ? nil : .int(defaultPort)
        }
        let isPossible =
            target.int.map { NameRules.port($0).isEmpty } ?? target.string.map { NameRules.portName($0).isEmpty }
            ?? false
        guard isPossible else {
            throw PlanProblem(
                reason: "InvalidPort",
                message: "spec.networking.targetPort must be a number from 1 to 65535, or the name of a port")
        }
        return target
    }

    private static func hasOwnPod(_ viewer: KubeObject) -> Bool {
        !(viewer.spec["podSpec"]?.object?.isEmpty ?? true)
    }

    private static func podSpec(
        _ viewer: KubeObject, _ claim: String, _ path: ServerPath, _ settings: NotebookControllerConfiguration
    ) throws(PlanProblem) -> JSON {
        guard hasOwnPod(viewer), var spec = viewer.spec["podSpec"] else {
            return defaultSpec(claim, path, settings)
        }
        let containers = spec["containers"]?.array ?? []
        var volumes = spec["volumes"]?.array ?? []
        let mounted = Set(
            containers.flatMap { $0["volumeMounts"]?.array ?? [] }.compactMap { $0["name"]?.string })
        if mounted.contains(volume), !volumes.contains(where: { $0["name"]?.string == volume }) {
            volumes.append(volumeOf(claim))
            spec["volumes"] = .array(volumes)
        }
        let isMounted = volumes.contains {
            $0["persistentVolumeClaim"]?["claimName"]?.string == claim && mounted.contains($0["name"]?.string ?? "")
        }
        guard isMounted else {
            throw PlanProblem(
                reason: "ClaimNotMounted",
                message: "no container of spec.podSpec mounts the claim \(claim): mount the volume \(volume), which is "
                    + "added by itself")
        }
        if settings.addsFSGroup, spec["securityContext"] == nil || spec["securityContext"] == .null {
            spec["securityContext"] = ["fsGroup": 100]
        }
        return spec
    }

    private static func volumeOf(_ claim: String) -> JSON {
        ["name": .string(volume), "persistentVolumeClaim": ["claimName": .string(claim)]]
    }

    /// A file browser that is told its path, keeps nothing of its own on the volume and asks for no password, since only the
    /// gateway's visitors reach it.
    private static func defaultSpec(
        _ claim: String, _ path: ServerPath, _ settings: NotebookControllerConfiguration
    ) -> JSON {
        let variables = [
            ("FB_ADDRESS", "0.0.0.0"), ("FB_PORT", "\(defaultPort)"), ("FB_DATABASE", "/tmp/filebrowser.db"),
            ("FB_NOAUTH", "true"), ("FB_ROOT", "/srv"), ("FB_BASEURL", path.prefix),
        ]
        let container: JSON = [
            "name": "pvcviewer", "image": .string(settings.viewerImage),
            "env": .array(variables.map { ["name": .string($0.0), "value": .string($0.1)] }),
            "ports": [["name": "http", "containerPort": .int(defaultPort), "protocol": "TCP"]],
            "readinessProbe": ServerPlan.readiness(port: defaultPort),
            "resources": ServedDefaults.resources(memory: "512Mi"),
            "securityContext": ["allowPrivilegeEscalation": false],
            "workingDir": "/srv",
            "volumeMounts": [["name": .string(volume), "mountPath": "/srv"]],
        ]
        return [
            "securityContext": ServedDefaults.user, "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 5, "containers": [container], "volumes": [volumeOf(claim)],
        ]
    }

    func sharedClaim(of object: KubeObject, _ settings: NotebookControllerConfiguration) -> String? {
        object.spec["rwoScheduling"]?.bool ?? false ? object.spec["pvc"]?.string : nil
    }

    func status(conditions: [Conditions.Condition], readyReplicas: Int64, plan: ServerPlan?) -> JSON {
        var status: JSON = ["conditions": .array(conditions.map(\.json)), "ready": .bool(readyReplicas > 0)]
        if let plan, plan.port != nil { status["url"] = plan.route.map { .string($0.path) } }
        return status
    }

    /// What is said about settings that could lead elsewhere, and do not; nil for those that agree with where viewers are.
    static func ignored(in viewer: KubeObject) -> String? {
        let path = ServerPath(ofViewer: viewer)
        let networking = viewer.spec["networking"] ?? [:]
        let prefix = networking["basePrefix"]?.string ?? ""
        if !prefix.isEmpty, prefix != "/pvcviewers", prefix != "/pvcviewers/" {
            return
                "spec.networking.basePrefix is not used: viewers are served below /pvcviewers, this one at \(path.prefix)"
        }
        let rewrite = networking["rewrite"]?.string ?? ""
        if !rewrite.isEmpty, !ServerPath.isPath(rewrite) {
            return "spec.networking.rewrite is not used, because it is no plain path such as \"/\""
        }
        return nil
    }
}
