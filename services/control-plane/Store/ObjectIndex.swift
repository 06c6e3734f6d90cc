/// Where objects of one resource are by label, owner and field. Only what exists takes memory.
///
/// Entries are the paths of objects: a change that leaves labels, owners and fields as they are costs a comparison.
struct ObjectIndex: Sendable {
    private var labels: [String: [String: Posting]] = [:]
    private var owners: [String: Posting] = [:]
    private var fields: [String: [String: Posting]] = [:]

    /// An object took the place of another; nil is none.
    mutating func replace(_ old: StoredObject?, by new: StoredObject?) {
        if old?.labels ?? [:] != new?.labels ?? [:] {
            for (key, value) in old?.labels ?? [:] where new?.labels[key] != value {
                Self.remove(old?.path, from: &labels, key, value)
            }
            for (key, value) in new?.labels ?? [:] where old?.labels[key] != value {
                Self.insert(new?.path, into: &labels, key, value)
            }
        }
        if old?.owners ?? [] != new?.owners ?? [] {
            for owner in old?.owners ?? [] { Self.remove(old?.path, from: &owners, owner) }
            for owner in new?.owners ?? [] { Self.insert(new?.path, into: &owners, owner) }
        }
        if old?.fields ?? [] != new?.fields ?? [] {
            for field in old?.fields ?? [] { Self.remove(old?.path, from: &fields, field.path, field.value) }
            for field in new?.fields ?? [] { Self.insert(new?.path, into: &fields, field.path, field.value) }
        }
    }

    /// How many objects meet a term; nil when only a walk over all of them tells.
    func count(_ term: StoreTerm) -> Int? {
        switch term {
        case .name: nil
        case .owner(let uid): owners[uid]?.count ?? 0
        case .field(let path, let value): fields[path]?[value]?.count ?? 0
        case .label(let key, let value): labels[key]?[value]?.count ?? 0
        case .labels(let key, let values): values.reduce(0) { $0 + (labels[key]?[$1]?.count ?? 0) }
        case .hasLabel(let key): labels[key]?.values.reduce(0) { $0 + $1.count } ?? 0
        }
    }

    /// Paths of the objects that meet a term, in no order and each once.
    func paths(_ term: StoreTerm) -> [String] {
        switch term {
        case .name: []
        case .owner(let uid): owners[uid]?.paths ?? []
        case .field(let path, let value): fields[path]?[value]?.paths ?? []
        case .label(let key, let value): labels[key]?[value]?.paths ?? []
        case .labels(let key, let values): Set(values).flatMap { labels[key]?[$0]?.paths ?? [] }
        case .hasLabel(let key): labels[key]?.values.flatMap(\.paths) ?? []
        }
    }

    private static func insert(
        _ path: String?, into index: inout [String: [String: Posting]], _ key: String, _ value: String
    ) {
        insert(path, into: &index[key, default: [:]], value)
    }

    private static func insert(_ path: String?, into index: inout [String: Posting], _ value: String) {
        guard let path else { return }
        index[value, default: .few([])].insert(path)
    }

    private static func remove(
        _ path: String?, from index: inout [String: [String: Posting]], _ key: String, _ value: String
    ) {
        remove(path, from: &index[key, default: [:]], value)
        if index[key]?.isEmpty == true { index[key] = nil }
    }

    private static func remove(_ path: String?, from index: inout [String: Posting], _ value: String) {
        guard let path else { return }
        index[value]?.remove(path)
        if index[value]?.count == 0 { index[value] = nil }
    }
}

/// Some objects, by path: a short array, or a set once there are many.
enum Posting: Sendable {
    case few([String])
    case many(Set<String>)

    private static let limit = 16

    var count: Int {
        switch self {
        case .few(let paths): paths.count
        case .many(let paths): paths.count
        }
    }

    var paths: [String] {
        switch self {
        case .few(let paths): paths
        case .many(let paths): Array(paths)
        }
    }

    mutating func insert(_ path: String) {
        switch self {
        case .few(var paths):
            guard !paths.contains(path) else { return }
            self = .few([])  // so that the array has one owner and grows in place
            paths.append(path)
            self = paths.count > Self.limit ? .many(Set(paths)) : .few(paths)
        case .many(var paths):
            self = .few([])
            paths.insert(path)
            self = .many(paths)
        }
    }

    mutating func remove(_ path: String) {
        switch self {
        case .few(var paths):
            self = .few([])
            paths.removeAll { $0 == path }
            self = .few(paths)
        case .many(var paths):
            self = .few([])
            paths.remove(path)
            self = paths.count > Self.limit / 2 ? .many(paths) : .few(Array(paths))
        }
    }
}
