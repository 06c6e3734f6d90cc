/// What a request to a `proxy` subresource names: `name`, `name:port` or `scheme:name:port`.
struct ProxyName: Equatable, Sendable {
    /// `http`, `https`, or empty when the request leaves it open.
    let scheme: String
    /// The Pod, Service or Node.
    let name: String
    /// A number, or the name of a Service's port; empty when the request leaves it open.
    let port: String

    /// Reads a segment of a path; nil when it is none of the three forms.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        switch parts.count {
        case 1: (scheme, name, port) = ("", parts[0], "")
        case 2: (scheme, name, port) = ("", parts[0], parts[1])
        case 3: (scheme, name, port) = (parts[0], parts[1], parts[2])
        default: return nil
        }
        guard !name.isEmpty, ["", "http", "https"].contains(scheme) else { return nil }
    }
}
