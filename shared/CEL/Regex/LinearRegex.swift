import Synchronization

/// A regular expression that is matched in time proportional to text times pattern, whatever they are.
///
/// It is a small machine: all threads of a pattern step through the text together (Pike), so none is ever run twice.
public final class LinearRegex: Sendable {
    private enum Instruction: Sendable {
        case scalar(UInt32)
        case folded(UInt32)
        case set(RegexSet)
        case any, anyButNewline
        case assert(RegexNode.Assertion, Int)
        /// Goes on at both places, the first one preferred.
        case split(Int, Int)
        case jump(Int)
        case match
    }

    private let code: [Instruction]
    private static let maximumSize = 100_000

    /// Compiles a pattern in the syntax of RE2.
    public init(_ pattern: String) throws(RegexError) {
        var parser = RegexParser(pattern)
        let node = try parser.parse()
        var code: [Instruction] = []
        try Self.emit(node, into: &code, pattern)
        code.append(.match)
        self.code = code
    }

    private static func emit(
        _ node: RegexNode, into code: inout [Instruction], _ pattern: String
    ) throws(RegexError) {
        if code.count > maximumSize { throw RegexError("expression too large", pattern) }
        switch node {
        case .empty: break
        case .scalar(let value, let ignoresCase):
            code.append(ignoresCase && !RegexCase.variants(value).isEmpty ? .folded(value) : .scalar(value))
        case .set(let set): code.append(.set(set))
        case .any(let withNewline): code.append(withNewline ? .any : .anyButNewline)
        case .assert(let kind): code.append(.assert(kind, code.count + 1))
        case .sequence(let parts): for part in parts { try emit(part, into: &code, pattern) }
        case .choice(let branches):
            var ends: [Int] = []
            for (index, branch) in branches.enumerated() {
                let isLast = index == branches.count - 1
                let fork = code.count
                if !isLast { code.append(.split(fork + 1, 0)) }
                try emit(branch, into: &code, pattern)
                if !isLast {
                    ends.append(code.count)
                    code.append(.jump(0))
                    code[fork] = .split(fork + 1, code.count)
                }
            }
            for end in ends { code[end] = .jump(code.count) }
        case .repetition(let inner, let minimum, let maximum, let isGreedy):
            for _ in 0..<minimum { try emit(inner, into: &code, pattern) }
            func fork(_ place: Int, exit: Int) {
                code[place] = isGreedy ? .split(place + 1, exit) : .split(exit, place + 1)
            }
            if let maximum {
                var forks: [Int] = []
                for _ in minimum..<max(minimum, maximum) {
                    forks.append(code.count)
                    code.append(.match)
                    try emit(inner, into: &code, pattern)
                }
                for place in forks { fork(place, exit: code.count) }
            } else {
                let place = code.count
                code.append(.match)
                try emit(inner, into: &code, pattern)
                code.append(.jump(place))
                fork(place, exit: code.count)
            }
        }
    }

    /// True when some part of the text matches.
    public func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            // Most texts are ASCII and need no decoding.
            if bytes.allSatisfy({ $0 < 128 }) {
                return run(bytes.count, from: 0, isSearch: true) { UInt32(bytes[$0]) } != nil
            }
            let scalars = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
            return run(scalars.count, from: 0, isSearch: true) { scalars[$0].value } != nil
        }
    }

    /// The leftmost match, as the first of alternatives and greediness want it.
    func firstMatch(in scalars: [Unicode.Scalar], from start: Int) -> Range<Int>? {
        run(scalars.count, from: start, isSearch: false) { scalars[$0].value }
    }

    /// Threads at one place of the text, in the order of preference.
    private struct Threads {
        var places: [Int] = []
        var starts: [Int] = []
        var marks: [Int]

        init(_ count: Int) {
            marks = Array(repeating: -1, count: count)
            places.reserveCapacity(min(count, 64))
        }
    }

    private func run(_ count: Int, from first: Int, isSearch: Bool, _ at: (Int) -> UInt32) -> Range<Int>? {
        var current = Threads(code.count)
        var following = Threads(code.count)
        var stack: [Int] = []
        var found: Range<Int>?
        var position = first
        while true {
            if found == nil { add(0, position, position, &current, &stack, count, at) }
            if current.places.isEmpty { break }
            let scalar = position < count ? at(position) : nil
            following.places.removeAll(keepingCapacity: true)
            following.starts.removeAll(keepingCapacity: true)
            for index in current.places.indices {
                let place = current.places[index]
                let isStep: Bool
                switch code[place] {
                case .match:
                    found = current.starts[index]..<position
                    if isSearch { return found }
                    isStep = false
                case .scalar(let wanted): isStep = scalar == wanted
                case .folded(let wanted): isStep = scalar.map { RegexCase.isSame(wanted, $0) } ?? false
                case .set(let set): isStep = scalar.map(set.contains) ?? false
                case .any: isStep = scalar != nil
                case .anyButNewline: isStep = scalar != nil && scalar != 10
                case .split, .jump, .assert: isStep = false
                }
                if case .match = code[place] { break }  // what comes later is preferred less
                if isStep { add(place + 1, current.starts[index], position + 1, &following, &stack, count, at) }
            }
            if position >= count { break }
            position += 1
            swap(&current, &following)
        }
        return found
    }

    private func add(
        _ place: Int, _ start: Int, _ position: Int, _ threads: inout Threads, _ stack: inout [Int], _ count: Int,
        _ at: (Int) -> UInt32
    ) {
        stack.append(place)
        while let place = stack.popLast() {
            if threads.marks[place] == position { continue }
            threads.marks[place] = position
            switch code[place] {
            case .jump(let target): stack.append(target)
            case .split(let first, let second):
                stack.append(second)
                stack.append(first)
            case .assert(let kind, let next): if holds(kind, position, count, at) { stack.append(next) }
            default:
                threads.places.append(place)
                threads.starts.append(start)
            }
        }
    }

    private func holds(_ kind: RegexNode.Assertion, _ position: Int, _ count: Int, _ at: (Int) -> UInt32) -> Bool {
        func isWord(_ index: Int) -> Bool {
            guard index >= 0, index < count else { return false }
            switch at(index) {
            case 0x30...0x39, 0x41...0x5a, 0x5f, 0x61...0x7a: return true
            default: return false
            }
        }
        switch kind {
        case .textStart: return position == 0
        case .textEnd: return position == count
        case .lineStart: return position == 0 || at(position - 1) == 10
        case .lineEnd: return position == count || at(position) == 10
        case .word: return isWord(position - 1) != isWord(position)
        case .notWord: return isWord(position - 1) == isWord(position)
        }
    }
}

/// Compiled patterns that are not known before an expression is evaluated; the last few hundred are kept.
final class RegexCache: Sendable {
    static let shared = RegexCache()
    private static let capacity = 256
    private let kept = Mutex<[String: LinearRegex]>([:])

    func regex(_ pattern: String) throws(RegexError) -> LinearRegex {
        if let known = kept.withLock({ $0[pattern] }) { return known }
        let made = try LinearRegex(pattern)
        kept.withLock { kept in
            if kept.count >= Self.capacity { kept.removeAll() }
            kept[pattern] = made
        }
        return made
    }
}
