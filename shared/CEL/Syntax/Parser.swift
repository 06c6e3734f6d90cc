/// Reads the tree of an expression.
///
/// The grammar is that of the language definition. Errors are found, told and survived as ANTLR does it, because its
/// messages are what users of the language know: an unexpected word is left out when the next one fits, a missing one is
/// taken for present when what follows fits, otherwise words are skipped up to one that the rules under way can go on
/// with.
final class Parser {
    /// Where the text is wrong; `failure` aborts the rule under way, which then skips words.
    struct Failure: Error {}
    /// Nothing more is to be read.
    struct Abort: Error {}

    static let maximumDepth = 250
    static let maximumSize = 100_000
    private static let recoveryLimit = 30
    private static let lookaheadLimit = 256

    let source: SourceText
    let tokens: [Token]
    private(set) var index = 0
    private(set) var issues: [Issue]
    /// Position of each node's code point; nodes are numbered from 1.
    private(set) var offsets: [Int] = [0]
    /// Words that can follow in each of the rules under way.
    private var follow: [TokenSet] = []
    private var isRecovering = false
    private var recoveries = 0
    private var lastErrorIndex = -1
    private var lastErrorRules: Set<String> = []
    private var depths: [String: Int] = [:]

    init(_ source: SourceText) {
        self.source = source
        var lexer = Lexer(source)
        tokens = lexer.tokens()
        issues = lexer.issues
    }

    /// Reads the whole text.
    static func parse(_ source: SourceText) throws(CompilationError) -> (tree: Expression, offsets: [Int]) {
        guard source.scalars.count <= maximumSize else {
            let message =
                "expression code point size exceeds limit: size: \(source.scalars.count), limit \(maximumSize)"
            throw CompilationError([Issue(offset: nil, message: message)], in: source)
        }
        let parser = Parser(source)
        let tree = parser.start()
        guard parser.issues.isEmpty else { throw CompilationError(parser.issues, in: source) }
        return (tree, parser.offsets)
    }

    private func start() -> Expression {
        do {
            let tree = try following(TokenSet(.endOfFile)) { () throws -> Expression in
                let tree = try expression()
                try rule("start") { () throws -> Void in _ = try match(.endOfFile, then: TokenSet()) }
                return tree
            }
            return tree
        } catch {
            return make(0, .missing)
        }
    }

    // MARK: Nodes

    func make(_ offset: Int, _ kind: Expression.Kind) -> Expression { Expression(newID(offset), kind) }

    func newID(_ offset: Int) -> Int {
        offsets.append(offset)
        return offsets.count - 1
    }

    func report(_ message: String, at offset: Int?) { issues.append(Issue(offset: offset, message: message)) }

    // MARK: Words

    var next: Token { tokens[index] }
    func peek(_ distance: Int) -> Token { tokens[min(index + distance, tokens.count - 1)] }

    func consume() { if index < tokens.count - 1 { index += 1 } }

    /// Takes a word of a kind, or tells that it is not there. `then` is what can come behind it.
    @discardableResult
    func match(_ kind: Token.Kind, then: TokenSet) throws -> Token {
        if next.kind == kind {
            isRecovering = false
            let token = next
            consume()
            return token
        }
        try countRecovery()
        let expected = TokenSet(kind)
        if peek(1).kind == kind, next.kind != .endOfFile {
            tell("extraneous input \(display(next)) expecting \(expected.display)")
            consume()
            isRecovering = false
            let token = next
            consume()
            return token
        }
        if then.contains(next.kind) {
            tell("missing \(kind.display) at \(display(next))")
            return Token(kind: kind, range: next.range, text: "<missing \(kind.display)>")
        }
        tell("mismatched input \(display(next)) expecting \(expected.display)")
        throw Failure()
    }

