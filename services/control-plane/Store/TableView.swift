/// What a list reads: the objects of a resource as they were at one moment, all or those that an index named.
struct TableView: Sendable {
    let table: SortedObjects
    /// The last change of any object of the resource.
    let lastChange: UInt64
    /// A revision at which the objects were so.
    var revision: UInt64
    private let choice: Choice

    private enum Choice: Sendable {
        case all
        case name(String)
        case paths([String])
    }

    /// Looks at the objects of a resource that meet terms, under the lock of the store; reading them comes later.
    init(_ state: StoreState, _ resource: String, _ terms: [StoreTerm]) {
        let found = state.tables.tables[resource] ?? ObjectTables.Table()
        (table, lastChange, revision) = (found.objects, found.lastRevision, state.revision)
        let names = terms.compactMap { term in if case .name(let name) = term { name } else { nil } }
        if let name = names.first {
            choice = .name(name)
        } else if !terms.isEmpty, let paths = state.tables.paths(resource, meeting: terms) {
            choice = .paths(paths)
        } else {
            choice = .all
        }
    }

    /// True when no index was used.
    var isAll: Bool { if case .all = choice { true } else { false } }

    /// The objects, in order.
    func objects(in namespace: String?) -> [StoredObject] {
        switch choice {
        case .all: table.list(namespace: namespace)
        case .name(let name): table.list(name: name, namespace: namespace)
        case .paths(let paths): table.list(paths: paths, namespace: namespace)
        }
    }
}
