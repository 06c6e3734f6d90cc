import KubeModel

/// What a Pod spec means where it says nothing.
enum PodDefaults {
    /// Fills in the spec of a Pod or of a template.
    static func apply(to spec: inout JSON) {
        spec.fillText("restartPolicy", "Always")
        spec.fillText("dnsPolicy", "ClusterFirst")
        spec.fillText("schedulerName", "default-scheduler")
        spec.fill("terminationGracePeriodSeconds", 30)
        spec.fill("securityContext", [:])
        // `serviceAccount` is the older name of the same field; both are kept equal.
        let account = spec.text("serviceAccountName")
        if !account.isEmpty {
            spec["serviceAccount"] = .string(account)
        } else if !spec.text("serviceAccount").isEmpty {
            spec["serviceAccountName"] = spec["serviceAccount"]
        }
        for list in ["initContainers", "containers", "ephemeralContainers"] { spec.editEach(list, container) }
        spec.editEach("volumes", volume)
    }

    /// Fills in a template of Pods, which always shows its metadata.
    static func applyToTemplate(_ template: inout JSON) {
        template.fill("metadata", [:])
        template.edit("spec", apply)
    }

    /// What only holds for Pods: requests follow limits, Services become environment variables, and in the node's
    /// network ports are those of the node.
    static func applyToPod(_ spec: inout JSON) {
        let isOnHost = spec["hostNetwork"]?.bool ?? false
        for list in ["initContainers", "containers"] {
            spec.editEach(list) { container in
                container.edit("resources", requestLimits)
                guard isOnHost else { return }
                container.editEach("ports") { port in
                    if (port["hostPort"]?.int ?? 0) == 0 { port["hostPort"] = port["containerPort"] }
                }
            }
        }
        wholePod(&spec)
        if let grace = spec["terminationGracePeriodSeconds"]?.int, grace < 0 {
            spec["terminationGracePeriodSeconds"] = 1
        }
        spec.fill("enableServiceLinks", true)
    }

    private static func requestLimits(_ resources: inout JSON) {
        guard let limits = resources["limits"]?.object, !limits.isEmpty else { return }
        resources.fill("requests", [:])
        resources.edit("requests") { requests in
            for (name, limit) in limits { requests.fill(name, limit) }
        }
    }

    /// Requests and limits of the whole Pod, where it says something about them at all.
    private static func wholePod(_ spec: inout JSON) {
        guard var resources = spec["resources"], !resources.isNull else { return }
        let requests = resources["requests"]?.object ?? [:]
        if !requests.isEmpty || !(resources["limits"]?.object ?? [:]).isEmpty {
            for (name, amount) in PodResources.containers(of: spec, "limits").sorted(by: { $0.key < $1.key })
            where ResourceRules.isHugePages(name) && requests[name] == nil
                && resources.value(at: "limits", name) == nil
            {
                resources.set(amount.json, at: "limits", name)
            }
        }
        if let limits = resources["limits"]?.object, !limits.isEmpty {
            for (name, amount) in PodResources.containers(of: spec, "requests").sorted(by: { $0.key < $1.key })
            where (name == "cpu" || name == "memory") && resources.value(at: "requests", name) == nil {
                resources.set(amount.json, at: "requests", name)
            }
            for (name, amount) in limits
            where (name == "cpu" || name == "memory" || ResourceRules.isHugePages(name))
                && resources.value(at: "requests", name) == nil
            {
                resources.set(amount, at: "requests", name)
            }
        }
        spec["resources"] = resources
    }

    private static func container(_ container: inout JSON) {
        container.fillText("terminationMessagePath", "/dev/termination-log")
        container.fillText("terminationMessagePolicy", "File")
        container.fillText("imagePullPolicy", pullPolicy(of: container.text("image")))
        container.fill("resources", [:])
        container.editEach("ports") { $0.fillText("protocol", "TCP") }
        container.editEach("env") { variable in
            variable.edit("valueFrom") { source in
                source.edit("fieldRef") { $0.fillText("apiVersion", "v1") }
                source.edit("fileKeyRef") { $0.fill("optional", false) }
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

    /// An image with a version does not change; one without, or `latest`, is looked up each time. So is none whose name
    /// cannot be read.
    /// Parts of lower-case letters and digits, with one of `.`, `_`, `__` or any number of `-` between them.
    private static func isRepository(_ name: String, isWhole: Bool, _ parts: ArraySlice<Substring>) -> Bool {
        let pattern = #/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*/#
        if isWhole { return name.wholeMatch(of: pattern) != nil }
        return parts.enumerated().allSatisfy { index, part in
            // The last part may end in a tag.
            let name = index == parts.count - 1 ? part.prefix { $0 != ":" } : part
            return name.wholeMatch(of: pattern) != nil
        }
    }

    static func pullPolicy(of image: String) -> String {
        guard !image.isEmpty, !image.contains(where: \.isWhitespace) else { return "IfNotPresent" }
        let parts = image.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts[0].split(separator: "/", omittingEmptySubsequences: false)
        let last = path.last ?? ""
        let colon = last.lastIndex(of: ":")
        let name = (path.count > 1 ? path[1...].joined() : "") + last[..<(colon ?? last.endIndex)]
        // Names of repositories are lower case, unlike those of hosts.
        guard isRepository(name, isWhole: path.count == 1, path.dropFirst()) else { return "IfNotPresent" }
        guard let colon else { return parts.count > 1 ? "IfNotPresent" : "Always" }
        return last[last.index(after: colon)...] == "latest" ? "Always" : "IfNotPresent"
    }

    private static func volume(_ volume: inout JSON) {
        if volume.object?.allSatisfy({ $0.key == "name" || $0.value.isNull }) ?? false { volume["emptyDir"] = [:] }
        for source in ["secret", "configMap", "downwardAPI", "projected"] {
            volume.edit(source) { $0.fill("defaultMode", 420) }
        }
        source(&volume)
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
        volume.edit("image") { $0.fillText("pullPolicy", pullPolicy(of: $0.text("reference"))) }
    }

    /// Sources that persistent volumes have, too.
    static func source(_ volume: inout JSON) {
        volume.edit("hostPath") { $0.fill("type", "") }
        volume.edit("iscsi") { $0.fillText("iscsiInterface", "default") }
        volume.edit("rbd") {
            $0.fillText("pool", "rbd")
            $0.fillText("user", "admin")
            $0.fillText("keyring", "/etc/ceph/keyring")
        }
        volume.edit("azureDisk") {
            $0.fill("cachingMode", "ReadWrite")
            $0.fill("fsType", "ext4")
            $0.fill("readOnly", false)
            $0.fill("kind", "Shared")
        }
        volume.edit("scaleIO") {
            $0.fillText("storageMode", "ThinProvisioned")
            $0.fillText("fsType", "xfs")
        }
    }
}
