import KubeModel

/// Something of this machine that an environment cannot bring: a program or a file, and the Debian package that has it.
struct EnvironmentNeed: Sendable, Equatable {
    enum Thing: Sendable, Equatable {
        /// A name that is looked for where programs are.
        case program(String)
        /// An absolute path.
        case path(String)
    }

    let thing: Thing
    let package: String

    /// Reads `{program, package}` or `{path, package}`.
    ///
    /// - Throws: ``NodeError``, half a sentence about what is wrong.
    init(_ entry: JSON) throws(NodeError) {
        switch (entry["program"]?.string, entry["path"]?.string) {
        case (let program?, nil) where !program.isEmpty: thing = .program(program)
        case (nil, let path?) where path.hasPrefix("/"): thing = .path(path)
        default: throw NodeError("needs a program, or an absolute path, and says neither")
        }
        guard let package = entry["package"]?.string ?? entry["program"]?.string, !package.isEmpty else {
            throw NodeError("does not say which package has \(entry["path"]?.string ?? "what it needs")")
        }
        self.package = package
    }

    var isMet: Bool {
        switch thing {
        case .program(let name): HostTools.path(of: name) != nil
        case .path(let path): FileTools.exists(path)
        }
    }

    /// What to do about the needs of an environment that are not met; nil when all are.
    static func advice(_ definition: EnvironmentDefinition) -> String? {
        let missing = definition.needs.filter { !$0.isMet }
        guard !missing.isEmpty else { return nil }
        let things = missing.map { need in
            switch need.thing {
            case .program(let name): "the program \(name)"
            case .path(let path): path
            }
        }
        var packages: [String] = []
        for need in missing where !packages.contains(need.package) { packages.append(need.package) }
        return "environment \"\(definition.name)\" needs \(things.joined(separator: ", ")) on this machine: "
            + "install with apt-get install \(packages.joined(separator: " "))"
    }
}
