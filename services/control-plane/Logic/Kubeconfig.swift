import Foundation

/// The text of a kubeconfig with one cluster and one user.
struct Kubeconfig: Sendable {
    let server: String
    let authorityPEM: String
    let certificatePEM: String
    let keyPEM: String
    let user: String

    var text: String {
        func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
        return """
            apiVersion: v1
            kind: Config
            clusters:
            - name: martlet
              cluster:
                server: \(server)
                certificate-authority-data: \(base64(authorityPEM))
            users:
            - name: "\(user)"
              user:
                client-certificate-data: \(base64(certificatePEM))
                client-key-data: \(base64(keyPEM))
            contexts:
            - name: martlet
              context:
                cluster: martlet
                user: "\(user)"
            current-context: martlet

            """
    }
}
