import KubeModel

/// Sources that volumes of Pods and persistent volumes share. `isPersistent` sources may name Secrets elsewhere.
enum VolumeRules {
    /// Finds what is wrong with a source of a volume at `place`.
    static func check(
        _ kind: String, _ source: JSON, _ place: String, volume: String, isPersistent: Bool = false,
        _ issues: inout Issues
    ) {
        let path = "\(place).\(kind)"
        if let fields = needed[kind] {
            for field in fields { issues.requiredText(path, source, field) }
        }
        switch kind {
        case "hostPath", "local": folder(kind, source, path, &issues)
        case "gcePersistentDisk": disk(source, "\(place).persistentDisk", "pdName", &issues)
        case "awsElasticBlockStore": disk(source, path, "volumeID", &issues)
        case "nfs":
            if !source.text("path").hasPrefix("/") {
                issues.invalid("\(path).path", source["path"] ?? "", "must be an absolute path")
            }
        case "iscsi": iscsi(source, path, volume: volume, isPersistent: isPersistent, place, &issues)
        case "rbd", "cephfs":
            if source.list("monitors").isEmpty { issues.required("\(path).monitors") }
        case "cinder", "storageos": secret(source, path, isPersistent: isPersistent, &issues)
        case "fc": fibre(source, path, &issues)
        case "flocker": flocker(source, path, &issues)
        case "quobyte": quobyte(source, path, &issues)
        case "flexVolume": flex(source, path, &issues)
        case "azureDisk": azureDisk(source, path, &issues)
        default: break
        }
        if kind == "storageos" {
            issues.name("\(path).volumeName", source.text("volumeName"), NameRules.label)
            issues.name("\(path).volumeNamespace", source.text("volumeNamespace"), NameRules.label)
        }
        guard isPersistent else { return }
        if kind == "glusterfs", let namespace = source["endpointsNamespace"]?.string {
            if namespace.isEmpty {
                issues.invalid(
                    "\(path).endpointsNamespace", "",
                    "if the endpointnamespace is set, it must be a valid namespace name")
            } else {
                issues.invalid("\(path).endpointsNamespace", namespace, NameRules.label(namespace))
            }
        }
        if kind == "azureFile", source["secretNamespace"] == "" { issues.required("\(path).secretNamespace") }
        if kind == "csi" { csi(source, path, &issues) }
    }

    /// Fields that a source cannot be without.
    private static let needed: [String: [String]] = [
        "nfs": ["server", "path"], "glusterfs": ["endpoints", "path"], "rbd": ["image"], "cinder": ["volumeID"],
        "vsphereVolume": ["volumePath"], "photonPersistentDisk": ["pdID"], "portworxVolume": ["volumeID"],
        "scaleIO": ["gateway", "system", "volumeName"], "azureFile": ["secretName", "shareName"],
        "azureDisk": ["diskName", "diskURI"], "storageos": ["volumeName"], "flexVolume": ["driver"],
        "quobyte": ["volume"],
    ]

    private static let folderKinds = [
        "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
    ]

    private static func folder(_ kind: String, _ source: JSON, _ path: String, _ issues: inout Issues) {
        let target = source.text("path")
        guard !target.isEmpty else { return issues.required("\(path).path") }
        issues.noBacksteps("\(path).path", target)
        if kind == "hostPath", let type = source["type"], !type.isNull {
            issues.supported("\(path).type", type, folderKinds)
        }
    }

    private static func disk(_ source: JSON, _ path: String, _ name: String, _ issues: inout Issues) {
        issues.requiredText(path, source, name)
        let partition = source["partition"]?.int ?? 0
        if !(0...255).contains(partition) {
            issues.invalid("\(path).partition", .int(partition), "must be between 1 and 255, inclusive")
        }
    }

    private static func iscsi(
        _ source: JSON, _ path: String, volume: String, isPersistent: Bool, _ place: String, _ issues: inout Issues
    ) {
        let portal = source.text("targetPortal")
        issues.requiredText(path, source, "targetPortal")
        let initiator = source["initiatorName"]?.string
        if initiator != nil, "\(volume):\(portal)".utf8.count > 64 {
            issues.invalid(
                isPersistent ? "\(path).targetportal" : "\(place).name", .string(isPersistent ? portal : volume),
                "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified."
            )
        }
        if source.text("iqn").isEmpty {
            issues.required("\(path).iqn")
        } else {
            qualified(source.text("iqn"), "\(path).iqn", isPersistent, &issues)
        }
        issues.range("\(path).lun", .int(source["lun"]?.int ?? 0), 0...255)
        let authenticates = source["chapAuthDiscovery"]?.bool == true || source["chapAuthSession"]?.bool == true
        if authenticates, !source.has("secretRef") { issues.required("\(path).secretRef") }
        if isPersistent, source.has("secretRef"), source.value(at: "secretRef", "name")?.string?.isEmpty ?? true {
            issues.required("\(path).secretRef.name")
        }
        if let initiator { qualified(initiator, "\(path).initiatorname", isPersistent, &issues) }
    }

