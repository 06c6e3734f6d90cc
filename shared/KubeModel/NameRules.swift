/// What names, labels and ports may look like. Every rule answers the list of what is wrong, in the words that the
/// Kubernetes API server uses; an empty list means that the text is fine.
public enum NameRules {
    /// `lab-1`: a DNS label (RFC 1123), as names of namespaces and containers.
    public static func label(_ text: String) -> [String] {
        var problems = tooLong(text, 63)
        if !isLabel(text.utf8) {
            problems.append(
                isSubdomain(text)
                    ? "must not contain dots"
                    : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            )
        }
        return problems
    }

    /// `notebooks.kubeflow.org`: a DNS subdomain (RFC 1123), as most names.
    public static func subdomain(_ text: String) -> [String] {
        var problems = tooLong(text, 253)
        if !isSubdomain(text) {
            problems.append(
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            )
        }
        return problems
    }

    /// A DNS label that begins with a letter (RFC 1035), as names of Services.
    public static func label1035(_ text: String) -> [String] {
        var problems = tooLong(text, 63)
        if !isLabel(text.utf8) || !isLowerLetter(text.utf8.first ?? 0) {
            problems.append(
                "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
            )
        }
        return problems
    }

    /// `example.com/name`: keys of labels and annotations, names of resources.
    public static func qualifiedName(_ text: String) -> [String] {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        var problems: [String] = []
        let name: Substring
        switch parts.count {
        case 1: name = parts[0]
        case 2:
            name = parts[1]
            if parts[0].isEmpty {
                problems.append("prefix part must be non-empty")
            } else {
                problems += subdomain(String(parts[0])).map { "prefix part \($0)" }
            }
        default:
            return [
                "a valid label key \(qualifiedNameRule) with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            ]
        }
        if name.isEmpty {
            problems.append("name part must be non-empty")
        } else if name.utf8.count > 63 {
            problems.append("name part must be no more than 63 characters")
        }
        if !isQualified(name.utf8) { problems.append("name part \(qualifiedNameRule)") }
        return problems
    }

    private static let qualifiedNameRule =
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

    /// Values of labels.
    public static func labelValue(_ text: String) -> [String] {
        var problems = tooLong(text, 63)
        if !text.isEmpty, !isQualified(text.utf8) {
            problems.append(
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            )
        }
        return problems
    }

    /// Keys of ConfigMaps and Secrets.
    public static func configKey(_ text: String) -> [String] {
        var problems = tooLong(text, 253)
        if text.isEmpty || !text.utf8.allSatisfy({ isAlphanumeric($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }) {
            problems.append(
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
            )
        }
        if text == "." { problems.append("must not be '.'") }
        if text == ".." {
            problems.append("must not be '..'")
        } else if text.hasPrefix("..") {
            problems.append("must not start with '..'")
        }
        return problems
    }

    /// Names of environment variables.
    public static func environmentName(_ text: String) -> [String] {
        guard !text.isEmpty else { return ["environment variable name must be non-empty"] }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x3D }) else {
            return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
        }
        return []
    }

    /// Names of ports in Pods.
    public static func portName(_ text: String) -> [String] {
        var problems: [String] = []
        if text.utf8.count > 15 { problems.append("must be no more than 15 characters") }
        if !text.utf8.allSatisfy({ isLowerLetter($0) || isDigit($0) || $0 == 0x2D }) {
            problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
        }
        if !text.utf8.contains(where: isLowerLetter) { problems.append("must contain at least one letter (a-z)") }
        if zip(text.utf8, text.utf8.dropFirst()).contains(where: { $0 == 0x2D && $1 == 0x2D }) {
            problems.append("must not contain consecutive hyphens")
        }
        if text.utf8.first == 0x2D || text.utf8.last == 0x2D {
            problems.append("must not begin or end with a hyphen")
        }
        return problems
    }

    /// Numbers of ports.
    public static func port(_ number: Int64) -> [String] {
        (1...65_535).contains(number) ? [] : ["must be between 1 and 65535, inclusive"]
    }

    /// Names that only have to be one segment of a path, as those of roles.
    public static func pathSegment(_ text: String) -> [String] {
        if text == "." || text == ".." { return ["may not be '\(text)'"] }
        return ["/", "%"].filter { text.contains($0) }.map { "may not contain '\($0)'" }
    }

    private static func tooLong(_ text: String, _ limit: Int) -> [String] {
        text.utf8.count > limit ? ["must be no more than \(limit) characters"] : []
    }

    private static func isSubdomain(_ text: String) -> Bool {
        text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false).allSatisfy { isLabel($0) }
    }

    private static func isLabel(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
        guard let first = bytes.first, let last = bytes.last, first != 0x2D, last != 0x2D else { return false }
        return bytes.allSatisfy { isLowerLetter($0) || isDigit($0) || $0 == 0x2D }
    }

    private static func isQualified(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
        guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last)
        else { return false }
        return bytes.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }
    }

    private static func isLowerLetter(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7A }
    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLowerLetter(byte) || isDigit(byte) || (byte >= 0x41 && byte <= 0x5A)
    }
}
