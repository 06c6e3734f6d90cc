import KubeModel

/// One of `x-kubernetes-validations`, as it is written.
struct RuleText: Sendable {
    let rule: String
    let message: String
    let messageExpression: String
    let reason: String?
    let fieldPath: String
    let optionalOldSelf: Bool?

    init(_ json: JSON) {
        func text(_ key: String) -> String { json[key]?.string ?? "" }
        (rule, message, messageExpression) = (text("rule"), text("message"), text("messageExpression"))
        (reason, fieldPath) = (json["reason"]?.string, text("fieldPath"))
        optionalOldSelf = json["optionalOldSelf"]?.bool
    }

    /// What messages call the rule: its own message or its text.
    var title: String {
        message.isEmpty ? rule.trimmingBlanks : message.trimmingBlanks
    }

    /// The rule as the value of an issue.
    var json: JSON {
        [
            "Rule": .string(rule), "Message": .string(message), "MessageExpression": .string(messageExpression),
            "Reason": reason.map(JSON.string) ?? .null, "FieldPath": .string(fieldPath),
            "OptionalOldSelf": optionalOldSelf.map(JSON.bool) ?? .null,
        ]
    }
}

extension String {
    /// Without blanks and line ends around it.
    public var trimmingBlanks: String {
        let blanks: Set<Character> = [" ", "\t", "\n", "\r", "\r\n", "\u{b}", "\u{c}"]
        guard let first = firstIndex(where: { !blanks.contains($0) }),
            let last = lastIndex(where: { !blanks.contains($0) })
        else { return "" }
        return String(self[first...last])
    }

    var hasLineBreak: Bool { utf8.contains(10) || utf8.contains(13) }
}
