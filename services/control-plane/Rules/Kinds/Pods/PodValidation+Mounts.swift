import KubeModel

extension PodValidation {
    mutating func mounts(_ container: JSON, _ path: String) {
        let devices = container.list("volumeDevices")
        let deviceNames = Set(devices.map { $0.text("name") })
        let byName = Dictionary(devices.map { ($0.text("name"), $0.text("devicePath")) }, uniquingKeysWith: { $1 })
        let devicePaths = Set(byName.values)
        let isPrivileged = container.value(at: "securityContext", "privileged")?.bool == true
        var paths: Set<String> = []
        for (index, mount) in container.list("volumeMounts").enumerated() {
            let place = "\(path)[\(index)]"
            let name = mount.text("name")
            if name.isEmpty { issues.required("\(place).name") }
            if volumes[name] == nil { issues.notFound("\(place).name", name) }
            let target = mount.text("mountPath")
            if target.isEmpty { issues.required("\(place).mountPath") }
            if !paths.insert(target).inserted {
                issues.invalid("\(place).mountPath", .string(target), "must be unique")
            }
            if deviceNames.contains(name) {
                issues.invalid("\(place).name", .string(name), "must not already exist in volumeDevices")
            }
            if devicePaths.contains(target) {
                issues.invalid(
                    "\(place).mountPath", .string(target), "must not already exist as a path in volumeDevices")
            }
            // The paths of these have no index, as the real server has it.
            if !mount.text("subPath").isEmpty { issues.descendingPath("\(path).subPath", mount.text("subPath")) }
            if !mount.text("subPathExpr").isEmpty {
                if !mount.text("subPath").isEmpty {
                    issues.invalid(
                        "\(place).subPathExpr", mount["subPathExpr"],
                        "subPathExpr and subPath are mutually exclusive")
                }
                issues.descendingPath("\(path).subPathExpr", mount.text("subPathExpr"))
            }
            propagation(mount, path, isPrivileged: isPrivileged)
            recursion(mount, "\(path).recursiveReadOnly")
        }
    }

    private mutating func propagation(_ mount: JSON, _ path: String, isPrivileged: Bool) {
        guard let mode = mount["mountPropagation"], !mode.isNull else { return }
        let field = "\(path).mountPropagation"
        issues.supported(field, mode, ["Bidirectional", "HostToContainer", "None"])
        if mode == "Bidirectional", !isPrivileged {
            issues.forbidden(field, "Bidirectional mount propagation is available only to privileged containers")
        }
    }

    private mutating func recursion(_ mount: JSON, _ field: String) {
        switch mount["recursiveReadOnly"] {
        case nil, .null, "Disabled": break
        case "Enabled", "IfPossible":
            if mount["readOnly"]?.bool != true {
                issues.forbidden(field, "may only be specified when readOnly is true")
            }
            if mount.has("mountPropagation"), mount.text("mountPropagation") != "None" {
                issues.forbidden(field, "may only be specified when mountPropagation is None or not specified")
            }
        case .some(let mode): issues.notSupported(field, mode, ["Disabled", "Enabled", "IfPossible"])
        }
    }

    mutating func devices(_ container: JSON, _ path: String) {
        let mounts = container.list("volumeMounts")
        let mountNames = Set(mounts.map { $0.text("name") })
        // Of several mounts of one volume only the last one is looked at, as the real server does.
        let byName = Dictionary(mounts.map { ($0.text("name"), $0.text("mountPath")) }, uniquingKeysWith: { $1 })
        let mountPaths = Set(byName.values)
        var names: Set<String> = []
        var paths: Set<String> = []
        for (index, device) in container.list("volumeDevices").enumerated() {
            let place = "\(path)[\(index)]"
            let name = device.text("name")
            let target = device.text("devicePath")
            if name.isEmpty { issues.required("\(place).name") }
            if names.contains(name) { issues.invalid("\(place).name", .string(name), "must be unique") }
            if let volume = volumes[name] {
                if !volume.has("persistentVolumeClaim"), !volume.has("ephemeral") {
                    issues.invalid(
                        "\(place).name", .string(name),
                        "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode")
                }
            } else {
                issues.notFound("\(place).name", name)
            }
            if target.isEmpty { issues.required("\(place).devicePath") }
            if paths.contains(target) { issues.invalid("\(place).devicePath", .string(target), "must be unique") }
            if target.split(separator: "/").contains("..") {
                issues.invalid("\(place).devicePath", .string(target), "can not contain backsteps ('..')")
            } else {
                paths.insert(target)
            }
            if mountNames.contains(name) {
                issues.invalid("\(place).name", .string(name), "must not already exist in volumeMounts")
            }
            if mountPaths.contains(target) {
                issues.invalid(
                    "\(place).devicePath", .string(target), "must not already exist as a path in volumeMounts")
            }
            if !name.isEmpty { names.insert(name) }
        }
    }
}
