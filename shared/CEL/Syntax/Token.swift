/// One word of an expression.
struct Token: Sendable {
    /// The kinds, in the order in which messages list them.
    enum Kind: Int, Sendable {
        case endOfFile = -1
        case equals = 1, notEquals, `in`, less, lessEquals, greaterEquals, greater, logicalAnd, logicalOr
        case leftBracket, rightBracket, leftBrace, rightBrace, leftParenthesis, rightParenthesis, dot, comma, minus
        case exclamation, question, colon, plus, star, slash, percent, `true`, `false`, null
        case float = 31, int, uint, string, bytes, identifier, escapedIdentifier

        /// The kind as messages about what was expected name it.
        var display: String {
            switch self {
            case .endOfFile: "<EOF>"
            case .float: "NUM_FLOAT"
            case .int: "NUM_INT"
            case .uint: "NUM_UINT"
            case .string: "STRING"
            case .bytes: "BYTES"
            case .identifier: "IDENTIFIER"
            case .escapedIdentifier: "ESC_IDENTIFIER"
            default: "'\(Self.spelling[self] ?? "")'"
            }
        }

        static let spelling: [Kind: String] = [
            .equals: "==", .notEquals: "!=", .in: "in", .less: "<", .lessEquals: "<=", .greaterEquals: ">=",
            .greater: ">", .logicalAnd: "&&", .logicalOr: "||", .leftBracket: "[", .rightBracket: "]",
            .leftBrace: "{", .rightBrace: "}", .leftParenthesis: "(", .rightParenthesis: ")", .dot: ".", .comma: ",",
            .minus: "-", .exclamation: "!", .question: "?", .colon: ":", .plus: "+", .star: "*", .slash: "/",
            .percent: "%", .true: "true", .false: "false", .null: "null",
        ]
    }

    let kind: Kind
    /// Code points.
    let range: Range<Int>
    let text: String
    /// Blanks and comments before it.
    var blanks = ""
}

/// A set of kinds of tokens.
struct TokenSet: Sendable, Equatable {
    private var bits: UInt64 = 0

    init(_ kinds: Token.Kind...) { for kind in kinds { insert(kind) } }

    private static func bit(_ kind: Token.Kind) -> UInt64 { 1 << UInt64(kind == .endOfFile ? 0 : kind.rawValue) }

    mutating func insert(_ kind: Token.Kind) { bits |= Self.bit(kind) }
    func contains(_ kind: Token.Kind) -> Bool { bits & Self.bit(kind) != 0 }
    static func | (left: TokenSet, right: TokenSet) -> TokenSet {
        var both = left
        both.bits |= right.bits
        return both
    }

    /// `{'[', '('}`, or the kind alone.
    var display: String {
        let kinds = ([-1] + Array(1...40)).compactMap(Token.Kind.init(rawValue:)).filter(contains)
        let texts = kinds.map(\.display)
        return texts.count == 1 ? texts[0] : "{\(texts.joined(separator: ", "))}"
    }

    /// What an expression can begin with.
    static let expression = TokenSet(
        .leftBracket, .leftBrace, .leftParenthesis, .dot, .minus, .exclamation, .true, .false, .null, .float, .int,
        .uint, .string, .bytes, .identifier)
}
