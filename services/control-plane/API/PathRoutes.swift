import ClusterStore
import Identity
import KubeModel
import NIOCore
import Synchronization

/// Whether the server is ready, for `/readyz`.
final class HealthState: Sendable {
    private let ready = Mutex(false)
    var isReady: Bool {
        get { ready.withLock { $0 } }
        set { ready.withLock { $0 = newValue } }
    }
}

/// Documents that depend only on what is served, made once for each state of the registry.
final class DocumentCache: Sendable {
    private struct State {
        var number: UInt64 = .max
        var documents: [String: [UInt8]] = [:]
    }

    private let state = Mutex(State())

    /// The document under a name, made by `make` when it is new or what is served has changed.
    func document(_ name: String, number: UInt64, _ make: () -> JSON) -> [UInt8] {
        bytes(name, number: number) { make().bytes }
    }

    /// The same for a document in another form.
    func bytes(_ name: String, number: UInt64, _ make: () -> [UInt8]) -> [UInt8] {
        let known = state.withLock { state in state.number == number ? state.documents[name] : nil }
        if let known { return known }
        let bytes = make()
        state.withLock { state in
            if state.number != number {
                state.number = number
                state.documents = [:]
            }
            state.documents[name] = bytes
        }
        return bytes
    }
}

/// Paths that are about no resource.
enum PathRoutes {
    /// Open to everybody: health and version.
    static func isPublic(_ path: String) -> Bool {
        ["/version", "/healthz", "/livez", "/readyz"].contains(path)
    }
}

extension APIServer {
    /// Answers discovery, health, version, keys and schemas.
    func answerPath(_ request: APIRequest, _ info: RequestInfo, _ user: UserInfo) async throws -> APIAnswer {
        let segments = info.segments
        // The other paths answer every method alike.
        let isReadOnly =
            switch (segments.first, segments.count) {
            case ("apis", 3): cluster.registry.serves(group: segments[1], version: segments[2])
            case ("version", _), ("api", _), (".well-known", _), ("openid", _): true
            default: false
            }
        guard request.method == "GET" || !isReadOnly else { throw Self.notAllowed }
        switch segments.first {
        case nil: return .json(["paths": .array(paths().map(JSON.string))])
        case "healthz", "livez", "readyz": return healthAnswer(request, segments)
        case "version":
            guard segments.count == 1 else { throw Self.unknownPath }
            return .json(version)
        case "api", "apis": return try discovery(request, segments)
        case "openapi": return try openAPI(request, Array(segments.dropFirst()))
        case ".well-known" where segments.count == 2 && segments[1] == "openid-configuration":
            return .json([
                "issuer": .string(tokens.issuer), "jwks_uri": .string("\(tokens.issuer)/openid/v1/jwks"),
                "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            ])
        case "openid" where segments.count == 3 && segments[1] == "v1" && segments[2] == "jwks":
            var answer = APIAnswer.json(tokens.signer.jwks)
            answer.contentType = "application/jwk-set+json"
            return answer
        default: return .pageNotFound
        }
    }

    /// `/readyz` fails while nothing can be stored, and says why; the server is alive all the same, and answers reads.
    private func healthAnswer(_ request: APIRequest, _ segments: [String]) -> APIAnswer {
        let check = segments[0]
        guard request.path.utf8.last != UInt8(ascii: "/") else { return .pageNotFound }
        if segments.count > 1 {
            guard segments.count == 2, ["ping", "log", "store", "etcd"].contains(segments[1]) else {
                return .pageNotFound
            }
        }
        guard check != "readyz" || health.isReady else {
            return .text("[-]startup not finished\nreadyz check failed\n", status: 500)
        }
        if check == "readyz", let failure = cluster.store.statistics.failure {
            // The path is nobody's business here; the log has it.
            let reason = if case .full = failure { "no room on the disk" } else { "the disk fails" }
            return .text("[+]ping ok\n[+]log ok\n[-]store failed: \(reason)\nreadyz check failed\n", status: 500)
        }
        guard request.query["verbose"] != nil else { return .text("ok") }
        return .text("[+]ping ok\n[+]log ok\n[+]store ok\n\(check) check passed\n")
    }

    private func paths() -> [String] {
        var paths = ["/.well-known/openid-configuration", "/api", "/api/v1", "/apis"]
        for group in groups() {
            paths.append("/apis/\(group.name)")
            paths += group.versions.map { "/apis/\(group.name)/\($0)" }
        }
        return paths + ["/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/openid/v1/jwks", "/readyz", "/version"]
    }

    private var version: JSON {
        let parts = configuration.gitVersion.drop { $0 == "v" }.split(separator: ".")
        return [
            "major": .string(parts.first.map(String.init) ?? "1"),
            "minor": .string(parts.dropFirst().first.map(String.init) ?? "36"),
            "gitVersion": .string(configuration.gitVersion), "gitCommit": "", "gitTreeState": "clean", "buildDate": "",
            "goVersion": "", "compiler": "swift", "platform": "linux/amd64",
        ]
    }
}
