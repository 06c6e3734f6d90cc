import KubeModel

/// Why a Pod breaks a profile.
struct SecurityFinding: Sendable, Equatable {
    /// Short, the same for Pods that break it in the same way.
    let reason: String
    /// Which containers and values are meant.
    let detail: String

    /// `privileged (container "c" must not set securityContext.privileged=true)`
    var text: String { detail.isEmpty ? reason : "\(reason) (\(detail))" }
}

/// The checks of the Pod Security Standards, as of Kubernetes 1.36.
///
/// The order, and the words, are those of the original: baseline before restricted, by the names of the checks.
enum SecurityChecks {
    typealias Check = @Sendable (SecuredPod) -> SecurityFinding?

    /// A check from the minor version on in which it came.
    private struct Entry: Sendable {
        let since: Int
        /// The first version that does without it.
        var until = Int.max
        /// The first version in which the restricted profile has a stricter check in its place.
        var replacedSince = Int.max
        let check: Check
    }

    /// What breaks a profile, in order; empty for Pods that fit.
    static func findings(_ profile: SecurityProfile, annotations: JSON?, spec: JSON) -> [SecurityFinding] {
        guard profile.level != .privileged else { return [] }
        let minor = profile.minor ?? Int.max - 1
        func isInForce(_ entry: Entry) -> Bool { entry.since <= minor && minor < entry.until }
        var entries = baseline.filter(isInForce)
        if profile.level == .restricted {
            entries = entries.filter { minor < $0.replacedSince } + restricted.filter(isInForce)
        }
        let pod = SecuredPod(annotations: annotations, spec: spec)
        return entries.compactMap { $0.check(pod) }
    }

    private static let baseline: [Entry] = [
        Entry(since: 0, check: appArmor),
        Entry(since: 0, replacedSince: 22, check: addedCapabilities),
        Entry(since: 0, check: hostNamespaces),
        Entry(since: 0, replacedSince: 0, check: hostPaths),
        Entry(since: 0, check: hostPorts),
        Entry(since: 34, check: probeHosts),
        Entry(since: 0, check: privileged),
        Entry(since: 0, until: 35, check: procMount),
        Entry(since: 35, replacedSince: 35, check: { $0.hasOwnUsers ? nil : procMount($0) }),
        Entry(since: 0, until: 31, check: { seLinux($0, types: seLinuxTypes) }),
        Entry(since: 31, check: { seLinux($0, types: seLinuxTypes + ["container_engine_t"]) }),
        Entry(since: 0, until: 19, check: seccompAnnotations),
        Entry(since: 19, replacedSince: 19, check: { seccomp($0, isDemanded: false) }),
        Entry(since: 0, until: 27, check: { sysctls($0, upTo: 0) }),
        Entry(since: 27, until: 29, check: { sysctls($0, upTo: 27) }),
        Entry(since: 29, until: 32, check: { sysctls($0, upTo: 29) }),
        Entry(since: 32, check: { sysctls($0, upTo: 32) }),
        Entry(since: 0, check: hostProcess),
    ]

    private static let restricted: [Entry] = [
        Entry(since: 8, until: 25, check: escalation),
        Entry(since: 25, check: { $0.isForWindows ? nil : escalation($0) }),
        Entry(since: 22, until: 25, check: capabilities),
        Entry(since: 25, check: { $0.isForWindows ? nil : capabilities($0) }),
        Entry(since: 35, check: procMount),
        Entry(since: 0, check: volumeTypes),
        Entry(since: 0, until: 35, check: runAsNonRoot),
        Entry(since: 35, check: { $0.hasOwnUsers ? nil : runAsNonRoot($0) }),
        Entry(since: 23, until: 35, check: runAsRoot),
        Entry(since: 35, check: { $0.hasOwnUsers ? nil : runAsRoot($0) }),
        Entry(since: 19, until: 25, check: { seccomp($0, isDemanded: true) }),
        Entry(since: 25, check: { $0.isForWindows ? nil : seccomp($0, isDemanded: true) }),
    ]
}

/// The parts of a Pod, or of a template, that checks look at.
struct SecuredPod: Sendable {
    /// A container of any sort.
    struct Container: Sendable {
        let name: String
        let json: JSON
        /// Its `securityContext`; nil when there is none.
        let context: JSON?
    }

    let annotations: [String: String]
    let spec: JSON
    /// The `securityContext` of the Pod; nil when there is none.
    let context: JSON?
    /// Init containers, containers, ephemeral containers.
    let containers: [Container]

    init(annotations: JSON?, spec: JSON) {
        self.annotations = annotations?.stringMap ?? [:]
        self.spec = spec
        context = spec["securityContext"]?.present
        containers = ["initContainers", "containers", "ephemeralContainers"].flatMap { spec[$0]?.array ?? [] }
            .map { .init(name: $0["name"]?.string ?? "", json: $0, context: $0["securityContext"]?.present) }
    }

    var isForWindows: Bool { spec.value(at: "os", "name") == "windows" }
    /// True for Pods whose root is not the root of the node.
    var hasOwnUsers: Bool { spec["hostUsers"]?.bool == false }

    /// Names of the containers for which something holds.
    func names(where isBad: (Container) -> Bool) -> [String] { containers.filter(isBad).map(\.name) }
}

extension JSON {
    /// Nil for JSON's null.
    var present: JSON? { isNull ? nil : self }
}

/// How findings are put into words.
enum SecurityWords {
    /// `"a", "b"`
    static func quoted(_ items: some Sequence<String>) -> String {
        items.map { "\"\($0)\"" }.joined(separator: ", ")
    }

    /// `one` when there is one thing, else `many`.
    static func number(_ count: Int, _ one: String, _ many: String) -> String { count == 1 ? one : many }

    /// `container "a"`, `containers "a", "b"`
    static func containers(_ names: [String]) -> String {
        "\(number(names.count, "container", "containers")) \(quoted(names))"
    }

    /// `pod and container "a"`, of those that there are; nil when there are none.
    static func setters(pod isPod: Bool, _ names: [String], others: [String] = []) -> String? {
        let parts = (isPod ? ["pod"] : []) + (names.isEmpty ? [] : [containers(names)]) + others
        return parts.isEmpty ? nil : parts.joined(separator: " and ")
    }

    /// Without repetitions, by bytes.
    static func sorted(_ items: some Sequence<String>) -> [String] {
        Set(items).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
