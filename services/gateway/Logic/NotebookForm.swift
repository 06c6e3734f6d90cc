import Identity
import KubeModel

/// The form for a new notebook, checked, and the objects it stands for.
///
/// The page checks the same things first, for the person's sake; what counts is checked here.
struct NotebookForm: Sendable {
    /// The Pod's name gets a suffix of the StatefulSet's revision, which must fit into a label.
    static let longestName = 52

    /// Volumes that are to be made, with the field that asked for each.
    let claims: [(field: String, claim: KubeObject)]
    /// The notebook.
    let notebook: KubeObject

    private static let serverTypes = ["jupyter": "image", "group-one": "imageGroupOne", "group-two": "imageGroupTwo"]

    /// Reads the body of a request.
    ///
    /// - Throws: ``FormProblems`` with everything that is wrong.
    init(_ body: JSON, namespace: String, user: String, configuration: SpawnerConfiguration) throws(FormProblems) {
        guard body.object != nil else { throw FormProblems("", "Request is not in JSON format.") }
        var reader = FormReader(body: body, configuration: configuration)

        let name = body["name"]?.string?.trimmed ?? ""
        if let problem = Self.nameProblem(name) { reader.problems.add("name", problem) }
        if let other = body["namespace"]?.string, !other.isEmpty, other != namespace {
            reader.problems.add("namespace", "The form is for the namespace \(other), the request for \(namespace).")
        }
        let serverType = body["serverType"]?.string ?? "jupyter"
        if Self.serverTypes[serverType] == nil {
            reader.problems.add("serverType", "'\(serverType)' is not a valid server type.")
        }

        var container: JSON = ["name": .string(name)]
        container["image"] = .string(reader.image(group: Self.serverTypes[serverType] ?? "image"))
        container["imagePullPolicy"] = reader.imagePullPolicy().map(JSON.string)
        container["resources"] = reader.resources()
        container["env"] = reader.environment()

        var spec: JSON = ["serviceAccountName": "default-editor"]
        spec["tolerations"] = reader.option("tolerationGroup", key: "groupKey", part: "tolerations")
        spec["affinity"] = reader.option("affinityConfig", key: "configKey", part: "affinity")
        var volumes = FormVolumes(notebook: name, namespace: namespace)
        if let workspace = reader.value("workspace", configured: "workspaceVolume"), !workspace.isNull {
            volumes.add(workspace, field: "workspace", problems: &reader.problems)
        }
        for (position, volume) in (reader.value("datavols", configured: "dataVolumes")?.array ?? []).enumerated() {
            volumes.add(volume, field: "datavols[\(position)]", problems: &reader.problems)
        }
        if reader.value("shm")?.bool ?? false { volumes.addSharedMemory() }
        if !volumes.mounts.isEmpty {
            container["volumeMounts"] = .array(volumes.mounts)
            spec["volumes"] = .array(volumes.volumes)
        }
        spec["containers"] = [container]

        var labels = ["app": name]
        for label in reader.configurations() { labels[label] = "true" }
        var annotations = [
            "notebooks.kubeflow.org/server-type": serverType, "notebooks.kubeflow.org/creator": user,
        ]
        if serverType != "jupyter" { annotations["notebooks.kubeflow.org/http-rewrite-uri"] = "/" }
        if serverType == "group-two" {
            let headers: JSON = ["X-RStudio-Root-Path": .string("/notebook/\(namespace)/\(name)/")]
            annotations["notebooks.kubeflow.org/http-headers-request-set"] = headers.text
        }
        guard reader.problems.isEmpty else { throw reader.problems }

        var notebook = KubeObject(
            apiVersion: ResourceType.notebooks.apiVersion, kind: "Notebook", name: name, namespace: namespace,
            labels: labels, annotations: annotations)
        notebook.spec = ["template": ["spec": spec]]
        self.notebook = notebook
        claims = volumes.claims
    }

    static func nameProblem(_ name: String) -> String? {
        if name.isEmpty { return "Parameter 'name' is missing from the request's body." }
        if name.utf8.count > longestName {
            return "At most \(longestName) characters, because Pods are named after it."
        }
        guard NameRules.label1035(name).isEmpty else {
            return "Lower-case letters, digits and '-', beginning with a letter and not ending in '-'."
        }
        return nil
    }
}

/// Reads single fields by the rules that all of them share.
struct FormReader {
    let body: JSON
    let configuration: SpawnerConfiguration
    var problems = FormProblems()

    init(body: JSON, configuration: SpawnerConfiguration) { (self.body, self.configuration) = (body, configuration) }

    /// The value of a field: what was sent, or what the administrator fixed, or the default.
    mutating func value(_ field: String, configured key: String? = nil) -> JSON? {
        let key = key ?? field
        if configuration.isReadOnly(key) {
            if let sent = body[field], !sent.isNull {
                problems.add(field, "'\(field)' is readonly but a value was provided")
            }
            return configuration.value(key)
        }
        if let sent = body[field] { return sent }
        // A workspace that was not sent is a notebook without one.
        return field == "workspace" ? nil : configuration.value(key)
    }

