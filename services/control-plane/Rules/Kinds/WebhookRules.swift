import Foundation
import KubeModel

/// Rules of webhook configurations.
enum WebhookRules {
    /// Where a webhook listens: a URL or a Service.
    static func check(client: JSON, _ path: String, _ issues: inout Issues) {
        guard client.has("url") != client.has("service") else {
            return issues.required(path, "exactly one of url or service is required")
        }
        if let text = client["url"]?.string { check(url: text, "\(path).url", &issues) }
        guard let service = client["service"] else { return }
        if service.text("name").isEmpty { issues.required("\(path).service.name", "service name is required") }
        if service.text("namespace").isEmpty {
            issues.required("\(path).service.namespace", "service namespace is required")
        }
        if let port = service["port"]?.int, !(1...65535).contains(port) {
            issues.invalid(
                "\(path).service.port", .int(port), "port is not valid: must be between 1 and 65535, inclusive")
        }
        if let urlPath = service["path"]?.string, !urlPath.isEmpty, !urlPath.hasPrefix("/") {
            issues.invalid("\(path).service.path", .string(urlPath), "must start with a '/'")
        }
    }

    private static func check(url text: String, _ path: String, _ issues: inout Issues) {
        let form = "; desired format: https://host[/path]"
        guard let url = URLComponents(string: text) else {
            return issues.required(path, "url must be a valid URL\(form)")
        }
        if url.scheme != "https" {
            issues.invalid(path, .string(text), "'https' is the only allowed URL scheme\(form)")
        }
        if url.host?.isEmpty ?? true { issues.invalid(path, .string(text), "host must be specified\(form)") }
        if url.user != nil {
            issues.invalid(path, .string(text), "user information is not permitted in the URL")
        }
        if url.fragment != nil { issues.invalid(path, .string(text), "fragments are not permitted in the URL") }
        if url.query != nil { issues.invalid(path, .string(text), "query parameters are not permitted in the URL") }
    }
}
