import ClusterStore
import Foundation
import KubeModel
import Synchronization

/// The admission webhooks that are configured at the moment, in the order in which they are called.
final class WebhookRegistry: Sendable {
    static let mutating = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
    static let validating = "validatingwebhookconfigurations.admissionregistration.k8s.io"

    private struct Configuration {
        let revision: UInt64
        let hooks: [Webhook]
    }

    private let state = Mutex<[String: [String: Configuration]]>([:])

    /// Takes over the new state of a configuration; none takes it out.
    func apply(_ key: ObjectKey, revision: UInt64, json: JSON?) {
        state.withLock { state in
            if let known = state[key.resource]?[key.name], known.revision > revision { return }
            state[key.resource, default: [:]][key.name] = json.map { json in
                Configuration(revision: revision, hooks: (json["webhooks"]?.array ?? []).compactMap(Webhook.init))
            }
        }
    }

    /// All webhooks of one of the two kinds of configurations, by the names of these.
    func hooks(_ resource: String) -> [Webhook] {
        state.withLock { state in
            guard let configurations = state[resource], !configurations.isEmpty else { return [] }
            return configurations.sorted { $0.key < $1.key }.flatMap(\.value.hooks)
        }
    }
}

extension Webhook {
    static func decodeBase64(_ text: String) -> [UInt8]? {
        text.isEmpty ? nil : Data(base64Encoded: text, options: .ignoreUnknownCharacters).map { Array($0) }
    }
}