    private static func qualified(_ name: String, _ field: String, _ isPersistent: Bool, _ issues: inout Issues) {
        let isFine: Bool
        if name.hasPrefix("iqn") {
            isFine = name.contains(/iqn\.\d{4}-\d{2}\.([a-zA-Z0-9\-.]+)(:[^,;*&$|\s]+)$/)
        } else if name.hasPrefix("eui") {
            isFine = name.wholeMatch(of: /eui.[a-zA-Z0-9]{16}/) != nil
        } else if name.hasPrefix("naa") {
            isFine = name.wholeMatch(of: /naa.[a-zA-Z0-9]{32}/) != nil
        } else {
            let ending = isPersistent ? "" : " starting with iqn, eui, or naa"
            return issues.invalid(field, .string(name), "must be valid format\(ending)")
        }
        if !isFine { issues.invalid(field, .string(name), "must be valid format") }
    }

    /// The Secret of a source; a persistent one also says in which namespace it is.
    private static func secret(_ source: JSON, _ path: String, isPersistent: Bool, _ issues: inout Issues) {
        guard let secret = source["secretRef"], !secret.isNull else { return }
        issues.requiredText("\(path).secretRef", secret, "name")
        if isPersistent { issues.requiredText("\(path).secretRef", secret, "namespace") }
    }

    private static func fibre(_ source: JSON, _ path: String, _ issues: inout Issues) {
        let hasNames = !source.list("targetWWNs").isEmpty
        let hasIDs = !source.list("wwids").isEmpty
        if !hasNames, !hasIDs {
            issues.required("\(path).targetWWNs", "must specify either targetWWNs or wwids, but not both")
        }
        if hasNames, hasIDs {
            issues.invalid(
                "\(path).targetWWNs", source["targetWWNs"],
                "targetWWNs and wwids can not be specified simultaneously")
        }
        guard hasNames else { return }
        guard source.has("lun") else {
            return issues.required("\(path).lun", "lun is required if targetWWNs is specified")
        }
        issues.range("\(path).lun", source["lun"], 0...255)
    }

    private static func flocker(_ source: JSON, _ path: String, _ issues: inout Issues) {
        let name = source.text("datasetName")
        let id = source.text("datasetUUID")
        if name.isEmpty, id.isEmpty { issues.required(path, "one of datasetName and datasetUUID is required") }
        if !name.isEmpty, !id.isEmpty {
            issues.invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously")
        }
        if name.contains("/") { issues.invalid("\(path).datasetName", .string(name), "must not contain '/'") }
    }

    private static func quobyte(_ source: JSON, _ path: String, _ issues: inout Issues) {
        let registry = source.text("registry")
        let detail = "must be a host:port pair or multiple pairs separated by commas"
        if registry.isEmpty { return issues.required("\(path).registry", detail) }
        if source.text("tenant").utf8.count >= 65 {
            return issues.required("\(path).tenant", "must be a UUID and may not exceed a length of 64 characters")
        }
        for pair in registry.split(separator: ",", omittingEmptySubsequences: false)
        where pair.count(where: { $0 == ":" }) != 1 && !pair.hasPrefix("[") {
            issues.invalid("\(path).registry", .string(registry), detail)
        }
    }

    private static func flex(_ source: JSON, _ path: String, _ issues: inout Issues) {
        for key in source["options"]?.object?.keys ?? [] {
            let domain = "." + (key.split(separator: "/").first ?? "").lowercased()
            guard domain.hasSuffix(".kubernetes.io") || domain.hasSuffix(".k8s.io") else { continue }
            issues.invalid(
                "\(path).options[\(key)]", .string(key), "kubernetes.io and k8s.io namespaces are reserved")
        }
    }

    private static func azureDisk(_ source: JSON, _ path: String, _ issues: inout Issues) {
        if source.has("cachingMode") {
            issues.supported("\(path).cachingMode", source["cachingMode"], ["None", "ReadOnly", "ReadWrite"])
        }
        guard source.has("kind") else { return }
        issues.supported("\(path).kind", source["kind"], ["Dedicated", "Managed", "Shared"])
        let uri = source.text("diskURI")
        if source.text("kind") == "Managed" {
            guard !uri.hasPrefix("/subscriptions/") else { return }
            issues.notSupported(
                "\(path).diskURI", .string(uri),
                [
                    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
                ])
        } else if !uri.hasPrefix("https://") {
            issues.notSupported(
                "\(path).diskURI", .string(uri),
                ["https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"])
        }
    }

    /// The name of a storage driver.
    static func driver(_ name: String, _ field: String, _ issues: inout Issues) {
        guard !name.isEmpty else { return issues.required(field) }
        if name.utf8.count > 63 { issues.tooLong(field, 63) }
        issues.invalid(field, name, NameRules.subdomain(name.lowercased()))
    }

    private static func csi(_ source: JSON, _ path: String, _ issues: inout Issues) {
        driver(source.text("driver"), "\(path).driver", &issues)
        issues.requiredText(path, source, "volumeHandle")
        for key in [
            "controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef",
        ] {
            guard let secret = source[key], !secret.isNull else { continue }
            issues.requiredName("\(path).\(key).name", secret.text("name"), NameRules.subdomain)
            issues.requiredName("\(path).\(key).namespace", secret.text("namespace"), NameRules.label)
        }
    }
}
