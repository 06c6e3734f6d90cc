/// The text of an expression as code points, and where its lines begin.
struct SourceText: Sendable {
    let text: String
    let scalars: [Unicode.Scalar]
    private let lineStarts: [Int]

    init(_ text: String) {
        self.text = text
        scalars = Array(text.unicodeScalars)
        var starts = [0]
        for (index, scalar) in scalars.enumerated() where scalar == "\n" { starts.append(index + 1) }
        lineStarts = starts
    }

    /// Line from 1 and column from 0 of a code point.
    func location(_ offset: Int) -> (line: Int, column: Int) {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return (low + 1, offset - lineStarts[low])
    }

    func slice(_ range: Range<Int>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[range.clamped(to: 0..<scalars.count)])
        return String(text)
    }

    /// Lines longer than this are not shown beside a message.
    private static let longestSnippet = 16384

    /// `ERROR: <input>:1:5: message`, the line and an arrow below it.
    func display(_ issue: Issue) -> String {
        guard let offset = issue.offset else {
            return "ERROR: <input>:-1:0: \(issue.message)"
        }
        if scalars.isEmpty { return "ERROR: <input>:1:0: \(issue.message)" }
        let (line, column) = location(offset)
        var result = "ERROR: <input>:\(line):\(column + 1): \(issue.message)"
        let start = lineStarts[line - 1]
        let end = line < lineStarts.count ? lineStarts[line] - 1 : scalars.count
        let shown = scalars[start..<max(start, end)].map { $0 == "\t" ? " " : $0 }
        var snippet = String.UnicodeScalarView()
        snippet.append(contentsOf: shown)
        guard String(snippet).utf8.count <= Self.longestSnippet else { return result }
        result += "\n | \(String(snippet))\n | "
        for scalar in shown.prefix(column) { result += scalar.isASCII ? "." : "\u{ff0e}" }
        let pointed = column < shown.count ? shown[column] : " "
        return result + (pointed.isASCII ? "^" : "\u{ff3e}")
    }
}

/// What is wrong with an expression, and where.
public struct Issue: Sendable, Equatable {
    /// Position of the code point, nil when it is the expression as a whole.
    public let offset: Int?
    /// What is wrong, in the words of other implementations of the language.
    public let message: String
}

/// An expression that cannot be compiled.
public struct CompilationError: Error, Sendable, Equatable {
    /// What is wrong, in the order of the text.
    public let issues: [Issue]
    /// All messages with the lines they speak of, as clients of Kubernetes know them.
    public let description: String

    private static let mostIssues = 100

    init(_ issues: [Issue], in source: SourceText) {
        let kept = issues.prefix(Self.mostIssues)
        let sorted = kept.enumerated().sorted { left, right in
            let places = (left.element.offset.map(source.location), right.element.offset.map(source.location))
            let first = places.0 ?? (-1, -1)
            let second = places.1 ?? (-1, -1)
            return (first.0, first.1, left.offset) < (second.0, second.1, right.offset)
        }
        self.issues = sorted.map(\.element)
        var texts = self.issues.map(source.display)
        if issues.count > Self.mostIssues {
            texts.append("\(issues.count - Self.mostIssues) more errors were truncated")
        }
        description = texts.joined(separator: "\n")
    }
}
