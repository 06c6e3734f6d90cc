import KubeModel

/// Rules of whole Pods and of templates: annotations, and what only a new one has to follow.
enum PodRules {
    /// Finds what is wrong with a Pod; `old` is the stored one when it is changed.
    static func check(_ pod: JSON, _ old: JSON?, _ issues: inout Issues) {
        common(pod, &issues)
        let spec = pod["spec"] ?? [:]
        guard old == nil else { return }
        if !spec.list("ephemeralContainers").isEmpty {
            issues.forbidden("spec.ephemeralContainers", "cannot be set on create")
        }
        if !spec.text("nodeName").isEmpty, !spec.list("schedulingGates").isEmpty {
            issues.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")
        }
        profiles(pod["metadata"] ?? [:], spec, "spec", &issues)
    }

    /// Rules that hold whichever way a Pod is written.
    static func common(_ pod: JSON, _ issues: inout Issues) {
        let metadata = pod["metadata"] ?? [:]
        let spec = pod["spec"] ?? [:]
        annotations(metadata, spec, "metadata.annotations", &issues)
        issues.add(PodValidation.check(spec, at: "spec", podName: metadata.text("name"), isPod: true))
        if spec.text("serviceAccountName").isEmpty {
            for (index, volume) in spec.list("volumes").enumerated() {
                for (position, source) in (volume["projected"]?.list("sources") ?? []).enumerated()
                where source.has("serviceAccountToken") {
                    issues.forbidden(
                        "spec.volumes[\(index)].projected.sources[\(position)].serviceAccountToken",
                        "must not be specified when serviceAccountName is not set")
                }
            }
        }
        for list in ["containers", "initContainers"] {
            for (index, container) in spec.list(list).enumerated() {
                let image = container.text("image")
                if image.first?.isWhitespace == true || image.last?.isWhitespace == true {
                    issues.invalid(
                        "spec.\(list)[\(index)].image", .string(image),
                        "must not have leading or trailing whitespace")
                }
            }
        }
    }

    private static let seccompPod = "seccomp.security.alpha.kubernetes.io/pod"
    private static let seccompContainer = "container.seccomp.security.alpha.kubernetes.io/"

    static func annotations(_ metadata: JSON, _ spec: JSON, _ path: String, _ issues: inout Issues) {
        let annotations = metadata["annotations"]?.stringMap ?? [:]
        guard !annotations.isEmpty else { return }
        if let mirror = annotations["kubernetes.io/config.mirror"], spec.text("nodeName").isEmpty {
            issues.invalid(
                "\(path)[kubernetes.io/config.mirror]", .string(mirror),
                "must set spec.nodeName if mirror pod annotation is set")
        }
        if let cost = annotations["controller.kubernetes.io/pod-deletion-cost"], !isCost(cost) {
            issues.invalid(
                "\(path)[controller.kubernetes.io/pod-deletion-cost]", .string(cost), "must be a 32bit integer")
        }
        let names = Set(PodValidation.allContainers(spec, "").map { $0.container.text("name") })
        for (key, value) in annotations {
            if key == seccompPod || key.hasPrefix(seccompContainer) { seccomp(value, "\(path).\(key)", &issues) }
            guard key.hasPrefix(PodPreparation.appArmorPrefix) else { continue }
            let name = String(key.dropFirst(PodPreparation.appArmorPrefix.count))
            if !names.contains(name) { issues.invalid("\(path)[\(key)]", .string(name), "container not found") }
            if !["", "runtime/default", "unconfined"].contains(value), !value.hasPrefix("localhost/") {
                issues.invalid(
                    "\(path)[\(key)]", .string(value), "invalid AppArmor profile name: \(FieldIssue.quoted(value))")
            }
        }
    }

    /// A whole number of 32 bits; nothing in front of it but a minus.
    private static func isCost(_ text: String) -> Bool {
        let isWritten = text == "0" || text.first.map { $0 != "0" && $0 != "+" } ?? false
        return text.isEmpty || isWritten && Int32(text) != nil
    }

