import KubeModel

/// The ties of a Profile to cloud providers: annotations of its account `default-editor`, by which the provider's own
/// agents in the cluster hand out identities.
struct ProfilePlugins: Sendable, Equatable {
    static let account = "default-editor"
    /// Which annotations of the account are ours to take away again, by commas.
    static let record = "martlet.dev/plugin-annotations"
    private static let google = "iam.gke.io/gcp-service-account"
    private static let amazon = "eks.amazonaws.com/role-arn"

    /// What the account is to be annotated with.
    let annotations: [String: String]
    /// What remains to be done at the provider, a sentence each.
    let notes: [String]

    /// No plugins: everything is revoked.
    static let none = ProfilePlugins(annotations: [:], notes: [])

    private init(annotations: [String: String], notes: [String]) {
        (self.annotations, self.notes) = (annotations, notes)
    }

    /// Reads `spec.plugins`; kinds that are not known are somebody else's.
    ///
    /// - Parameters:
    ///   - profile: the Profile.
    ///   - identity: the Google service account of Profiles that name none themselves.
    /// - Throws: ``ProfileProblem`` when a plugin cannot be carried out.
    init(_ profile: KubeObject, defaultWorkloadIdentity identity: String? = nil) throws(ProfileProblem) {
        var annotations: [String: String] = [:]
        var notes: [String] = []
        for plugin in profile.spec["plugins"]?.array ?? [] {
            let spec = plugin["spec"] ?? [:]
            switch plugin["kind"]?.string {
            case "WorkloadIdentity":
                annotations[Self.google] = try Self.googleAccount(spec["gcpServiceAccount"]?.string ?? "")
            case "AwsIamForServiceAccount":
                let role = try Self.amazonRole(spec["awsIamRole"]?.string ?? "")
                annotations[Self.amazon] = role
                if !(spec["annotateOnly"]?.bool ?? false) {
                    notes.append(
                        "the trust policy of \(role) must name system:serviceaccount:\(profile.name):\(Self.account) "
                            + "(audience sts.amazonaws.com); it is not edited from here")
                }
            default: continue
            }
        }
        if let identity, !identity.isEmpty, annotations[Self.google] == nil {
            annotations[Self.google] = try Self.googleAccount(identity)
        }
        self.init(annotations: annotations, notes: notes)
    }

    private static func googleAccount(_ name: String) throws(ProfileProblem) -> String {
        guard name.hasSuffix(".iam.gserviceaccount.com"), name.contains("@"),
            !name.contains(where: { $0.isWhitespace })
        else {
            throw ProfileProblem(
                "plugin WorkloadIdentity: gcpServiceAccount must look like NAME@PROJECT.iam.gserviceaccount.com, "
                    + "not \"\(name)\"")
        }
        return name
    }

    private static func amazonRole(_ arn: String) throws(ProfileProblem) -> String {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[5].hasPrefix("role/"),
            parts[5].count > 5
        else {
            throw ProfileProblem(
                "plugin AwsIamForServiceAccount: awsIamRole must be the ARN of a role, as "
                    + "arn:aws:iam::ACCOUNT:role/NAME, not \"\(arn)\"")
        }
        return arn
    }

    /// The annotations of the account once ours are as they should be. What a person set by hand stays, unless a
    /// plugin says otherwise.
    func annotations(onto existing: [String: String]) -> [String: String] {
        var result = existing
        for key in (existing[Self.record] ?? "").split(separator: ",") { result[String(key)] = nil }
        result.merge(annotations) { $1 }
        result[Self.record] = annotations.isEmpty ? nil : annotations.keys.sorted().joined(separator: ",")
        return result
    }
}
