import KubeModel

/// What Pods and nodes use (`metrics.k8s.io`), as metrics-server serves it. The values come from the node agent.
extension BuiltinKinds {
    static let measurements: [KindDefinition] = [
        components,
        measured("nodes", "NodeMetrics", isNamespaced: false) { [$0["usage"]] },
        measured("pods", "PodMetrics", isNamespaced: true) { object in
            object.list("containers").map { $0["usage"] }
        },
    ]

    /// How the parts of the control plane are, for old clients.
    private static let components = KindDefinition(
        type: ResourceType("", "v1", "componentstatuses", "ComponentStatus", isNamespaced: false), shortNames: ["cs"],
        isMeasured: true,
        columns: [
            .name, TableColumn("Status", description: "Status of the component conditions"),
            TableColumn("Message", description: "Message of the component conditions"),
            TableColumn("Error", description: "Error of the component conditions"),
        ],
        cells: { object, _ in
            let condition = object.list("conditions").first { $0["type"] == "Healthy" } ?? [:]
            let status: JSON = condition["status"] == "True" ? "Healthy" : "Unhealthy"
            return [Cell.name(object), status, condition["message"] ?? "", condition["error"] ?? ""]
        }, mergeKeys: MergeKeys(root: "ComponentStatus"))

    private static func measured(
        _ plural: String, _ kind: String, isNamespaced: Bool, usages: @escaping @Sendable (JSON) -> [JSON?]
    ) -> KindDefinition {
        KindDefinition(
            type: ResourceType("metrics.k8s.io", "v1beta1", plural, kind, isNamespaced: isNamespaced), singular: "",
            isMeasured: true,
            columns: [
                TableColumn("Name", format: "name", description: "Name of the resource"),
                TableColumn("cpu", format: "quantity"), TableColumn("memory", format: "quantity"),
                TableColumn("Window", format: "duration"),
            ],
            cells: { object, _ in
                let usages = usages(object)
                return [
                    Cell.name(object), sum("cpu", of: usages), sum("memory", of: usages), object["window"] ?? "",
                ]
            }, mergeKeys: MergeKeys(root: "metrics/v1beta1.\(kind)"))
    }

    private static func sum(_ resource: String, of usages: [JSON?]) -> JSON {
        let amounts = usages.compactMap { Quantity($0?[resource]) }
        let format = amounts.first?.format ?? .decimal
        return .string(Quantity(nanos: amounts.reduce(0) { $0 + $1.nanos }, format: format).text)
    }
}
