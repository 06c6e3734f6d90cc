public import KubeModel

/// Why a text is not YAML that has a JSON form, and where.
public struct YAMLError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Line, counted from 1.
    public let line: Int
    /// Column, counted from 1.
    public let column: Int
    /// What is wrong, in one sentence.
    public let message: String

    /// Makes an error.
    public init(line: Int, column: Int, message: String) {
        (self.line, self.column, self.message) = (line, column, message)
    }

    /// `line 3, column 14: did not find expected key`
    public var description: String { "line \(line), column \(column): \(message)" }
}

/// YAML as Kubernetes reads it: every document is turned into the JSON value that it stands for, with the meaning that
/// `kubectl` gives to plain scalars (`yes` and `on` are true, `0x10` and `010` are numbers, times stay strings).
public enum YAML {
    /// Reads a text with one document; an empty text is `null`.
    ///
    /// - Throws: ``YAMLError`` where the text is no YAML, has no JSON form, or holds a second document.
    public static func parse(_ text: String) throws(YAMLError) -> JSON {
        let reader = try YAMLReader(text)
        let first = try reader.nextDocument() ?? .null
        while let next = try reader.nextDocument() {
            guard next.isNull else { throw reader.failure("expected one document, found another") }
        }
        return first
    }

    /// Reads a text with one document and adds the path of each key that came twice in one mapping to `duplicates`.
    public static func parse(_ text: String, duplicates: inout [String]) throws(YAMLError) -> JSON {
        let reader = try YAMLReader(text)
        let document = try reader.nextDocument() ?? .null
        while let next = try reader.nextDocument() {
            guard next.isNull else { throw reader.failure("expected one document, found another") }
        }
        duplicates += reader.duplicates
        return document
    }

    /// Reads all documents of a text, without the empty ones.
    ///
    /// - Throws: ``YAMLError`` where the text is no YAML or has no JSON form.
    public static func documents(_ text: String) throws(YAMLError) -> [JSON] {
        let reader = try YAMLReader(text)
        var documents: [JSON] = []
        while let document = try reader.nextDocument() {
            if !document.isNull { documents.append(document) }
        }
        return documents
    }

    /// The value as block-style YAML, ending in a line break.
    public static func text(_ value: JSON) -> String {
        var writer = YAMLWriter()
        return writer.document(value)
    }

    /// Several values as documents with `---` between them.
    public static func text(documents: [JSON]) -> String {
        documents.map { text($0) }.joined(separator: "---\n")
    }
}
