/// A part of a regular expression.
indirect enum RegexNode: Sendable {
    case empty
    case scalar(UInt32, ignoresCase: Bool)
    case set(RegexSet)
    /// Any character, or any but a line feed.
    case any(withNewline: Bool)
    case assert(Assertion)
    case sequence([RegexNode])
    case choice([RegexNode])
    case repetition(RegexNode, minimum: Int, maximum: Int?, isGreedy: Bool)

    enum Assertion: Sendable { case lineStart, lineEnd, textStart, textEnd, word, notWord }
}

/// Why a pattern is no regular expression, in the words of Go's `regexp`.
public struct RegexError: Error, Sendable, Equatable {
    /// What is wrong.
    public let message: String

    init(_ reason: String, _ part: String) { message = "error parsing regexp: \(reason): `\(part)`" }
}

/// A set of characters.
struct RegexSet: Sendable {
    private(set) var ranges: [ClosedRange<UInt32>] = []
    private(set) var categories: [(RegexCategory, isIn: Bool)] = []
    var isNegated = false
    var ignoresCase = false
    /// The answers for ASCII, so that most questions are one look.
    private var ascii: [Bool] = []

    mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }
    mutating func insert(_ category: RegexCategory, isIn: Bool) { categories.append((category, isIn)) }

    /// Everything that is not in a set without categories.
    mutating func insertComplement(of others: [ClosedRange<UInt32>]) {
        var next: UInt32 = 0
        for range in others.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { ranges.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound + 1)
        }
        if next <= 0x10ffff { ranges.append(next...0x10ffff) }
    }

    mutating func freeze() { ascii = (0..<128).map { slow($0) } }

    @inline(__always)
    func contains(_ scalar: UInt32) -> Bool { scalar < 128 ? ascii[Int(scalar)] : slow(scalar) }

    private func slow(_ scalar: UInt32) -> Bool {
        var isIn = holds(scalar)
        if !isIn, ignoresCase { isIn = RegexCase.variants(scalar).contains(where: holds) }
        return isIn != isNegated
    }

    private func holds(_ scalar: UInt32) -> Bool {
        for range in ranges where range.contains(scalar) { return true }
        for (category, isIn) in categories where category.contains(scalar) == isIn { return true }
        return false
    }
}

/// A general category of Unicode, or one of its groups, or some of the scripts.
enum RegexCategory: Sendable {
    case general([Unicode.GeneralCategory])
    case ranges([ClosedRange<UInt32>])
    case any

    init?(_ name: String) {
        if name == "Any" {
            self = .any
        } else if let categories = Self.groups[name] {
            self = .general(categories)
        } else if let ranges = Self.scripts[name] {
            self = .ranges(ranges)
        } else {
            return nil
        }
    }

    func contains(_ value: UInt32) -> Bool {
        switch self {
        case .any: return true
        case .ranges(let ranges): return ranges.contains { $0.contains(value) }
        case .general(let categories):
            guard let scalar = Unicode.Scalar(value) else { return false }
            return categories.contains(scalar.properties.generalCategory)
        }
    }

    private static let groups: [String: [Unicode.GeneralCategory]] = {
        let single: [String: Unicode.GeneralCategory] = [
            "Lu": .uppercaseLetter, "Ll": .lowercaseLetter, "Lt": .titlecaseLetter, "Lm": .modifierLetter,
            "Lo": .otherLetter, "Mn": .nonspacingMark, "Mc": .spacingMark, "Me": .enclosingMark,
            "Nd": .decimalNumber, "Nl": .letterNumber, "No": .otherNumber, "Pc": .connectorPunctuation,
            "Pd": .dashPunctuation, "Ps": .openPunctuation, "Pe": .closePunctuation, "Pi": .initialPunctuation,
            "Pf": .finalPunctuation, "Po": .otherPunctuation, "Sm": .mathSymbol, "Sc": .currencySymbol,
            "Sk": .modifierSymbol, "So": .otherSymbol, "Zs": .spaceSeparator, "Zl": .lineSeparator,
            "Zp": .paragraphSeparator, "Cc": .control, "Cf": .format, "Cs": .surrogate, "Co": .privateUse,
        ]
        var groups = single.mapValues { [$0] }
        for (name, category) in single { groups[String(name.prefix(1)), default: []].append(category) }
        return groups
    }()

    /// Blocks of the scripts that patterns ask for most.
    private static let scripts: [String: [ClosedRange<UInt32>]] = [
        "Latin": [
            0x41...0x5a, 0x61...0x7a, 0xaa...0xaa, 0xba...0xba, 0xc0...0xd6, 0xd8...0xf6, 0xf8...0x2b8, 0x1e00...0x1eff,
            0x2c60...0x2c7f, 0xa722...0xa787, 0xff21...0xff3a, 0xff41...0xff5a,
        ],
        "Greek": [
            0x370...0x373, 0x375...0x377, 0x37a...0x37d, 0x37f...0x37f, 0x384...0x384, 0x386...0x3e1, 0x1f00...0x1fff,
        ],
        "Cyrillic": [0x400...0x484, 0x487...0x52f, 0x1c80...0x1c8a, 0x2de0...0x2dff, 0xa640...0xa69f],
        "Hebrew": [0x591...0x5f4, 0xfb1d...0xfb4f],
        "Arabic": [0x600...0x604, 0x606...0x6ff, 0x750...0x77f, 0x8a0...0x8ff, 0xfb50...0xfdff, 0xfe70...0xfefc],
        "Han": [
            0x2e80...0x2fd5, 0x3005...0x3007, 0x3021...0x3029, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xf900...0xfad9,
            0x20000...0x323af,
        ],
        "Hiragana": [0x3041...0x3096, 0x309d...0x309f],
        "Katakana": [0x30a1...0x30fa, 0x30fd...0x30ff, 0x31f0...0x31ff, 0xff66...0xff9d],
        "Hangul": [0x1100...0x11ff, 0x3131...0x318e, 0xac00...0xd7a3],
        "Thai": [0xe01...0xe3a, 0xe40...0xe5b],
        "Devanagari": [0x900...0x950, 0x955...0x963, 0x966...0x97f],
    ]
}

/// Upper and lower case of single characters.
enum RegexCase {
    static func variants(_ value: UInt32) -> [UInt32] {
        if value < 128 {
            switch value {
            case 0x41...0x5a:
                return value == 0x4b ? [value + 32, 0x212a] : value == 0x53 ? [value + 32, 0x17f] : [value + 32]
            case 0x61...0x7a:
                return value == 0x6b ? [value - 32, 0x212a] : value == 0x73 ? [value - 32, 0x17f] : [value - 32]
            default: return []
            }
        }
        guard let scalar = Unicode.Scalar(value) else { return [] }
        let texts = [
            scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping, scalar.properties.titlecaseMapping,
        ]
        return texts.compactMap { text in
            let scalars = text.unicodeScalars
            return scalars.count == 1 ? scalars.first?.value : nil
        }.filter { $0 != value }
    }

    static func isSame(_ left: UInt32, _ right: UInt32) -> Bool { left == right || variants(left).contains(right) }
}
