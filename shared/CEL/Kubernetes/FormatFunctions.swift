import Foundation
import KubeModel

/// A named form of strings as a value.
struct NamedFormat: ObjectValue {
    let name: String
    /// How long the pattern is that the cost of a check is reckoned with.
    let regexSize: UInt64
    let check: @Sendable (String) -> [String]

    var type: CELType { KubernetesTypes.format }
    func isEqual(to other: any ObjectValue) -> Bool { (other as? NamedFormat)?.name == name }
}

/// Checks of strings by name.
enum FormatFunctions {
    private static let format = KubernetesTypes.format

    static let all: [Function] =
        formats.map { name, format in
            Function("format.\(name)", [.global("format.\(name)", [], KubernetesTypes.format)]) {
                (_: [Value]) throws(EvaluationError) -> Value in .object(format)
            }
        } + [
            Function(
                "format.named", [.global("format-named", [.string], .optional(format))],
                unary: { (value) throws(EvaluationError) in
                    let name = try text(value)
                    return formats.first { $0.0 == name }.map { .some(.object($0.1)) } ?? .none
                }),
            Function(
                "validate", [.member("format-validate", [format, .string], .optional(.list(.string)))],
                binary: { (format, value) throws(EvaluationError) in
                    let format: NamedFormat = try unbox(format)
                    let problems = format.check(try text(value))
                    return problems.isEmpty ? .none : .some(.list(problems.map(Value.string)))
                }),
        ]

    private static let formats: [(String, NamedFormat)] = [
        ("dns1123Label", NamedFormat(name: "DNS1123Label", regexSize: 30, check: NameRules.label)),
        ("dns1123Subdomain", NamedFormat(name: "DNS1123Subdomain", regexSize: 60, check: NameRules.subdomain)),
        ("dns1035Label", NamedFormat(name: "DNS1035Label", regexSize: 30, check: NameRules.label1035)),
        ("qualifiedName", NamedFormat(name: "QualifiedName", regexSize: 60, check: NameRules.qualifiedName)),
        (
            "dns1123LabelPrefix",
            NamedFormat(name: "DNS1123LabelPrefix", regexSize: 30) { NameRules.label(withoutDash($0)) }
        ),
        (
            "dns1123SubdomainPrefix",
            NamedFormat(name: "DNS1123SubdomainPrefix", regexSize: 60) { NameRules.subdomain(withoutDash($0)) }
        ),
        (
            "dns1035LabelPrefix",
            NamedFormat(name: "DNS1035LabelPrefix", regexSize: 30) { NameRules.label1035(withoutDash($0)) }
        ),
        ("labelValue", NamedFormat(name: "LabelValue", regexSize: 40, check: NameRules.labelValue)),
        (
            "uri",
            NamedFormat(name: "URI", regexSize: 1000) { text in
                do throws(URLValue.Malformed) {
                    _ = try URLValue(text)
                    return []
                } catch {
                    return [error.message]
                }
            }
        ),
        (
            "uuid",
            pattern(
                "uuid", 95, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$",
                "does not match the UUID format")
        ),
        (
            "byte",
            pattern(
                "byte", 100, "^(?:[A-Za-z0-9+\\/]{4})*(?:[A-Za-z0-9+\\/]{2}==|[A-Za-z0-9+\\/]{3}=|[A-Za-z0-9+\\/]{4})$",
                "invalid base64")
        ),
        (
            "date",
            NamedFormat(name: "date", regexSize: 124) {
                $0.utf8.count == 10 && Moment($0 + "T00:00:00Z") != nil ? [] : ["invalid date"]
            }
        ),
        (
            "datetime",
            NamedFormat(name: "datetime", regexSize: 124) { Timestamp($0) != nil ? [] : ["invalid datetime"] }
        ),
    ]

    /// A prefix of a name may end in a dash.
    private static func withoutDash(_ text: String) -> String {
        text.utf8.count > 1 && text.hasSuffix("-") ? String(text.dropLast(2)) + "a" : text
    }

    private static func pattern(_ name: String, _ size: UInt64, _ pattern: String, _ problem: String) -> NamedFormat {
        NamedFormat(name: name, regexSize: size) { text in
            (try? RegexCache.shared.regex(pattern))?.matches(text) == true ? [] : [problem]
        }
    }
}