    /// Makes sure that the next word is one that the rule can go on with.
    func expect(_ expected: TokenSet) throws {
        if isRecovering || expected.contains(next.kind) { return }
        if next.kind != .endOfFile, expected.contains(peek(1).kind) {
            tell("extraneous input \(display(next)) expecting \(expected.display)")
            consume()
            isRecovering = false
            return
        }
        tell("mismatched input \(display(next)) expecting \(expected.display)")
        throw Failure()
    }

    /// Tells that no rule fits the words from `start` to the one `distance` ahead.
    func noAlternative(from start: Token, distance: Int) -> Failure {
        let offending = peek(distance)
        var text = start.kind == .endOfFile ? "<EOF>" : start.text
        for step in stride(from: 1, through: distance, by: 1) where peek(step).kind != .endOfFile {
            text += peek(step).blanks + peek(step).text
        }
        if start.kind == .dot, [.true, .false, .null].contains(offending.kind) {
            tell("mismatched input '\(offending.text)' expecting IDENTIFIER", at: offending)
        } else {
            tell("no viable alternative at input '\(Lexer.shown(text))'", at: offending)
        }
        return Failure()
    }

    private func display(_ token: Token) -> String {
        token.kind == .endOfFile ? "'<EOF>'" : "'\(Lexer.shown(token.text))'"
    }

    private func tell(_ message: String, at token: Token? = nil) {
        if isRecovering { return }
        isRecovering = true
        report("Syntax error: \(message)", at: (token ?? next).range.lowerBound)
    }

    private func countRecovery() throws {
        if recoveries == Self.recoveryLimit {
            report(
                "Syntax error: error recovery attempt limit exceeded: \(Self.recoveryLimit)", at: next.range.lowerBound)
            throw Abort()
        }
        recoveries += 1
    }

    // MARK: Rules

    /// Runs a rule; when it fails, words are skipped up to one that a rule under way can go on with.
    func rule<Answer>(_ name: String, or fallback: Answer, _ body: () throws -> Answer) throws -> Answer {
        do {
            return try body()
        } catch is Failure {
            try recover(name)
            return fallback
        }
    }

    func rule(_ name: String, _ body: () throws -> Void) throws { try rule(name, or: (), body) }

    private func recover(_ name: String) throws {
        try countRecovery()
        if lastErrorIndex == index, lastErrorRules.contains(name) { consume() }
        if lastErrorIndex != index { lastErrorRules = [] }
        lastErrorIndex = index
        lastErrorRules.insert(name)
        var stops = follow.reduce(Self.operators) { $0 | $1 }
        if name == "primary" || name == "name" { stops = stops | Self.members }
        var skipped = 0
        while next.kind != .endOfFile, !stops.contains(next.kind) {
            skipped += 1
            if skipped > Self.lookaheadLimit {
                report("error recovery token lookahead limit exceeded: \(Self.lookaheadLimit)", at: nil)
                throw Abort()
            }
            consume()
        }
    }

    /// Runs rules behind which these words can come.
    func following<Answer>(_ set: TokenSet, _ body: () throws -> Answer) throws -> Answer {
        follow.append(set)
        defer { follow.removeLast() }
        return try body()
    }

    /// What can come behind a complete operand here.
    var afterOperand: TokenSet { Self.operators | Self.members | (follow.last ?? TokenSet()) }

    static let members = TokenSet(.dot, .leftBracket)
    static let operators = TokenSet(
        .equals, .notEquals, .in, .less, .lessEquals, .greaterEquals, .greater, .logicalAnd, .logicalOr, .minus,
        .question, .plus, .star, .slash, .percent)

    /// Counts how deep a rule is nested in itself.
    func enter(_ name: String) throws {
        let depth = (depths[name] ?? 0) + 1
        depths[name] = depth
        if depth > Self.maximumDepth {
            report("expression recursion limit exceeded: \(Self.maximumDepth)", at: nil)
            throw Abort()
        }
    }

    func leave(_ name: String, times: Int = 1) { depths[name, default: 0] -= times }
}
