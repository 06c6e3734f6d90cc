import KubeModel
import KubeYAML

/// What is read is JSON of a bounded size, and can be written as YAML and read again.
enum YAMLPromises {
    /// Aliases may make a text larger, but not without bound.
    private static let maximumSize = 64 << 20
    /// What is larger is not written again: that only takes time.
    private static let writtenSize = 256 << 10

    static func complaint(about input: [UInt8]) -> String? {
        let text = String(decoding: input, as: UTF8.self)
        guard let documents = try? YAML.documents(text) else { return nil }
        for value in documents {
            let bytes = value.bytes
            guard bytes.count <= maximumSize else { return "\(input.count) bytes became \(bytes.count)" }
            guard bytes.count <= writtenSize else { return nil }
            guard let plain = try? JSON(parsing: bytes) else { return "it has no JSON form" }
            guard let again = try? YAML.parse(YAML.text(plain)) else { return "what was written cannot be read" }
            guard again == plain else { return "what was written reads differently" }
        }
        guard let stream = try? YAML.documents(YAML.text(documents: documents)) else {
            return "the written stream cannot be read"
        }
        return stream.count == documents.count ? nil : "the written stream has another number of documents"
    }
}
