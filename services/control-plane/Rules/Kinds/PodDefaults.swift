import KubeModel

/// What a Pod spec means where it says nothing.
enum PodDefaults {
    /// Fills in the spec of a Pod or of a template.
    static func apply(to spec: inout JSON) {
        spec.fill("restartPolicy", "Always")
        spec.fill("dnsPolicy", "ClusterFirst")
        spec.fill("schedulerName", "default-scheduler")
        spec.fill("terminationGracePeriodSeconds", 30)
        spec.fill("securityContext", [:])
        // `serviceAccount` is the older name of the same field; both are kept equal.
        let account = spec.text("serviceAccountName")
        if !account.isEmpty {
            spec["serviceAccount"] = .string(account)
        } else if !spec.text("serviceAccount").isEmpty {
            spec["serviceAccountName"] = spec["serviceAccount"]
        }
        let isOnHost = spec["hostNetwork"]?.bool ?? false
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            spec.editEach(list) { container(&$0, isOnHost: isOnHost) }
        }
        spec.editEach("volumes", volume)
        spec.editEach("topologySpreadConstraints") { constraint in
            constraint.fill("whenUnsatisfiable", "DoNotSchedule")
        }
    }

    /// Fills in a template of Pods, which always shows its metadata.
    static func applyToTemplate(_ template: inout JSON) {
        template.fill("metadata", [:])
        template.edit("spec", apply)
    }

    /// What only holds for Pods: requests follow limits, and Services become environment variables.
    static func applyToPod(_ spec: inout JSON) {
        spec.fill("enableServiceLinks", true)
        for list in ["initContainers", "containers"] {
            spec.editEach(list) { container in
                container.edit("resources") { resources in
                    guard let limits = resources["limits"]?.object else { return }
                    resources.fill("requests", [:])
                    resources.edit("requests") { requests in
                        for (name, limit) in limits { requests.fill(name, limit) }
                    }
                }
            }
        }
    }

    private static func container(_ container: inout JSON, isOnHost: Bool) {
        container.fillText("terminationMessagePath", "/dev/termination-log")
        container.fillText("terminationMessagePolicy", "File")
        container.fillText("imagePullPolicy", pullPolicy(of: container.text("image")))
        container.fill("resources", [:])
        container.editEach("ports") { port in
            port.fillText("protocol", "TCP")
            if isOnHost, (port["hostPort"]?.int ?? 0) == 0 { port["hostPort"] = port["containerPort"] }
        }
        container.editEach("env") { variable in
            variable.edit("valueFrom") { source in
                source.edit("fieldRef") { $0.fillText("apiVersion", "v1") }
                source.edit("resourceFieldRef") { $0.fill("divisor", "0") }
            }
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            container.edit(probe) { probe in
                for (field, value) in [
                    ("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3),
                ]
                where (probe[field]?.int ?? 0) == 0 {
                    probe[field] = .int(Int64(value))
                }
                handler(&probe)
            }
        }
        container.edit("lifecycle") { lifecycle in
            lifecycle.edit("postStart", handler)
            lifecycle.edit("preStop", handler)
        }
    }

    private static func handler(_ handler: inout JSON) {
        handler.edit("httpGet") { get in
            get.fillText("path", "/")
            get.fillText("scheme", "HTTP")
        }
        handler.edit("grpc") { $0.fill("service", "") }
    }

    /// An image with a version does not change; one without, or `latest`, is looked up each time.
    static func pullPolicy(of image: String) -> String {
        if image.contains("@") { return "IfNotPresent" }
        let name = image.split(separator: "/").last ?? ""
        guard let colon = name.lastIndex(of: ":") else { return "Always" }
        return name[name.index(after: colon)...] == "latest" ? "Always" : "IfNotPresent"
    }

    private static func volume(_ volume: inout JSON) {
        if volume.object?.count == 1, volume.has("name") { volume["emptyDir"] = [:] }
        for source in ["secret", "configMap", "downwardAPI", "projected"] {
            volume.edit(source) { $0.fill("defaultMode", 420) }
        }
        volume.edit("hostPath") { $0.fill("type", "") }
        volume.edit("downwardAPI") { $0.editEach("items") { $0.edit("fieldRef") { $0.fillText("apiVersion", "v1") } } }
        volume.edit("projected") { projected in
            projected.editEach("sources") { source in
                source.edit("serviceAccountToken") { $0.fill("expirationSeconds", 3600) }
                source.edit("downwardAPI") {
                    $0.editEach("items") { $0.edit("fieldRef") { $0.fillText("apiVersion", "v1") } }
                }
            }
        }
        volume.edit("ephemeral") {
            $0.edit("volumeClaimTemplate") { $0.edit("spec") { $0.fill("volumeMode", "Filesystem") } }
        }
    }

    /// `Guaranteed`, `Burstable` or `BestEffort`, by requests and limits of cpu and memory.
    static func qosClass(_ spec: JSON) -> String {
        var hasAny = false
        var isGuaranteed = true
        for container in spec.list("containers") + spec.list("initContainers") {
            let resources = container["resources"] ?? [:]
            for name in ["cpu", "memory"] {
                let limit = Quantity(resources.value(at: "limits", name)) ?? .zero
                let request = Quantity(resources.value(at: "requests", name)) ?? limit
                if limit > .zero || request > .zero { hasAny = true }
                if limit == .zero || request != limit { isGuaranteed = false }
            }
        }
        if !hasAny { return "BestEffort" }
        return isGuaranteed ? "Guaranteed" : "Burstable"
    }
}
