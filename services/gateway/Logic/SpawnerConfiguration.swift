import Foundation
import KubeModel
import KubeYAML
import Logging
import Synchronization

/// `spawnerFormDefaults`: what the form for a new notebook offers and what it may not change.
struct SpawnerConfiguration: Sendable {
    /// The document as the page gets it.
    let json: JSON

    init(_ json: JSON) { self.json = json }

    /// Reads a `spawner_ui_config.yaml`.
    init(yaml: String) throws {
        let document = try YAML.parse(yaml)
        guard let defaults = document["spawnerFormDefaults"], defaults.object != nil else {
            throw GatewayConfigurationError("the spawner configuration has no spawnerFormDefaults")
        }
        json = defaults
    }

    var allowsCustomImage: Bool { json["allowCustomImage"]?.bool ?? false }

    func has(_ key: String) -> Bool { json[key] != nil }
    func isReadOnly(_ key: String) -> Bool { json[key]?["readOnly"]?.bool ?? false }
    func value(_ key: String) -> JSON? { json[key]?["value"] }
    func options(_ key: String) -> [JSON] { json[key]?["options"]?.array ?? [] }

    /// Factor between request and limit, nil for no limit.
    func limitFactor(_ key: String) -> Double? {
        guard let factor = json[key]?["limitFactor"] else { return nil }
        return factor.double ?? factor.string.flatMap(Double.init)
    }
}

/// The configuration file, read again when it changes.
final class SpawnerConfigurationFile: Sendable {
    private struct State: Sendable {
        var configuration: SpawnerConfiguration
        var modified: Date?
        var checked: ContinuousClock.Instant
    }

    private let path: String
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the file.
    ///
    /// - Throws: when it cannot be read or is no spawner configuration.
    init(path: String, logger: Logger) throws {
        self.path = path
        self.logger = logger
        let configuration: SpawnerConfiguration
        do {
            configuration = try SpawnerConfiguration(yaml: String(contentsOfFile: path, encoding: .utf8))
        } catch let error as GatewayConfigurationError {
            throw error
        } catch {
            throw GatewayConfigurationError("the spawner configuration \(path) cannot be read: \(error)")
        }
        state = Mutex(State(configuration: configuration, modified: Self.modified(path), checked: .now))
    }

    /// The configuration; a broken new file leaves the last good one in place.
    var current: SpawnerConfiguration {
        let known = state.withLock { $0 }
        guard known.checked + .seconds(2) < .now else { return known.configuration }
        let modified = Self.modified(path)
        var configuration = known.configuration
        if modified != known.modified {
            do {
                configuration = try SpawnerConfiguration(yaml: String(contentsOfFile: path, encoding: .utf8))
            } catch {
                logger.warning(
                    "the spawner configuration is broken, the last good one stays", metadata: ["error": "\(error)"])
            }
        }
        state.withLock { [configuration] in
            $0 = State(configuration: configuration, modified: modified, checked: .now)
        }
        return configuration
    }

    private static func modified(_ path: String) -> Date? {
        try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    }
}
