import KubeModel

extension PodValidation {
    mutating func probes(_ container: JSON, _ path: String) {
        for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
            guard let probe = container[name], !probe.isNull else { continue }
            let place = "\(path).\(name)"
            handler(probe, place, kinds: ["exec", "httpGet", "tcpSocket", "grpc"])
            for field in [
                "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold",
            ] {
                issues.notNegative("\(place).\(field)", probe[field])
            }
            let grace = probe["terminationGracePeriodSeconds"]?.int
            if let grace, grace <= 0 {
                issues.invalid("\(place).terminationGracePeriodSeconds", .int(grace), "must be greater than 0")
            }
            if name != "readinessProbe" {
                let threshold = probe["successThreshold"]?.int ?? 0
                if threshold != 1 { issues.invalid("\(place).successThreshold", .int(threshold), "must be 1") }
            } else if let grace {
                issues.invalid(
                    "\(place).terminationGracePeriodSeconds", .int(grace), "must not be set for readinessProbes")
            }
        }
    }

    mutating func lifecycle(_ container: JSON, _ path: String) {
        guard let lifecycle = container["lifecycle"], !lifecycle.isNull else { return }
        for hook in ["postStart", "preStop"] {
            guard let action = lifecycle[hook], !action.isNull else { continue }
            handler(action, "\(path).lifecycle.\(hook)", kinds: ["exec", "httpGet", "tcpSocket", "sleep"])
        }
    }

    private mutating func handler(_ handler: JSON, _ path: String, kinds: [String]) {
        let given = kinds.filter { handler.has($0) }
        if given.isEmpty { issues.required(path, "must specify a handler type") }
        for kind in given.dropFirst() {
            issues.forbidden("\(path).\(kind)", "may not specify more than 1 handler type")
        }
        guard let kind = given.first, let action = handler[kind] else { return }
        let place = "\(path).\(kind)"
        switch kind {
        case "exec":
            if action.list("command").isEmpty { issues.required("\(place).command") }
        case "httpGet":
            issues.requiredText(place, action, "path")
            Self.port(action["port"], "\(place).port", &issues)
            issues.supported("\(place).scheme", action["scheme"], ["HTTP", "HTTPS"])
            for header in action.list("httpHeaders") {
                issues.invalid("\(place).httpHeaders", header.text("name"), Self.headerName(header.text("name")))
            }
        case "sleep":
            let seconds = action["seconds"]?.int ?? 0
            if let gracePeriod, seconds < 0 || seconds > gracePeriod {
                issues.invalid(
                    place, .int(seconds),
                    "must be non-negative and less than terminationGracePeriodSeconds (\(gracePeriod))")
            }
        default: Self.port(action["port"], "\(place).port", &issues)
        }
    }

    /// A port by number, or by the name of a container's port.
    static func port(_ port: JSON?, _ field: String, _ issues: inout Issues) {
        if case .string(let name) = port {
            issues.invalid(field, name, NameRules.portName(name))
        } else {
            issues.range(field, .int(port?.int ?? 0), 1...65_535)
        }
    }

    private static func headerName(_ name: String) -> [String] {
        let isFine =
            !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        return isFine
            ? []
            : [
                "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
            ]
    }
}
