import ClusterRules
import KubeModel

/// How strict the Pod Security Standards are with the Pods of a namespace.
enum SecurityLevel: String, Sendable, Comparable {
    case privileged
    case baseline
    case restricted

    private var strictness: Int {
        switch self {
        case .privileged: 0
        case .baseline: 1
        case .restricted: 2
        }
    }

    static func < (left: SecurityLevel, right: SecurityLevel) -> Bool { left.strictness < right.strictness }
}

/// A level as it was in some minor version of Kubernetes, `restricted:v1.35`.
struct SecurityProfile: Sendable, Hashable {
    var level: SecurityLevel
    /// The minor version of Kubernetes 1; nil means the newest one.
    var minor: Int?

    var text: String { "\(level.rawValue):\(minor.map { "v1.\($0)" } ?? "latest")" }

    /// Reads `latest` or `v1.35`; nil for anything else.
    static func minor(of text: String) -> Int?? {
        if text == "latest" { return .some(nil) }
        let digits = text.dropFirst("v1.".count)
        guard text.hasPrefix("v1."), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
            digits == "\(number)"
        else { return .none }
        return .some(number)
    }
}

/// What a namespace demands of its Pods, by its labels `pod-security.kubernetes.io/…`.
struct SecurityPolicy: Sendable, Equatable {
    static let prefix = "pod-security.kubernetes.io/"

    /// Pods that break this one are refused.
    private(set) var enforced = SecurityProfile(level: .privileged)
    /// Whatever breaks this one is noted in the audit log.
    private(set) var audited = SecurityProfile(level: .privileged)
    /// Clients are warned of whatever breaks this one.
    private(set) var warned = SecurityProfile(level: .privileged)
    /// Labels that cannot be read. They are taken for the strictest profile where Pods are refused, else for none.
    private(set) var issues: [FieldIssue] = []

    init(labels: [String: String]) {
        let isLevelGiven = read(labels, "enforce", \.enforced, unreadable: .restricted)
        _ = read(labels, "audit", \.audited, unreadable: .privileged)
        _ = read(labels, "warn", \.warned, unreadable: .privileged)
        // Who is refused Pods wants to hear of templates that will not get any.
        if labels[Self.prefix + "warn"] == nil, isLevelGiven, warned.level < enforced.level {
            warned.level = enforced.level
            if labels[Self.prefix + "warn-version"] == nil { warned.minor = enforced.minor }
        }
    }

    /// Reads the two labels of a mode; true when the level is there and readable.
    private mutating func read(
        _ labels: [String: String], _ mode: String, _ path: WritableKeyPath<Self, SecurityProfile>,
        unreadable: SecurityLevel
    ) -> Bool {
        var isRead = false
        if let text = labels[Self.prefix + mode] {
            let level = SecurityLevel(rawValue: text)
            isRead = level != nil
            self[keyPath: path].level = level ?? unreadable
            if level == nil { complain(mode, text, "must be one of privileged, baseline, restricted") }
        }
        if let text = labels["\(Self.prefix)\(mode)-version"] {
            let minor = SecurityProfile.minor(of: text)
            self[keyPath: path].minor = minor ?? nil
            if minor == .none { complain("\(mode)-version", text, "must be \"latest\" or \"v1.x\"") }
        }
        return isRead
    }

    private mutating func complain(_ label: String, _ value: String, _ detail: String) {
        issues.append(
            FieldIssue(
                field: "metadata.labels[\(Self.prefix)\(label)]", reason: .invalid, value: .string(value),
                detail: detail))
    }
}