    private static func seccomp(_ profile: String, _ field: String, _ issues: inout Issues) {
        switch profile {
        case "runtime/default", "docker/default", "unconfined": break
        case _ where profile.hasPrefix("localhost/"):
            issues.descendingPath(field, String(profile.dropFirst("localhost/".count)))
        default: issues.invalid(field, .string(profile), "must be a valid seccomp profile")
        }
    }

    /// Profiles in annotations and in fields must be the same.
    static func profiles(_ metadata: JSON, _ spec: JSON, _ path: String, _ issues: inout Issues) {
        let annotations = metadata["annotations"]?.stringMap ?? [:]
        guard !annotations.isEmpty else { return }
        if let value = annotations[seccompPod], let profile = spec.value(at: "securityContext", "seccompProfile") {
            matchSeccomp(value, profile, "\(path).securityContext.seccompProfile", &issues)
        }
        let whole = spec.value(at: "securityContext", "appArmorProfile")
        for (place, container) in PodValidation.allContainers(spec, path) {
            let context = "\(place).securityContext"
            let name = container.text("name")
            if let value = annotations[seccompContainer + name],
                let profile = container.value(at: "securityContext", "seccompProfile")
            {
                matchSeccomp(value, profile, "\(context).seccompProfile", &issues)
            }
            guard spec["os"]?.text("name") != "windows", let value = annotations[PodPreparation.appArmorPrefix + name],
                let profile = container.value(at: "securityContext", "appArmorProfile") ?? whole
            else { continue }
            match(
                value, profile, "\(context).appArmorProfile", "apparmor", defaults: ["runtime/default"], &issues)
        }
    }

    private static func matchSeccomp(_ value: String, _ profile: JSON, _ path: String, _ issues: inout Issues) {
        match(value, profile, path, "seccomp", defaults: ["runtime/default", "docker/default"], &issues)
    }

    private static func match(
        _ value: String, _ profile: JSON, _ path: String, _ what: String, defaults: [String], _ issues: inout Issues
    ) {
        let isSame =
            switch profile.text("type") {
            case "Unconfined": value == "unconfined"
            case "RuntimeDefault": defaults.contains(value)
            case "Localhost": value.hasPrefix("localhost/")
            default: true
            }
        if !isSame { return issues.forbidden("\(path).type", "\(what) type in annotation and field must match") }
        if profile.text("type") == "Localhost", value.dropFirst("localhost/".count) != profile.text("localhostProfile")
        {
            issues.forbidden("\(path).localhostProfile", "\(what) profile in annotation and field must match")
        }
    }
}

/// Templates of Pods.
enum TemplateRules {
    /// Finds what is wrong with a template of a kind of workload, whose Pods may only be restarted in some ways.
    static func check(
        _ template: JSON?, _ path: String, restartPolicies: [String]? = nil, owner: String = "ReplicaSet",
        _ issues: inout Issues
    ) {
        let template = template ?? [:]
        let metadata = template["metadata"] ?? [:]
        let spec = template["spec"] ?? [:]
        issues.add(MetadataRules.labels(metadata["labels"], "\(path).labels"))
        MetadataRules.annotations(metadata["annotations"], "\(path).annotations", &issues)
        PodRules.annotations(metadata, spec, "\(path).annotations", &issues)
        issues.add(PodValidation.check(spec, at: "\(path).spec"))
        PodRules.profiles(metadata, spec, "\(path).spec", &issues)
        if !spec.list("ephemeralContainers").isEmpty {
            issues.forbidden("\(path).spec.ephemeralContainers", "ephemeral containers not allowed in pod template")
        }
        guard let restartPolicies else { return }
        if !restartPolicies.contains(spec.text("restartPolicy")) {
            issues.notSupported("\(path).spec.restartPolicy", spec["restartPolicy"], restartPolicies)
        }
        if restartPolicies == ["Always"], spec["activeDeadlineSeconds"]?.int != nil {
            issues.forbidden(
                "\(path).spec.activeDeadlineSeconds", "activeDeadlineSeconds in \(owner) is not Supported")
        }
    }
}
