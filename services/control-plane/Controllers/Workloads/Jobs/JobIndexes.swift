/// Indexes of an Indexed Job, kept as ranges and written as `0,2-5`.
struct JobIndexes: Sendable, Equatable {
    /// In order, neither overlapping nor touching.
    private(set) var ranges: [ClosedRange<Int>] = []

    init() {}

    init(_ values: some Sequence<Int>) { insert(values) }

    /// Reads the written form; what is at or above `limit` does not count, what cannot be read is passed over.
    init(_ text: String?, below limit: Int) {
        for part in (text ?? "").split(separator: ",") {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false)
            guard let first = bounds.first.flatMap({ Int($0) }), first >= 0 else { continue }
            guard first < limit else { break }
            guard let last = bounds.count > 1 ? Int(bounds[1]) : first, last >= first else { continue }
            let range = first...min(last, limit - 1)
            if let before = ranges.last, before.upperBound + 1 >= range.lowerBound {
                ranges[ranges.count - 1] = before.lowerBound...max(before.upperBound, range.upperBound)
            } else {
                ranges.append(range)
            }
        }
    }

    var isEmpty: Bool { ranges.isEmpty }

    var count: Int { ranges.reduce(0) { $0 + $1.count } }

    /// How many indexes are in both.
    func overlap(_ other: JobIndexes) -> Int {
        var (mine, theirs, count) = (0, 0, 0)
        while mine < ranges.count, theirs < other.ranges.count {
            let (left, right) = (ranges[mine], other.ranges[theirs])
            count += max(0, min(left.upperBound, right.upperBound) - max(left.lowerBound, right.lowerBound) + 1)
            if left.upperBound < right.upperBound { mine += 1 } else { theirs += 1 }
        }
        return count
    }

    func contains(_ index: Int) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound >= index { high = middle } else { low = middle + 1 }
        }
        return low < ranges.count && ranges[low].contains(index)
    }

    mutating func insert(_ values: some Sequence<Int>) { merge(values.sorted().map { $0...$0 }) }

    func union(_ other: JobIndexes) -> JobIndexes {
        var both = self
        both.merge(other.ranges)
        return both
    }

    private mutating func merge(_ others: [ClosedRange<Int>]) {
        guard !others.isEmpty else { return }
        var merged: [ClosedRange<Int>] = []
        for range in (ranges + others).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        ranges = merged
    }

    /// The lowest `count` indexes below `limit` that are not in here.
    func missing(_ count: Int, below limit: Int) -> [Int] {
        var found: [Int] = []
        var candidate = 0
        for range in ranges {
            while candidate < min(range.lowerBound, limit), found.count < count {
                found.append(candidate)
                candidate += 1
            }
            candidate = max(candidate, range.upperBound + 1)
        }
        while candidate < limit, found.count < count {
            found.append(candidate)
            candidate += 1
        }
        return found
    }

    var text: String {
        ranges.map { range in
            if range.count == 1 { return "\(range.lowerBound)" }
            return "\(range.lowerBound)\(range.count == 2 ? "," : "-")\(range.upperBound)"
        }.joined(separator: ",")
    }
}
