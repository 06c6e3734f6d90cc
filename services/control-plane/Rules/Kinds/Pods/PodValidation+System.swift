import KubeModel

/// Operating systems.
extension PodValidation {
    mutating func operatingSystem(_ spec: JSON, _ path: String) {
        guard let os = spec["os"], !os.isNull else { return }
        switch system {
        case "": issues.required("\(path).os.name")
        case "linux": linux(spec, path)
        case "windows": windowsPod(spec, path)
        default: issues.notSupported("\(path).os", os["name"], ["linux", "windows"])
        }
    }

    private mutating func linux(_ spec: JSON, _ path: String) {
        let detail = "windows options cannot be set for a linux pod"
        if spec["securityContext"]?.has("windowsOptions") == true {
            issues.forbidden("\(path).securityContext.windowsOptions", detail)
        }
        for (place, container) in Self.allContainers(spec, path)
        where container["securityContext"]?.has("windowsOptions") == true {
            issues.forbidden("\(place).securityContext.windowsOptions", detail)
        }
    }

    private static let notOfWindowsPods = [
        "appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls",
        "runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy",
    ]
    private static let notOfWindowsContainers = [
        "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem",
        "privileged", "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup",
    ]

    private mutating func windowsPod(_ spec: JSON, _ path: String) {
        let detail = "cannot be set for a windows pod"
        for field in ["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"] where spec.has(field) {
            issues.forbidden("\(path).\(field)", detail)
        }
        let context = spec["securityContext"] ?? [:]
        for field in Self.notOfWindowsPods where context.has(field) {
            issues.forbidden("\(path).securityContext.\(field)", detail)
        }
        for (place, container) in Self.allContainers(spec, path) {
            let context = container["securityContext"] ?? [:]
            for field in Self.notOfWindowsContainers where context.has(field) {
                issues.forbidden("\(place).securityContext.\(field)", detail)
            }
        }
    }

    mutating func windows(_ options: JSON?, _ path: String) {
        guard let options, !options.isNull else { return }
        if let name = options["gmsaCredentialSpecName"]?.string {
            issues.invalid("\(path).gmsaCredentialSpecName", name, NameRules.subdomain(name))
        }
        if let text = options["gmsaCredentialSpec"]?.string {
            let field = "\(path).gmsaCredentialSpec"
            if text.isEmpty {
                issues.invalid(field, "", "gmsaCredentialSpec cannot be an empty string")
            } else if text.utf8.count > 64 * 1024 {
                issues.invalid(field, .string(text), "gmsaCredentialSpec size must be under 64 KiB")
            }
        }
        if let name = options["runAsUserName"]?.string {
            for problem in Self.userProblems(name) {
                issues.invalid("\(path).runAsUserName", .string(name), "runAsUserName\(problem)")
            }
        }
    }

    private static func userProblems(_ name: String) -> [String] {
        if name.isEmpty { return [" cannot be an empty string"] }
        if name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            return [" cannot contain control characters"]
        }
        let parts = name.split(separator: "\\", omittingEmptySubsequences: false)
        if parts.count > 2 { return [" cannot contain more than one backslash"] }
        var problems: [String] = []
        if parts.count == 2 {
            let domain = parts[0]
            if domain.utf8.count >= 256 { problems.append("'s Domain length must be under 256 characters") }
            let netBIOS = #/[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}/#
            let label =
                #/[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*/#
            if domain.wholeMatch(of: netBIOS) == nil, domain.wholeMatch(of: label) == nil {
                problems.append("'s Domain doesn't match the NetBios nor the DNS format")
            }
        }
        let user = parts[parts.count - 1]
        if user.isEmpty {
            problems.append("'s User cannot be empty")
        } else if user.utf8.count > 104 {
            problems.append("'s User length must not be longer than 104 characters")
        }
        if !user.isEmpty, user.allSatisfy({ $0 == "." || $0 == " " }) {
            problems.append("'s User cannot contain only periods or spaces")
        }
        if user.contains(where: { "\"/\\:;|=,+*?<>@[]".contains($0) }) {
            problems.append("'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")
        }
        return problems
    }

    /// Either all containers are processes of the node, or none.
    mutating func hostProcess(_ spec: JSON, _ path: String) {
        let whole = spec.value(at: "securityContext", "windowsOptions", "hostProcess")?.bool
        let containers = Self.allContainers(spec, path)
        var count = 0
        for (place, container) in containers {
            let own = container.value(at: "securityContext", "windowsOptions", "hostProcess")?.bool
            if let whole, let own, whole != own {
                issues.invalid(
                    "\(place).securityContext.windowsOptions.hostProcess", .bool(own),
                    "pod hostProcess value must be identical if both are specified, was \(whole)")
            }
            if own ?? whole == true { count += 1 }
        }
        guard count > 0 else { return }
        if count != containers.count {
            issues.invalid(
                path, "",
                "If pod contains any hostProcess containers then all containers must be HostProcess containers")
        }
        if spec["hostNetwork"]?.bool != true {
            issues.invalid(
                "\(path).hostNetwork", false, "hostNetwork must be true if pod contains any hostProcess containers")
        }
    }
}
