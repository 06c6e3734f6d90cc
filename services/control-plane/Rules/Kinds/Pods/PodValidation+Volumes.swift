import KubeModel

extension PodValidation {
    /// In the order in which a second source is noticed.
    private static let sources = [
        "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi",
        "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI", "fc",
        "flexVolume", "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume",
        "azureDisk", "storageos", "projected", "scaleIO", "csi", "ephemeral", "image",
    ]
    /// Sources that a complaint about a second one spells in another way.
    private static let spelled = ["cephfs": "cephFS", "downwardAPI": "downwarAPI"]

    mutating func volumes(_ volumes: [JSON], _ path: String) {
        let created = Set(
            podName.isEmpty ? [] : volumes.filter { $0.has("ephemeral") }.map { "\(podName)-\($0.text("name"))" })
        for (index, volume) in volumes.enumerated() {
            let place = "\(path)[\(index)]"
            let name = volume.text("name")
            let before = issues.all.count
            let given = Self.sources.filter { volume.has($0) }
            if given.isEmpty { issues.required(place, "must specify a volume type") }
            for kind in given.dropFirst() {
                issues.forbidden("\(place).\(Self.spelled[kind] ?? kind)", "may not specify more than 1 volume type")
            }
            if let kind = given.first, let source = volume[kind] { self.source(kind, source, place, volume: name) }
            issues.requiredName("\(place).name", name, NameRules.label)
            if self.volumes[name] != nil { issues.duplicate("\(place).name", .string(name)) }
            if issues.all.count == before { self.volumes[name] = volume }
            let claim = volume["persistentVolumeClaim"]?.text("claimName") ?? ""
            if created.contains(claim) {
                issues.invalid(
                    "\(place).persistentVolumeClaim.claimName", .string(claim),
                    "must not reference a PVC that gets created for an ephemeral volume")
            }
        }
    }

    private mutating func source(_ kind: String, _ source: JSON, _ place: String, volume: String) {
        let path = "\(place).\(kind)"
        switch kind {
        case "emptyDir":
            if let size = Quantity(source["sizeLimit"]), size < .zero {
                issues.forbidden("\(path).sizeLimit", "SizeLimit field must be a valid resource quantity")
            }
        case "gitRepo":
            issues.requiredText(path, source, "repository")
            issues.descendingPath("\(path).directory", source.text("directory"))
        case "secret", "configMap":
            issues.requiredText(path, source, kind == "secret" ? "secretName" : "name")
            mode(source["defaultMode"], "\(path).defaultMode")
            items(source.list("items"), "\(path).items")
        case "persistentVolumeClaim": issues.requiredText(path, source, "claimName")
        case "downwardAPI":
            mode(source["defaultMode"], "\(path).defaultMode")
            for file in source.list("items") { downwardFile(file, path) }
        case "projected": projected(source, path)
        case "csi":
            VolumeRules.driver(source.text("driver"), "\(path).driver", &issues)
            guard let secret = source["nodePublishSecretRef"], !secret.isNull else { break }
            let name = secret.text("name")
            if name.isEmpty { issues.required("\(path).nodePublishSecretRef.name") }
            issues.name("\(path).name", name, NameRules.subdomain)
        case "ephemeral": ephemeral(source, place, volume: volume)
        case "image":
            if isPod { issues.requiredText(path, source, "reference") }
            issues.supported(
                "\(path).pullPolicy", source["pullPolicy"], ["Always", "IfNotPresent", "Never"], isRequired: true)
        default: VolumeRules.check(kind, source, place, volume: volume, &issues)
        }
    }

