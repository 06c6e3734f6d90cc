import KubeModel

extension PodValidation {
    mutating func dns(_ spec: JSON, _ path: String) {
        let config = spec["dnsConfig"] ?? .null
        let servers = config.list("nameservers")
        if spec.text("dnsPolicy") == "None" {
            if config.isNull {
                return issues.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
            }
            if servers.isEmpty {
                return issues.required(
                    "\(path).nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")
            }
        }
        if servers.count > 3 {
            issues.invalid("\(path).nameservers", config["nameservers"], "must not have more than 3 nameservers")
        }
        for (index, server) in servers.enumerated() {
            NetworkRules.checkAddress(server.string ?? "", "\(path).nameservers[\(index)]", &issues)
        }
        let searches = config.list("searches").map { $0.string ?? "" }
        if searches.count > 32 {
            issues.invalid("\(path).searches", config["searches"], "must not have more than 32 search paths")
        }
        if searches.joined(separator: " ").utf8.count > 2048 {
            issues.invalid(
                "\(path).searches", config["searches"],
                "must not have more than 2048 characters (including spaces) in the search list")
        }
        for (index, search) in searches.enumerated() where search != "." {
            let name = search.hasSuffix(".") ? String(search.dropLast()) : search
            issues.invalid("\(path).searches[\(index)]", name, Self.searchPath(name))
        }
        for (index, option) in config.list("options").enumerated() where option.text("name").isEmpty {
            issues.required("\(path).options[\(index)]", "must not be empty")
        }
    }

    private static func searchPath(_ name: String) -> [String] {
        var problems: [String] = []
        if name.utf8.count > 253 { problems.append("must be no more than 253 characters") }
        let rule = #/_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*/#
        if name.wholeMatch(of: rule) == nil {
            problems.append(
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"
            )
        }
        return problems
    }

    mutating func hostAliases(_ aliases: [JSON], _ path: String) {
        for (index, alias) in aliases.enumerated() {
            NetworkRules.checkAddress(alias.text("ip"), "\(path)[\(index)].ip", &issues)
            for (position, name) in alias.list("hostnames").enumerated() {
                let text = name.string ?? ""
                issues.invalid("\(path)[\(index)].hostnames[\(position)]", text, NameRules.subdomain(text))
            }
        }
    }
}
