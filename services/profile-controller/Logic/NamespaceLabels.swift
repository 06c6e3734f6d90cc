import Foundation
import KubeModel
import KubeYAML
import Logging
import Synchronization

/// The labels that every namespace gets, from the settings or from a file that may change.
final class NamespaceLabels: Sendable {
    private let path: String?
    private let labels: Mutex<[String: String]>

    /// - Throws: ``NamespaceLabelsError`` when the file is missing or no map of strings.
    init(_ settings: ProfileControllerConfiguration) throws {
        path = settings.namespaceLabelsPath
        labels = Mutex(try path.map(Self.read) ?? settings.namespaceLabels)
    }

    var current: [String: String] { labels.withLock { $0 } }

    /// Reads the file again; true when it says something new.
    func reload() throws -> Bool {
        guard let path else { return false }
        let fresh = try Self.read(path)
        return labels.withLock { labels in
            defer { labels = fresh }
            return labels != fresh
        }
    }

    /// Looks at the file every ten seconds (a mounted ConfigMap is replaced as a whole, which no file watch survives)
    /// and calls back after each change. Returns at once without a file.
    func follow(logger: Logger, changed: @Sendable () -> Void) async {
        guard path != nil else { return }
        while (try? await Task.sleep(for: .seconds(10))) != nil {
            do {
                if try reload() { changed() }
            } catch {
                logger.error("namespace labels keep their values", metadata: ["error": "\(error)"])
            }
        }
    }

    static func read(_ path: String) throws -> [String: String] {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw NamespaceLabelsError("namespace labels file \(path) cannot be read: \(error.localizedDescription)")
        }
        return try parse(text, path: path)
    }

    static func parse(_ text: String, path: String) throws -> [String: String] {
        let json = try YAML.parse(text)
        if json.isNull { return [:] }
        guard let members = json.object, let labels = json.stringMap, labels.count == members.count else {
            throw NamespaceLabelsError("namespace labels file \(path) must be a map of strings to quoted strings")
        }
        return labels
    }
}

/// Why the labels cannot be read, as a sentence.
struct NamespaceLabelsError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
