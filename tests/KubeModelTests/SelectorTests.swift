import KubeModel
import Testing

@Suite("Label selectors")
struct LabelSelectorTests {
    private let labels = ["app": "lab", "tier": "web", "size": "5"]

    @Test(
        "the string form matches as kubectl users expect",
        arguments: [
            ("", true), ("app=lab", true), ("app==lab", true), ("app!=lab", false), ("app=web", false),
            ("other!=x", true),
            ("app", true), ("!app", false), ("!other", true), ("app in (lab, web),tier", true),
            ("app notin (lab)", false),
            ("other notin (x)", true), ("size>4", true), ("size<5", false), ("app in (lab),size>4,!legacy", true),
            (" app = lab , tier = web ", true), ("app=", false),
        ])
    func matching(text: String, matches: Bool) throws {
        #expect(try LabelSelector(parsing: text).matches(labels) == matches)
    }

    @Test(
        "what cannot be read is refused",
        arguments: [
            "app=lab=x", "app in lab", "app in (lab", "=x", "app,,tier", "-app=x", "app=b@d", "size>x", "app lab",
        ])
    func refusal(text: String) {
        #expect(throws: APIError.self) { try LabelSelector(parsing: text) }
    }

    @Test(
        "the text reads back as the same selector",
        arguments: ["app=lab,tier!=web,env in (a,b),!f,g,x notin (y,z)", "n>5"])
    func text(text: String) throws {
        #expect(try LabelSelector(parsing: text).text == text)
    }

    @Test("the object form combines labels and expressions")
    func object() throws {
        let json = try JSON(
            parsing:
                #"{"matchLabels":{"app":"lab"},"matchExpressions":[{"key":"tier","operator":"In","values":["web"]}]}"#)
        #expect(LabelSelector(object: json).matches(labels))
        #expect(!LabelSelector(object: json).matches(["app": "lab"]))
        #expect(!LabelSelector(object: nil).matches(labels))
        #expect(LabelSelector(object: [:]).matches([:]))
    }
}

@Suite("Field selectors")
struct FieldSelectorTests {
    private let pod: JSON = [
        "metadata": ["name": "lab"], "spec": ["hostNetwork": true], "status": ["phase": "Running"],
    ]

    @Test(
        "fields are compared by path",
        arguments: [
            ("metadata.name=lab", true), ("metadata.name!=lab", false),
            ("status.phase==Running,spec.hostNetwork=true", true),
            ("spec.nodeName=", true), ("spec.nodeName!=", false), ("", true),
        ])
    func matching(text: String, matches: Bool) throws {
        #expect(try FieldSelector(parsing: text).matches(pod) == matches)
    }

    @Test("escaped commas and equal signs belong to the value")
    func escapes() throws {
        let selector = try FieldSelector(parsing: #"a.b=x\,y\=z"#)
        #expect(selector.required("a.b") == "x,y=z")
        #expect(selector.text == #"a.b=x\,y\=z"#)
        #expect(throws: APIError.self) { try FieldSelector(parsing: #"a=b\q"#) }
        #expect(throws: APIError.self) { try FieldSelector(parsing: "nonsense") }
    }
}

@Suite("Names")
struct NameRulesTests {
    @Test("labels, subdomains and qualified names are told apart")
    func rules() {
        #expect(NameRules.label("lab-1").isEmpty)
        #expect(NameRules.label("Lab").count == 1)
        #expect(NameRules.label(String(repeating: "a", count: 64)) == ["must be no more than 63 characters"])
        #expect(NameRules.label("a.b").count == 1)
        #expect(NameRules.subdomain("notebooks.kubeflow.org").isEmpty)
        #expect(NameRules.subdomain("a..b").count == 1)
        #expect(NameRules.label1035("1a").count == 1)
        #expect(NameRules.qualifiedName("kubernetes.io/metadata.name").isEmpty)
        #expect(NameRules.qualifiedName("a/b/c").count == 1)
        #expect(NameRules.qualifiedName("/x") == ["prefix part must be non-empty"])
        #expect(NameRules.labelValue("").isEmpty)
        #expect(NameRules.labelValue("-x").count == 1)
        #expect(NameRules.configKey("..data").count == 1)
        #expect(NameRules.portName("http").isEmpty)
        #expect(NameRules.portName("123").count == 1)
    }
}

@Suite("Conditions")
struct ConditionsTests {
    @Test("the transition time moves only with the status")
    func transitions() throws {
        var conditions = Conditions(nil)
        let first = Timestamp(seconds: 0)
        let second = Timestamp(seconds: 60)
        let isNew = conditions.set("Ready", "False", reason: "Starting", now: first)
        let hasNewReason = conditions.set("Ready", "False", reason: "Waiting", now: second)
        #expect(isNew && hasNewReason)
        #expect(conditions["Ready"]?.lastTransitionTime == first.text)
        let isRepeated = conditions.set("Ready", "False", reason: "Waiting", now: second)
        #expect(!isRepeated)
        conditions.set("Ready", "True", now: second)
        #expect(conditions["Ready"]?.lastTransitionTime == second.text)
        #expect(conditions.isTrue("Ready"))
    }
}
