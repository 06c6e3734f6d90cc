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
                    hook.fill("failurePolicy", "Fail")
                    hook.fill("matchPolicy", "Equivalent")
                    hook.fill("namespaceSelector", [:])
                    hook.fill("objectSelector", [:])
                    hook.fill("timeoutSeconds", 10)
                    if isMutating { hook.fill("reinvocationPolicy", "Never") }
                    hook.edit("clientConfig") { $0.edit("service") { $0.fill("port", 443) } }
                    hook.editEach("rules") { $0.fill("scope", "*") }
                }
            },
            validate: { WebhookRules.check($0, old: $1, isMutating: isMutating, &$2) },
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
