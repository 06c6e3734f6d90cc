import Foundation
import KubeModel

extension BuiltinKinds {
    static let mutatingWebhooks = ResourceType(
        "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration",
        isNamespaced: false)
    static let validatingWebhooks = ResourceType(
        "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration",
        isNamespaced: false)

    static let extensions: [KindDefinition] = [
        webhooks(mutatingWebhooks, isMutating: true), webhooks(validatingWebhooks, isMutating: false),
        customResourceDefinition,
    ]

    private static func webhooks(_ type: ResourceType, isMutating: Bool) -> KindDefinition {
        kind(
            type, categories: ["api-extensions"],
            defaults: { object in
                object.editEach("webhooks") { hook in
                    hook.fillText("failurePolicy", "Fail")
                    hook.fillText("matchPolicy", "Equivalent")
                    hook.fill("namespaceSelector", [:])
                    hook.fill("objectSelector", [:])
                    hook.fill("timeoutSeconds", 10)
                    if isMutating { hook.fillText("reinvocationPolicy", "Never") }
                    hook.edit("clientConfig") { $0.edit("service") { $0.fill("port", 443) } }
                    hook.editEach("rules") { $0.fillText("scope", "*") }
                }
            },
            validate: { object, _, issues in
                var names: Set<String> = []
                for (index, hook) in object.list("webhooks").enumerated() {
                    let path = "webhooks[\(index)]"
                    let name = hook.text("name")
                    if name.split(separator: ".").count < 3 {
                        issues.invalid(
                            "\(path).name", .string(name),
                            "should be a domain with at least three segments separated by dots")
                    }
                    if !names.insert(name).inserted { issues.duplicate("\(path).name", .string(name)) }
                    if hook.list("admissionReviewVersions").isEmpty {
                        issues.required("\(path).admissionReviewVersions", "must specify one of v1, v1beta1")
                    }
                    issues.oneOf("\(path).failurePolicy", hook["failurePolicy"], ["Fail", "Ignore"])
                    issues.oneOf("\(path).matchPolicy", hook["matchPolicy"], ["Equivalent", "Exact"])
                    issues.oneOf(
                        "\(path).sideEffects", hook["sideEffects"], ["None", "NoneOnDryRun"], isRequired: true)
                    if let timeout = hook["timeoutSeconds"]?.int, !(1...30).contains(timeout) {
                        issues.invalid(
                            "\(path).timeoutSeconds", .int(timeout),
                            "the timeout value must be between 1 and 30 seconds")
                    }
                    WebhookRules.check(client: hook["clientConfig"] ?? [:], "\(path).clientConfig", &issues)
                    SelectorRules.check(hook["namespaceSelector"], "\(path).namespaceSelector", &issues)
                    SelectorRules.check(hook["objectSelector"], "\(path).objectSelector", &issues)
                    if !hook.list("matchConditions").isEmpty {
                        issues.forbidden("\(path).matchConditions", "conditions are not evaluated by this server")
                    }
                    for (place, rule) in hook.list("rules").enumerated() {
                        for field in ["operations", "apiGroups", "apiVersions", "resources"]
                        where rule.list(field).isEmpty {
                            issues.required("\(path).rules[\(place)].\(field)")
                        }
                    }
                }
            },
            columns: [.name, TableColumn("Webhooks", type: "integer"), .age],
            cells: { [Cell.name($0), .int(Int64($0.list("webhooks").count)), Cell.age($0, $1)] })
    }

    private static let customResourceDefinition = kind(
        .customResourceDefinitions, short: ["crd", "crds"], categories: ["api-extensions"], hasStatus: true,
        defaults: { object in
            object.edit("spec") { spec in
                spec.edit("names") { names in
                    guard !names.text("kind").isEmpty else { return }
                    names.fillText("singular", names.text("kind").lowercased())
                    names.fillText("listKind", names.text("kind") + "List")
                }
                spec.fill("conversion", ["strategy": "None"])
            }
        },
        create: {
            $0["status"] = ["conditions": [], "acceptedNames": ["plural": "", "kind": ""], "storedVersions": []]
        },
        validate: DefinitionRules.validate,
        columns: [.name, .createdAt], cells: { object, _ in [Cell.name(object), Cell.createdAt(object)] })
}