    private mutating func ephemeral(_ source: JSON, _ place: String, volume: String) {
        let path = "\(place).ephemeral.volumeClaimTemplate"
        if let template = source["volumeClaimTemplate"], !template.isNull {
            let metadata = template["metadata"] ?? [:]
            MetadataRules.annotations(metadata["annotations"], "\(path).metadata.annotations", &issues)
            issues.add(MetadataRules.labels(metadata["labels"], "\(path).metadata.labels"))
            for (key, value) in metadata.object ?? [:]
            where key != "annotations" && key != "labels" && !value.isUnset {
                issues.forbidden("\(path).metadata.\(key)", "cannot be set")
            }
            ClaimRules.check(template["spec"] ?? [:], "\(path).spec", &issues)
        } else {
            issues.required(path)
        }
        guard !podName.isEmpty, !volume.isEmpty else { return }
        let claim = "\(podName)-\(volume)"
        for problem in NameRules.subdomain(claim) {
            issues.invalid("\(place).name", .string(volume), "PVC name \(FieldIssue.quoted(claim)): \(problem)")
        }
    }

    private mutating func mode(_ mode: JSON?, _ field: String) {
        guard let number = mode?.int, !(0...0o777).contains(number) else { return }
        issues.invalid(field, .int(number), "must be a number between 0 and 0777 (octal), both inclusive")
    }

    private mutating func items(_ items: [JSON], _ path: String) {
        for (index, item) in items.enumerated() {
            let place = "\(path)[\(index)]"
            issues.requiredText(place, item, "key")
            issues.requiredText(place, item, "path")
            issues.localPath("\(place).path", item.text("path"))
            mode(item["mode"], "\(place).mode")
        }
    }

    /// One file of the downward API; the paths have no index, as the real server has it.
    private mutating func downwardFile(_ file: JSON, _ path: String) {
        issues.requiredText(path, file, "path")
        issues.localPath("\(path).path", file.text("path"))
        let resource = file["resourceFieldRef"] ?? .null
        if let field = file["fieldRef"], !field.isNull {
            fieldReference(field, "\(path).fieldRef", Self.volumeFields)
            if !resource.isNull {
                issues.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
            }
        } else if !resource.isNull {
            resourceReference(resource, "\(path).resourceFieldRef", needsContainer: true)
        } else {
            issues.required(path, "one of fieldRef and resourceFieldRef is required")
        }
        mode(file["mode"], "\(path).mode")
    }

    private mutating func projected(_ volume: JSON, _ path: String) {
        mode(volume["defaultMode"], "\(path).defaultMode")
        var paths: Set<String> = []
        func claim(_ file: String, _ value: String, _ issues: inout Issues) {
            guard !file.isEmpty, !paths.insert(file).inserted else { return }
            issues.invalid(path, .string(value), "conflicting duplicate paths")
        }
        for (index, source) in volume.list("sources").enumerated() {
            let place = "\(path).sources[\(index)]"
            for kind in ["secret", "configMap"] {
                guard let projection = source[kind], !projection.isNull else { continue }
                issues.requiredText("\(place).\(kind)", projection, "name")
                items(projection.list("items"), "\(place).\(kind).items")
                for item in projection.list("items") { claim(item.text("path"), projection.text("name"), &issues) }
            }
            for file in source["downwardAPI"]?.list("items") ?? [] {
                downwardFile(file, "\(place).downwardAPI")
                claim(file.text("path"), file.text("path"), &issues)
            }
            if let token = source["serviceAccountToken"], !token.isNull {
                let field = "\(place).serviceAccountToken.expirationSeconds"
                let seconds = token["expirationSeconds"]?.int ?? 0
                if seconds < 600 {
                    issues.invalid(field, .int(seconds), "may not specify a duration less than 10 minutes")
                }
                if seconds > 1 << 32 {
                    issues.invalid(field, .int(seconds), "may not specify a duration larger than 2^32 seconds")
                }
                issues.requiredText(path, token, "path")
                issues.localPath("\(path).path", token.text("path"))
            }
            let kinds = ["secret", "configMap", "downwardAPI", "serviceAccountToken"].filter { source.has($0) }
            if kinds.count > 1 {
                issues.forbidden(place, "may not specify more than 1 volume type per source")
            }
        }
    }
}
