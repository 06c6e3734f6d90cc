public import Logging

/// Writes one line a message, as text for people or as JSON for machines.
public struct LineLogHandler: LogHandler {
    /// How lines look.
    public enum Format: String, Sendable, CaseIterable { case text, json }

    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level
    private let label: String
    private let format: Format
    private let sink: LogSink

    /// Logs to `sink` under the name `label`.
    public init(label: String, format: Format, level: Logger.Level, sink: LogSink) {
        (self.label, self.format, self.logLevel, self.sink) = (label, format, level, sink)
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields = metadata
        if let more = event.metadata { fields.merge(more) { $1 } }
        if let error = event.error { fields["error"] = "\(error)" }
        let time = LogTime.now()
        switch format {
        case .text:
            var line = "\(time) \(event.level.rawValue.uppercased()) \(label): \(event.message)"
            for (key, value) in fields.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(Self.shown("\(value)"))" }
            sink.write(line + "\n")
        case .json:
            var line = #"{"time":"\#(time)","level":"\#(event.level.rawValue)","logger":\#(Self.quoted(label))"#
            line += #","message":\#(Self.quoted("\(event.message)"))"#
            for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
                line += ",\(Self.quoted(key)):\(Self.quoted("\(value)"))"
            }
            sink.write(line + "}\n")
        }
    }

    /// A value as it stands in a text line: quoted when it has spaces or line ends.
    private static func shown(_ value: String) -> String {
        value.contains(where: { $0 == " " || $0 == "\"" || $0.isNewline }) || value.isEmpty ? quoted(value) : value
    }

    /// A JSON string.
    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case let control where control.value < 0x20:
                let digits = String(control.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