    mutating func image(group: String) -> String {
        let custom = body["customImage"]?.string?.trimmed ?? ""
        let sent = body["image"]?.string?.trimmed ?? ""
        let isCustom = body["customImageCheck"]?.bool ?? (sent.isEmpty && !custom.isEmpty)
        if configuration.isReadOnly(group) {
            if isCustom || !sent.isEmpty { problems.add("image", "'image' is readonly but a value was provided") }
            return configuration.value(group)?.string ?? ""
        }
        let image = isCustom ? (custom.isEmpty ? sent : custom) : sent
        let field = isCustom ? "customImage" : "image"
        guard !image.isEmpty else {
            problems.add(field, isCustom ? "Name an image." : "No value provided for: image")
            return ""
        }
        let options = configuration.options(group).compactMap(\.string) + [configuration.value(group)?.string ?? ""]
        if !options.contains(image), !configuration.allowsCustomImage {
            problems.add(field, "Only the images on offer can be used here.")
        }
        let isPlausible =
            image.utf8.count <= 500 && image.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x27 }
        if !isPlausible { problems.add(field, "This is not the name of an image.") }
        return image
    }

    mutating func imagePullPolicy() -> String? {
        guard let policy = value("imagePullPolicy")?.string, !policy.isEmpty else { return nil }
        if !["Always", "IfNotPresent", "Never"].contains(policy) {
            problems.add("imagePullPolicy", "Always, IfNotPresent or Never.")
        }
        return policy
    }

    mutating func resources() -> JSON {
        var requests: JSON = [:]
        var limits: JSON = [:]
        for resource in ["cpu", "memory"] {
            guard let request = amount(resource) else { continue }
            requests[resource] = .string(request.text)
            if let limit = limit(resource, request: request) { limits[resource] = .string(limit) }
        }
        if let (vendor, count) = gpus() { limits[vendor] = .string(count) }
        return ["requests": requests, "limits": limits]
    }

    private mutating func amount(_ field: String) -> (text: String, quantity: Quantity)? {
        guard let value = value(field) else { return nil }
        let text = value.string?.trimmed ?? value.text
        guard let quantity = Quantity(text), quantity > .zero else {
            problems.add(
                field, field == "cpu" ? "A number of cores, such as 0.5." : "An amount of memory, such as 1.0Gi.")
            return nil
        }
        return (text, quantity)
    }

    /// The limit that was asked for, or the request times the configured factor, rounded to a tenth.
    private mutating func limit(_ resource: String, request: (text: String, quantity: Quantity)) -> String? {
        let field = resource + "Limit"
        let sent = body[field].flatMap { $0.string?.trimmed ?? ($0.isNull ? nil : $0.text) } ?? ""
        if !sent.isEmpty, configuration.isReadOnly(resource) {
            problems.add(field, "'\(field)' is readonly but a value was provided")
            return nil
        }
        if !sent.isEmpty {
            guard let quantity = Quantity(sent) else {
                problems.add(field, "This is not an amount.")
                return nil
            }
            if quantity < request.quantity { problems.add(field, "The limit must not be less than what is requested.") }
            return sent
        }
        guard let factor = configuration.limitFactor(resource), factor >= 1 else { return nil }
        let digits = request.text.prefix { $0.isNumber || $0 == "." }
        let unit = request.text.dropFirst(digits.count)
        guard let number = Double(digits) else { return nil }
        let limit = (number * factor * 10).rounded() / 10
        // A small request rounds to less than itself.
        let text = "\(limit == limit.rounded() && !digits.contains(".") ? String(Int(limit)) : String(limit))\(unit)"
        guard let quantity = Quantity(text), quantity >= request.quantity else { return request.text }
        return text
    }

    private mutating func gpus() -> (vendor: String, count: String)? {
        guard let gpus = value("gpus"), !gpus.isNull else { return nil }
        let count = gpus["num"]?.string ?? gpus["num"]?.int.map { String($0) } ?? "none"
        if count == "none" || count.isEmpty { return nil }
        let vendor = gpus["vendor"]?.string ?? ""
        let known = (configuration.value("gpus")?["vendors"]?.array ?? []).compactMap { $0["limitsKey"]?.string }
        guard let number = Int(count), number > 0 else {
            problems.add("gpus", "A whole number of GPUs, or none.")
            return nil
        }
        guard known.contains(vendor) else {
            problems.add("gpus", "Choose the vendor of the GPUs.")
            return nil
        }
        return (vendor, String(number))
    }

    /// Part of the option that was chosen by its key; nil for `none`.
    mutating func option(_ field: String, key: String, part: String) -> JSON? {
        guard let chosen = value(field)?.string, !chosen.isEmpty, chosen != "none" else { return nil }
        guard let option = configuration.options(field).first(where: { $0[key]?.string == chosen }) else {
            problems.add(field, "'\(chosen)' is not on offer.")
            return nil
        }
        return option[part]
    }

    mutating func configurations() -> [String] {
        let labels = (value("configurations")?.array ?? []).compactMap(\.string)
        for label in labels where !NameRules.qualifiedName(label).isEmpty || label == "app" {
            problems.add("configurations", "'\(label)' cannot be a label.")
        }
        return labels
    }

    mutating func environment() -> JSON? {
        guard let variables = value("environment")?.object, !variables.isEmpty else { return nil }
        var list: [JSON] = []
        for (name, value) in variables {
            guard NameRules.environmentName(name).isEmpty, let text = value.string ?? value.int.map({ String($0) })
            else {
                problems.add("environment", "'\(name)' cannot be set.")
                continue
            }
            list.append(["name": .string(name), "value": .string(text)])
        }
        return .array(list)
    }
}
