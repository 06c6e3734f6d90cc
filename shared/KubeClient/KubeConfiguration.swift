import Foundation
import KubeModel
import KubeYAML

/// Where an API server is, whom it has to prove to be, and as whom to sign in.
public struct KubeConfiguration: Sendable {
    /// `https://host:port`, perhaps with a path below which the API lies.
    public var server: String
    /// Certificates (PEM) one of which must have signed the server's; nil trusts the system's.
    public var certificateAuthorityPEM: String?
    /// Our certificate (PEM), with its chain.
    public var clientCertificatePEM: String?
    /// The key (PEM) of our certificate.
    public var clientKeyPEM: String?
    /// Bearer token.
    public var token: String?
    /// File with the bearer token, read again from time to time because it is renewed.
    public var tokenFile: String?
    /// True accepts every server; only what a kubeconfig asks for explicitly.
    public var isServerUnverified = false
    /// The namespace to work in by default.
    public var namespace = "default"

    /// Names a server.
    public init(
        server: String, certificateAuthorityPEM: String? = nil, clientCertificatePEM: String? = nil,
        clientKeyPEM: String? = nil, token: String? = nil, tokenFile: String? = nil
    ) {
        self.server = server
        self.certificateAuthorityPEM = certificateAuthorityPEM
        self.clientCertificatePEM = clientCertificatePEM
        self.clientKeyPEM = clientKeyPEM
        self.token = token
        self.tokenFile = tokenFile
    }

    /// Finds the configuration as Kubernetes' own clients do.
    ///
    /// - Parameter kubeconfig: a file; nil tries the files of `$KUBECONFIG`, then the service account of the Pod that
    ///   this runs in, then `~/.kube/config`.
    /// - Returns: how to reach and sign in to the server.
    /// - Throws: ``KubeConfigurationError`` with a sentence that says what is missing.
    public static func load(kubeconfig: String?) throws -> KubeConfiguration {
        if let kubeconfig { return try read(file: kubeconfig) }
        let environment = ProcessInfo.processInfo.environment
        let files = (environment["KUBECONFIG"] ?? "").split(separator: ":").map(String.init)
        if let file = files.first(where: FileManager.default.fileExists(atPath:)) ?? files.first {
            return try read(file: file)
        }
        if let inCluster = try inCluster(environment: environment) { return inCluster }
        let home = FileManager.default.homeDirectoryForCurrentUser.appendingPathComponent(".kube/config").path
        guard FileManager.default.fileExists(atPath: home) else {
            throw KubeConfigurationError(
                "no Kubernetes API server is configured: give a kubeconfig file, or set KUBECONFIG")
        }
        return try read(file: home)
    }

    /// The service account that Kubernetes mounts into every Pod, nil outside of a Pod.
    static func inCluster(
        environment: [String: String], folder: String = "/var/run/secrets/kubernetes.io/serviceaccount"
    ) throws -> KubeConfiguration? {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty else { return nil }
        let port = environment["KUBERNETES_SERVICE_PORT"] ?? "443"
        let address = host.contains(":") ? "[\(host)]" : host
        var configuration = KubeConfiguration(
            server: "https://\(address):\(port)", certificateAuthorityPEM: try contents(of: folder + "/ca.crt"),
            tokenFile: folder + "/token")
        if let namespace = try? contents(of: folder + "/namespace") {
            configuration.namespace = namespace.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        return configuration
    }

    static func read(file: String) throws -> KubeConfiguration {
        let json: JSON
        do {
            json = try YAML.parse(contents(of: file))
        } catch let error as KubeConfigurationError {
            throw error
        } catch {
            throw KubeConfigurationError("kubeconfig \(file) cannot be read: \(error)")
        }
        return try KubeConfiguration(kubeconfig: json, file: file)
    }

    /// Reads the current context of a kubeconfig; relative file names are relative to the kubeconfig.
    init(kubeconfig: JSON, file: String) throws {
        func entry(_ list: String, _ key: String, _ name: String) throws -> JSON {
            let found = kubeconfig[list]?.array?.first { $0["name"]?.string == name }
            guard let value = found?[key] else {
                throw KubeConfigurationError("kubeconfig \(file) has no entry \"\(name)\" in \(list)")
            }
            return value
        }
        guard let contextName = kubeconfig["current-context"]?.string, !contextName.isEmpty else {
            throw KubeConfigurationError("kubeconfig \(file) has no current-context")
        }
        let context = try entry("contexts", "context", contextName)
        let cluster = try entry("clusters", "cluster", context["cluster"]?.string ?? "")
        guard let server = cluster["server"]?.string else {
            throw KubeConfigurationError("kubeconfig \(file) names no server")
        }
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
        func path(_ name: String) -> String {
            name.hasPrefix("/") ? name : folder.appendingPathComponent(name).path
        }
        func pem(_ entry: JSON, _ key: String) throws -> String? {
            if let data = entry[key + "-data"]?.string, !data.isEmpty {
                guard let bytes = Data(base64Encoded: data, options: .ignoreUnknownCharacters) else {
                    throw KubeConfigurationError("\(key)-data in kubeconfig \(file) is not base64")
                }
                return String(decoding: bytes, as: UTF8.self)
            }
            return try entry[key]?.string.map { try Self.contents(of: path($0)) }
        }
        self.init(server: server, certificateAuthorityPEM: try pem(cluster, "certificate-authority"))
        isServerUnverified = cluster["insecure-skip-tls-verify"]?.bool ?? false
        namespace = context["namespace"]?.string ?? namespace
        guard let userName = context["user"]?.string, !userName.isEmpty else { return }
        let user = try entry("users", "user", userName)
        if user["exec"] != nil || user["auth-provider"] != nil {
            throw KubeConfigurationError(
                "user \"\(userName)\" of kubeconfig \(file) signs in by a program: use a certificate or a token")
        }
        clientCertificatePEM = try pem(user, "client-certificate")
        clientKeyPEM = try pem(user, "client-key")
        tokenFile = user["tokenFile"]?.string.map(path)
        token = user["token"]?.string
    }

    private static func contents(of file: String) throws -> String {
        do {
            return try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw KubeConfigurationError("\(file) cannot be read: \(error.localizedDescription)")
        }
    }
}

/// What is wrong with the configuration, as a sentence for a person.
public struct KubeConfigurationError: Error, Equatable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}
