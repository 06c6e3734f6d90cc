/// Numbers that look random and are the same in every run (xorshift64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func below(_ limit: Int) -> Int { limit > 0 ? Int(next() % UInt64(limit)) : 0 }
}

/// Makes new inputs out of known ones.
struct Mutator {
    let corpus: [[UInt8]]
    /// Pieces that mean something to the reader.
    let words: [String]
    var generator: SeededGenerator

    private static let maximumSize = 4096

    mutating func next() -> [UInt8] {
        var bytes = corpus.isEmpty ? [] : corpus[generator.below(corpus.count)]
        for _ in 0...generator.below(5) { change(&bytes) }
        return Array(bytes.prefix(Self.maximumSize))
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = generator.below(bytes.count + 1)
        let end = min(bytes.count, place + generator.below(9))
        switch generator.below(8) {
        case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8(generator.below(8)) }
        case 1: if place < bytes.count { bytes[place] = UInt8(truncatingIfNeeded: generator.next()) }
        case 2: bytes.removeSubrange(place..<end)
        case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 4, 5: if !words.isEmpty { bytes.insert(contentsOf: words[generator.below(words.count)].utf8, at: place) }
        case 6:
            let other = corpus[generator.below(corpus.count)]
            bytes = Array(bytes[..<place]) + other[min(other.count, generator.below(other.count + 1))...]
        default:
            let piece = Array(bytes[place..<end])
            for _ in 0..<generator.below(50) { bytes.insert(contentsOf: piece, at: place) }
        }
    }
}
