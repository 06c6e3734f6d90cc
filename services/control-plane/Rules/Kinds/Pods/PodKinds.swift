import Foundation
import KubeModel

extension BuiltinKinds {
    static let podTemplates = ResourceType("", "v1", "podtemplates", "PodTemplate")
    static let replicationControllers = ResourceType("", "v1", "replicationcontrollers", "ReplicationController")

    static let pod = kind(
        .pods, short: ["po"], categories: ["all"], hasStatus: true,
        subresources: [
            "attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "proxy", "resize",
        ],
        defaults: { pod in
            pod.fill("spec", [:])
            pod.edit("spec") { spec in
                PodDefaults.apply(to: &spec)
                PodDefaults.applyToPod(&spec)
            }
        },
        create: PodPreparation.create,
        update: { pod, _ in PodPreparation.dropDisabled(&pod) },
        validate: { pod, old, issues in
            PodRules.check(pod, old, &issues)
            if let old { PodChanges.check(pod, old, &issues) }
        },
        prepareForSubresource: PodPreparation.subresource,
        validateStatus: PodStatusRules.check,
        validateSubresource: { pod, old, name in
            var issues = Issues()
            switch name {
            case "ephemeralcontainers":
                PodRules.common(pod, &issues)
                PodChanges.annotations(pod, old, &issues)
                PodChanges.checkEphemeral(pod, old, &issues)
            case "resize":
                PodRules.common(pod, &issues)
                PodChanges.checkResize(pod, old, &issues)
            case "binding": break
            default: return nil
            }
            return issues.all
        },
        warnings: PodWarnings.of,
        columns: [
            .name, TableColumn("Ready", description: "Ready containers of all containers."),
            TableColumn("Status", description: "What the Pod does, in one word."),
            TableColumn("Restarts", description: "How often containers were started again, and when last."), .age,
            TableColumn("IP", description: "Address of the Pod.", priority: 1),
            TableColumn("Node", description: "Node that runs the Pod.", priority: 1),
            TableColumn("Nominated Node", description: "Node that is being made free for the Pod.", priority: 1),
            TableColumn("Readiness Gates", description: "Conditions from outside that are met.", priority: 1),
        ],
        cells: { pod, now in
            let summary = PodSummary(pod)
            let spec = pod["spec"] ?? [:]
            let status = pod["status"] ?? [:]
            let gates = spec.list("readinessGates").map { $0.text("conditionType") }
            let conditions = Conditions(status["conditions"])
            return [
                Cell.name(pod), .string("\(summary.ready)/\(summary.total)"), .string(summary.status),
                .string(summary.restarts(now)), Cell.age(pod, now),
                Cell.text(status["podIP"], or: "<none>"), Cell.text(spec["nodeName"], or: "<none>"),
                Cell.text(status["nominatedNodeName"], or: "<none>"),
                gates.isEmpty ? "<none>" : .string("\(gates.count(where: conditions.isTrue))/\(gates.count)"),
            ]
        })

    static let podTemplate = kind(
        podTemplates,
        defaults: { object in
            object.fill("template", [:])
            object.edit("template") { template in
                template.fill("spec", [:])
                PodDefaults.applyToTemplate(&template)
            }
        },
        create: { object in object.edit("template") { $0.edit("spec", PodPreparation.dropDisabledFromSpec) } },
        update: { object, _ in object.edit("template") { $0.edit("spec", PodPreparation.dropDisabledFromSpec) } },
        validate: { object, _, issues in TemplateRules.check(object["template"], "template", &issues) },
        warnings: { object, old, _ in
            object["template"] == old?["template"] ? [] : PodWarnings.ofTemplate(object["template"], "template")
        },
        columns: [.name, TableColumn("Containers"), TableColumn("Images"), TableColumn("Pod Labels")],
        cells: { object, _ in
            let (names, images) = Cell.containers(object.value(at: "template", "spec"))
            return [Cell.name(object), names, images, Cell.labels(object.value(at: "template", "metadata", "labels"))]
        })

    static let replicationController = kind(
        replicationControllers, short: ["rc"], categories: ["all"], hasStatus: true, subresources: ["scale"],
        defaults: { object in
            object.fill("spec", [:])
            let labels = object.value(at: "spec", "template", "metadata", "labels")
            if let labels, object.value(at: "metadata", "labels")?.object?.isEmpty ?? true {
                object.set(labels, at: "metadata", "labels")
            }
            object.edit("spec") { spec in
                spec.fill("replicas", 1)
                if spec["selector"]?.object?.isEmpty ?? true, let labels { spec["selector"] = labels }
                spec.edit("template") { $0.fill("spec", [:]) }
                spec.edit("template", PodDefaults.applyToTemplate)
            }
        },
        create: { object in
            object["status"] = ["replicas": 0]
            object.edit("spec") { $0.edit("template") { $0.edit("spec", PodPreparation.dropDisabledFromSpec) } }
        },
        validate: { object, _, issues in
            let spec = object["spec"] ?? [:]
            issues.notNegative("spec.minReadySeconds", spec["minReadySeconds"])
            let selector = spec["selector"]?.stringMap ?? [:]
            if selector.isEmpty { issues.required("spec.selector") }
            issues.notNegative("spec.replicas", spec["replicas"])
            guard spec.has("template") else { return issues.required("spec.template") }
            let labels = spec.value(at: "template", "metadata", "labels")
            if !LabelSelector(selector).matches(labels?.stringMap ?? [:]) {
                issues.invalid(
                    "spec.template.metadata.labels", labels ?? .null, "`selector` does not match template `labels`")
            }
            TemplateRules.check(
                spec["template"], "spec.template", restartPolicies: ["Always"], owner: "ReplicationController",
                &issues)
        },
        validateStatus: { object, _, issues in
            let status = object["status"] ?? [:]
            let replicas = status["replicas"]?.int ?? 0
            for field in [
                "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration",
            ] {
                issues.notNegative("status.\(field)", status[field])
            }
            for field in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"]
            where (status[field]?.int ?? 0) > replicas {
                issues.invalid("status.\(field)", status[field], "cannot be greater than status.replicas")
            }
            if (status["availableReplicas"]?.int ?? 0) > (status["readyReplicas"]?.int ?? 0) {
                issues.invalid(
                    "status.availableReplicas", status["availableReplicas"], "cannot be greater than readyReplicas")
            }
        },
        warnings: { object, old, subresource in
            guard subresource.isEmpty, object.value(at: "spec", "template") != old?.value(at: "spec", "template") else {
                return []
            }
            return (old == nil ? PodWarnings.ofName(object, "Pod names and hostnames") : [])
                + PodWarnings.ofTemplate(object.value(at: "spec", "template"), "spec.template")
        },
        columns: [
            .name, TableColumn("Desired", type: "integer"), TableColumn("Current", type: "integer"),
            TableColumn("Ready", type: "integer"), .age, TableColumn("Containers", priority: 1),
            TableColumn("Images", priority: 1), TableColumn("Selector", priority: 1),
        ],
        cells: { object, now in
            let (names, images) = Cell.containers(object.value(at: "spec", "template", "spec"))
            return [
                Cell.name(object), Cell.number(object.value(at: "spec", "replicas")),
                Cell.number(object.value(at: "status", "replicas")),
                Cell.number(object.value(at: "status", "readyReplicas")), Cell.age(object, now), names, images,
                Cell.labels(object.value(at: "spec", "selector")),
            ]
        })
}
