import CYaml
import KubeModel

/// Turns the events of libyaml into JSON values, one document after the other.
///
/// libyaml is used below Yams' own tree: that tree hashes whole keys, which a small text with nested aliases can make
/// arbitrarily slow, and it knows YAML 1.2's scalars only. What aliases expand to is counted and bounded.
final class YAMLReader {
    /// A value with the weight that it has when it is written out.
    private struct Weighed {
        let value: JSON
        let weight: Int
    }

    /// What all aliases of a stream together may expand to, in values and bytes of text.
    private static let aliasLimit = 4_000_000
    private static let depthLimit = JSON.maximumDepth

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private var anchors: [String: Weighed] = [:]
    private var openAnchors: Set<String> = []
    private var expanded = 0
    private var weight = 0
    private var path: [String] = []
    private(set) var duplicates: [String] = []
    private var mark = yaml_mark_t()

    init(_ text: String) throws(YAMLError) {
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        bytes = .allocate(capacity: max(1, text.utf8.count))
        _ = bytes.initialize(from: text.utf8)
        guard yaml_parser_initialize(parser) == 1 else {
            throw YAMLError(line: 1, column: 1, message: "there is not enough memory")
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, text.utf8.count)
        try next { _ in }  // start of the stream
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        bytes.deallocate()
    }

    /// An error at the last event.
    func failure(_ message: String) -> YAMLError {
        YAMLError(line: Int(mark.line) + 1, column: Int(mark.column) + 1, message: message)
    }

    /// The next document, or nil at the end.
    func nextDocument() throws(YAMLError) -> JSON? {
        guard parser.pointee.stream_end_produced == 0 else { return nil }
        let isEnd = try next { $0.type == YAML_STREAM_END_EVENT }
        if isEnd { return nil }
        anchors = [:]
        weight = 0
        path = []
        let value = try value(depth: 0)
        try next { _ in }  // end of the document
        return value
    }

    /// One event, as far as it is used.
    private enum Event {
        case alias(String)
        case scalar(anchor: String?, tag: String?, text: String, isPlain: Bool)
        case sequence(anchor: String?)
        case mapping(anchor: String?)
        case end
    }

