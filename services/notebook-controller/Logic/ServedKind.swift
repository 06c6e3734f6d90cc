import KubeModel

/// A kind of object that is served by a Deployment of its own.
protocol ServedKind: Sendable {
    var type: ResourceType { get }

    /// The name of the Deployment and Service of an object.
    func deploymentName(of name: String) -> String

    /// The name of the object that a Deployment or Service of some name would serve; nil for none.
    func name(ofDeployment name: String) -> String?

    /// What serves an object.
    ///
    /// - Throws: ``PlanProblem`` with what to change in it.
    func plan(for object: KubeObject, _ settings: NotebookControllerConfiguration) throws(PlanProblem) -> ServerPlan

    /// The claim next to whose other users the Pod should run, because one machine at a time can mount it; nil for none.
    func sharedClaim(of object: KubeObject, _ settings: NotebookControllerConfiguration) -> String?

    /// The whole status, by the conditions of the Deployment (or why there is none), the Pods that answer, and the plan, which is
    /// nil where the object cannot be served.
    func status(conditions: [Conditions.Condition], readyReplicas: Int64, plan: ServerPlan?) -> JSON
}

/// `Tensorboard` (`tensorboard.kubeflow.org/v1alpha1`): shows the logs at `spec.logspath`.
struct TensorboardKind: ServedKind {
    static let nameLabel = "tensorboard-name"
    /// `http-` and the name is the name of the Service's port.
    static let nameLimit = 58
    static let port: Int64 = 6006
    private static let claimOfFolders = "tb-volume"

    let type = ResourceType.tensorboards

    func deploymentName(of name: String) -> String { name }
    func name(ofDeployment name: String) -> String? { name }

    func plan(
        for object: KubeObject, _ settings: NotebookControllerConfiguration
    ) throws(PlanProblem) -> ServerPlan {
        let name = object.name
        if let problem = PlanProblem.ofName(name, kind: type.kind, limit: Self.nameLimit) { throw problem }
        let path = ServerPath(ofTensorboard: name, namespace: object.namespace ?? "")
        let own = ["app": name, Self.nameLabel: name, WorkspacePods.label: WorkspacePods.tensorboard]
        return ServerPlan(
            owner: object, name: name, selector: [Self.nameLabel: name],
            podLabels: object.labels.merging(own) { $1 },
            podSpec: Self.podSpec(try LogLocation(object.spec["logspath"]?.string ?? ""), settings),
            port: ("http-\(name)", .int(Self.port)),
            route: MeshRoute(
                name: name, path: path.prefix, rewrite: path.rewrite ?? path.prefix, service: name, timeout: "300s"))
    }

    private static func podSpec(_ logs: LogLocation, _ settings: NotebookControllerConfiguration) -> JSON {
        // `$(NAME)` in an argument would be a variable's value.
        let directory = logs.directory.replacing("$(", with: "$$(")
        var container: JSON = [
            "name": "tensorboard", "image": .string(settings.tensorboardImage),
            "command": ["tensorboard"], "args": [.string("--logdir=\(directory)"), "--bind_all"],
            "ports": [["name": "http", "containerPort": .int(port), "protocol": "TCP"]],
            "readinessProbe": ServerPlan.readiness(port: port),
            "resources": ServedDefaults.resources(memory: "2Gi"),
            "securityContext": ["allowPrivilegeEscalation": false],
        ]
        var spec: JSON = [
            "securityContext": ServedDefaults.user, "automountServiceAccountToken": false,
            // It writes nothing that it has to finish.
            "terminationGracePeriodSeconds": 5,
        ]
        switch logs {
        case .claim(let claim, let subPath):
            var mount: JSON = ["name": "logs", "mountPath": .string(directory), "readOnly": true]
            if !subPath.isEmpty { mount["subPath"] = .string(subPath) }
            container["volumeMounts"] = [mount]
            spec["volumes"] = [Self.volume("logs", claim)]
        case .folder(let path):
            container["volumeMounts"] = [["name": "logs", "mountPath": .string(path), "readOnly": true]]
            spec["volumes"] = [Self.volume("logs", claimOfFolders)]
        case .google:
            container["volumeMounts"] = [["name": "gcp", "mountPath": "/secret/gcp", "readOnly": true]]
            container["env"] = [
                ["name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/secret/gcp/user-gcp-sa.json"]
            ]
            spec["volumes"] = [["name": "gcp", "secret": ["secretName": "user-gcp-sa", "optional": true]]]
        case .remote: break
        }
        spec["containers"] = [container]
        return spec
    }

    /// The mounts are read-only and the volume is not: a folder to which nothing was written yet is made then.
    private static func volume(_ name: String, _ claim: String) -> JSON {
        ["name": .string(name), "persistentVolumeClaim": ["claimName": .string(claim)]]
    }

    func sharedClaim(of object: KubeObject, _ settings: NotebookControllerConfiguration) -> String? {
        guard settings.schedulesBesideClaims else { return nil }
        switch try? LogLocation(object.spec["logspath"]?.string ?? "") {
        case .claim(let claim, _): return claim
        case .folder: return Self.claimOfFolders
        default: return nil
        }
    }

    func status(conditions: [Conditions.Condition], readyReplicas: Int64, plan: ServerPlan?) -> JSON {
        let told = conditions.map { condition in
            var json = condition.json
            json["deploymentState"] = .string(condition.type)
            json["lastProbeTime"] = json["lastUpdateTime"] ?? json["lastTransitionTime"]
            json["lastUpdateTime"] = nil
            return json
        }
        return ["conditions": .array(told), "readyReplicas": .int(readyReplicas)]
    }
}

/// Labels by which the gateway finds the Pods of what a Deployment serves.
enum WorkspacePods {
    static let label = "martlet.dev/workspace"
    static let tensorboard = "tensorboard"
    static let viewer = "pvcviewer"
}

/// What Pods get where nobody said otherwise.
enum ServedDefaults {
    /// The user of notebooks, so that both can read and write each other's files.
    static let user: JSON = ["runAsUser": 1000, "runAsGroup": 100, "runAsNonRoot": true, "fsGroup": 100]

    /// With both requests and limits, since a quota may ask for them.
    static func resources(memory: String) -> JSON {
        ["requests": ["cpu": "50m", "memory": "128Mi"], "limits": ["cpu": "1", "memory": .string(memory)]]
    }
}
