import KubeClient
import KubeModel
import Logging

/// Makes what a form asked for: all of it, or nothing.
struct NotebookCreation: Sendable {
    let client: KubeClient
    let form: NotebookForm
    let logger: Logger

    /// Tries everything without effect first, then makes the volumes, then the notebook; takes back the volumes that it
    /// made itself when the notebook cannot be made.
    func run() async throws {
        try await attempt("name") { _ = try await client.create(.notebooks, form.notebook, dryRun: true) }
        for (field, claim) in form.claims {
            try await attempt(field + ".name") {
                _ = try await client.create(.persistentVolumeClaims, claim, dryRun: true)
            }
        }
        var made: [KubeObject] = []
        do {
            for (field, claim) in form.claims {
                try await attempt(field + ".name") {
                    made.append(try await client.create(.persistentVolumeClaims, claim))
                }
            }
            try await attempt("name") { _ = try await client.create(.notebooks, form.notebook) }
        } catch {
            await takeBack(made)
            throw error
        }
    }

    /// Failures that belong to a field are told there.
    private func attempt(_ field: String, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as APIError {
            switch error.reason {
            case .alreadyExists where field == "name":
                throw FormProblems("name", "A notebook of this name exists already.", code: 409)
            case .alreadyExists:
                throw FormProblems(field, "A volume of this name exists already.", code: 409)
            case .invalid:
                var problems = FormProblems(Self.field(of: error.causes.first?.field, default: field), error.message)
                problems.code = 422
                throw problems
            default: throw error
            }
        }
    }

    /// The form's field for the field of an object that the API server complained about.
    private static func field(of path: String?, default field: String) -> String {
        guard let path else { return field }
        if path.contains("resources.limits[cpu]") || path.contains("limits.cpu") { return "cpuLimit" }
        if path.contains("resources.limits[memory]") || path.contains("limits.memory") { return "memoryLimit" }
        if path.contains("cpu") { return "cpu" }
        if path.contains("memory") { return "memory" }
        if path.hasSuffix("image") { return "image" }
        if path.contains("storage"), field.hasSuffix(".name") { return field.dropLast(5) + ".size" }
        return field
    }

    private func takeBack(_ claims: [KubeObject]) async {
        for claim in claims {
            do {
                try await client.delete(.persistentVolumeClaims, claim.name, namespace: claim.namespace, uid: claim.uid)
            } catch {
                logger.warning(
                    "a volume of a notebook that could not be made stays behind",
                    metadata: ["volume": "\(claim.namespace ?? "")/\(claim.name)", "error": "\(error)"])
            }
        }
    }
}
