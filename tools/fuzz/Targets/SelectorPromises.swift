import KubeModel

/// A selector that is read can be written and read again, and means the same.
enum SelectorPromises {
    private static let labels: [[String: String]] = [
        [:], ["a": ""], ["a": "b"], ["a": "1", "b": "c"], ["app.kubernetes.io/name": "x", "a": "-5"],
    ]

    static func complaint(about input: [UInt8]) -> String? {
        let text = String(decoding: input, as: UTF8.self)
        return complaint(aboutLabels: text) ?? complaint(aboutFields: text)
    }

    private static func complaint(aboutLabels text: String) -> String? {
        guard let selector = try? LabelSelector(parsing: text) else { return nil }
        guard let again = try? LabelSelector(parsing: selector.text) else {
            return "the label selector '\(selector.text)' was written and cannot be read"
        }
        guard again == selector else { return "the label selector '\(selector.text)' reads differently" }
        for labels in labels where selector.matches(labels) != again.matches(labels) {
            return "it means something else"
        }
        return nil
    }

    private static func complaint(aboutFields text: String) -> String? {
        guard let selector = try? FieldSelector(parsing: text) else { return nil }
        guard let again = try? FieldSelector(parsing: selector.text) else {
            return "the field selector '\(selector.text)' was written and cannot be read"
        }
        guard again == selector else { return "the field selector '\(selector.text)' reads differently" }
        let object: JSON = ["metadata": ["name": "a"], "spec": ["flag": true, "number": 5, "list": [1]]]
        return selector.matches(object) == again.matches(object) ? nil : "it means something else"
    }
}
