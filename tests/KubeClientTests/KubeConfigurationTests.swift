import TestSupport
import Testing

@testable import KubeClient

@Suite("Kubernetes configuration")
struct KubeConfigurationTests {
    @Test("the current context of a kubeconfig is read, with data and files beside it")
    func kubeconfig() throws {
        let folder = try TemporaryFolder()
        try folder.write("KEY", to: "pki/client.key")
        let file = try folder.write(
            """
            apiVersion: v1
            kind: Config
            current-context: two
            clusters:
            - name: one
              cluster: {server: "https://one"}
            - name: local
              cluster:
                server: https://127.0.0.1:6443
                certificate-authority-data: Q0E=
            contexts:
            - name: two
              context: {cluster: local, user: me, namespace: team}
            users:
            - name: me
              user:
                client-certificate-data: Q0VSVA==
                client-key: pki/client.key
            """, to: "config")
        let configuration = try KubeConfiguration.load(kubeconfig: file)
        #expect(configuration.server == "https://127.0.0.1:6443")
        #expect(configuration.certificateAuthorityPEM == "CA")
        #expect(configuration.clientCertificatePEM == "CERT")
        #expect(configuration.clientKeyPEM == "KEY")
        #expect(configuration.namespace == "team")
        #expect(!configuration.isServerUnverified)
    }

    @Test(
        "what is wrong with a kubeconfig is said with its name",
        arguments: [
            ("{}", "current-context"),
            ("{current-context: a}", "\"a\" in contexts"),
            ("{current-context: a, contexts: [{name: a, context: {cluster: c}}]}", "\"c\" in clusters"),
            (
                "{current-context: a, contexts: [{name: a, context: {cluster: c}}], clusters: [{name: c, cluster: {}}]}",
                "no server"
            ),
            ("[", "cannot be read"),
        ])
    func problems(text: String, part: String) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(text, to: "config")
        let error = #expect(throws: KubeConfigurationError.self) { try KubeConfiguration.load(kubeconfig: file) }
        #expect(error?.description.contains(part) == true)
        #expect(error?.description.contains(file) == true)
    }

    @Test("a Pod finds its API server by its service account")
    func inCluster() throws {
        let folder = try TemporaryFolder()
        try folder.write("CA", to: "ca.crt")
        try folder.write("kubeflow\n", to: "namespace")
        let environment = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"]
        let configuration = try #require(
            try KubeConfiguration.inCluster(environment: environment, folder: folder.path))
        #expect(configuration.server == "https://[fd00::1]:6443")
        #expect(configuration.namespace == "kubeflow")
        #expect(configuration.tokenFile == folder.file("token"))
        #expect(try KubeConfiguration.inCluster(environment: [:]) == nil)
    }
}