    /// Fetches the next event and reads what is wanted before it is freed.
    @discardableResult
    private func next<Answer>(_ read: (yaml_event_t) -> Answer) throws(YAMLError) -> Answer {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw parserFailure() }
        mark = event.start_mark
        let answer = read(event)
        yaml_event_delete(&event)
        return answer
    }

    private func parserFailure() -> YAMLError {
        let state = parser.pointee
        var message = state.problem.map { String(cString: $0) } ?? "this is not YAML"
        if let context = state.context { message += " (\(String(cString: context)))" }
        if state.error == YAML_READER_ERROR {
            let line = bytes.prefix(state.problem_offset).count { $0 == 0x0A }
            return YAMLError(line: line + 1, column: 1, message: message)
        }
        return YAMLError(
            line: Int(state.problem_mark.line) + 1, column: Int(state.problem_mark.column) + 1, message: message)
    }

    private func nextEvent() throws(YAMLError) -> Event {
        try next { event in
            switch event.type {
            case YAML_ALIAS_EVENT: .alias(Self.string(event.data.alias.anchor) ?? "")
            case YAML_SCALAR_EVENT:
                .scalar(
                    anchor: Self.string(event.data.scalar.anchor), tag: Self.string(event.data.scalar.tag),
                    text: String(
                        decoding: UnsafeBufferPointer(start: event.data.scalar.value, count: event.data.scalar.length),
                        as: UTF8.self),
                    isPlain: event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
            case YAML_SEQUENCE_START_EVENT: .sequence(anchor: Self.string(event.data.sequence_start.anchor))
            case YAML_MAPPING_START_EVENT: .mapping(anchor: Self.string(event.data.mapping_start.anchor))
            default: .end
            }
        }
    }

    private static func string(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    private func value(depth: Int) throws(YAMLError) -> JSON { try value(of: try nextEvent(), depth: depth) }

    private func value(of event: Event, depth: Int) throws(YAMLError) -> JSON {
        guard depth <= Self.depthLimit else {
            throw failure("mappings and sequences are nested deeper than \(Self.depthLimit) levels")
        }
        weight += 1
        switch event {
        case .alias(let name): return try alias(name)
        case .scalar(let anchor, let tag, let text, let isPlain):
            weight += text.utf8.count
            let value = try scalar(text, tag: tag, isPlain: isPlain)
            if let anchor { anchors[anchor] = Weighed(value: value, weight: 1 + text.utf8.count) }
            return value
        case .sequence(let anchor):
            return try anchored(anchor) { () throws(YAMLError) in try sequence(depth: depth + 1) }
        case .mapping(let anchor):
            return try anchored(anchor) { () throws(YAMLError) in try mapping(depth: depth + 1) }
        case .end: throw failure("expected a value")
        }
    }

    private func alias(_ name: String) throws(YAMLError) -> JSON {
        if openAnchors.contains(name) { throw failure("anchor '\(name)' contains itself") }
        guard let target = anchors[name] else { throw failure("unknown anchor '\(name)' referenced") }
        weight += target.weight
        expanded += target.weight
        guard expanded <= Self.aliasLimit else { throw failure("document contains excessive aliasing") }
        return target.value
    }

    private func anchored(
        _ anchor: String?, _ read: () throws(YAMLError) -> JSON
    ) throws(YAMLError) -> JSON {
        guard let anchor else { return try read() }
        let before = weight
        openAnchors.insert(anchor)
        let value = try read()
        openAnchors.remove(anchor)
        anchors[anchor] = Weighed(value: value, weight: weight - before + 1)
        return value
    }

    private func scalar(_ text: String, tag: String?, isPlain: Bool) throws(YAMLError) -> JSON {
        switch YAMLScalar.resolve(text, tag: tag, isPlain: isPlain) {
        case .value(let value): return value
        case .notFinite: throw failure("'\(text)' has no JSON form")
        case .mismatch(let wanted): throw failure("cannot decode '\(text)' as \(wanted)")
        }
    }

    private func sequence(depth: Int) throws(YAMLError) -> JSON {
        var elements: [JSON] = []
        while true {
            let event = try nextEvent()
            if case .end = event { return .array(elements) }
            path.append("[\(elements.count)]")
            elements.append(try value(of: event, depth: depth))
            path.removeLast()
        }
    }

    private func mapping(depth: Int) throws(YAMLError) -> JSON {
        var object = JSONObject()
        var merged: [JSON] = []
        while true {
            let event = try nextEvent()
            if case .end = event { break }
            if case .scalar(_, nil, "<<", true) = event {
                merged += try mergeSources(try value(depth: depth))
                continue
            }
            let key = try key(of: event, depth: depth)
            path.append(path.isEmpty ? key : ".\(key)")
            if object[key] != nil { duplicates.append(path.joined()) }
            object[key] = try value(depth: depth)
            path.removeLast()
        }
        // Keys of the mapping itself win over merged ones, earlier sources over later ones.
        for source in merged {
            for (key, value) in source.object ?? [:] where object[key] == nil { object[key] = value }
        }
        return .object(object)
    }

    private func mergeSources(_ value: JSON) throws(YAMLError) -> [JSON] {
        switch value {
        case .object: return [value]
        case .array(let sources) where sources.allSatisfy({ $0.object != nil }): return sources
        default: throw failure("map merge requires map or sequence of maps as the value")
        }
    }

    private func key(of event: Event, depth: Int) throws(YAMLError) -> String {
        switch try value(of: event, depth: depth) {
        case .string(let text): return text
        case .int(let number): return String(number)
        case .double(let number): return JSON.double(number).text
        case .bool(let flag): return flag ? "true" : "false"
        case .null: throw failure("a key must not be null")
        case .array, .object: throw failure("a key must be a string, a number or a boolean")
        }
    }
}
