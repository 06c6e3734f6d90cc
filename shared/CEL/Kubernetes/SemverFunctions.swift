/// A version `1.2.3-rc.1+build` as a value.
struct SemverValue: ObjectValue {
    let numbers: [UInt64]
    let prerelease: [String]
    let build: [String]

    var type: CELType { KubernetesTypes.semver }
    func isEqual(to other: any ObjectValue) -> Bool { (other as? SemverValue).map { order($0) == 0 } ?? false }

    init(_ text: String) throws(EvaluationError) {
        if text.isEmpty { throw EvaluationError("Version string empty") }
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw EvaluationError("No Major.Minor.Patch elements found") }
        let major = try Self.number(parts[0], "major", "Major")
        let minor = try Self.number(parts[1], "minor", "Minor")
        var patch = parts[2]
        var build: Substring?
        var prerelease: Substring?
        if let plus = patch.firstIndex(of: "+") {
            build = patch[patch.index(after: plus)...]
            patch = patch[..<plus]
        }
        if let dash = patch.firstIndex(of: "-") {
            prerelease = patch[patch.index(after: dash)...]
            patch = patch[..<dash]
        }
        numbers = [major, minor, try Self.number(patch, "patch", "Patch")]
        self.prerelease =
            try prerelease.map { (text) throws(EvaluationError) in try Self.names(text, isBuild: false) } ?? []
        self.build = try build.map { (text) throws(EvaluationError) in try Self.names(text, isBuild: true) } ?? []
    }

    private static func isDigits(_ text: Substring) -> Bool { text.allSatisfy { $0.isASCII && $0.isNumber } }

    private static func number(_ text: Substring, _ name: String, _ title: String) throws(EvaluationError) -> UInt64 {
        if !isDigits(text) {
            throw EvaluationError("Invalid character(s) found in \(name) number \(QuotedText.go(String(text)))")
        }
        if text.count > 1, text.hasPrefix("0") {
            throw EvaluationError("\(title) number must not contain leading zeroes \(QuotedText.go(String(text)))")
        }
        guard let value = UInt64(text) else {
            throw EvaluationError("strconv.ParseUint: parsing \(QuotedText.go(String(text))): invalid syntax")
        }
        return value
    }

    private static func names(_ text: Substring, isBuild: Bool) throws(EvaluationError) -> [String] {
        var names: [String] = []
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            if part.isEmpty { throw EvaluationError(isBuild ? "Build meta data is empty" : "Prerelease is empty") }
            guard part.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }) else {
                let quoted = QuotedText.go(String(part))
                throw EvaluationError(
                    isBuild
                        ? "Invalid character(s) found in build meta data \(quoted)"
                        : "Invalid character(s) found in prerelease \(quoted)")
            }
            if !isBuild, isDigits(part), part.count > 1, part.hasPrefix("0") {
                throw EvaluationError(
                    "Numeric PreRelease version must not contain leading zeroes \(QuotedText.go(String(part)))")
            }
            names.append(String(part))
        }
        return names
    }

    /// `v01.2` as `1.2.0`.
    static func normalized(_ text: String) -> String {
        var parts = (text.hasPrefix("v") ? text.dropFirst() : Substring(text))
            .split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        for index in parts.indices where parts[index].count > 1 {
            let trimmed = parts[index].drop { $0 == "0" }
            let isNumber = trimmed.first.map { $0.isASCII && $0.isNumber } ?? false
            parts[index] = isNumber ? String(trimmed) : "0" + trimmed
        }
        if parts.count < 3, let last = parts.last, !last.contains("+"), !last.contains("-") {
            while parts.count < 3 { parts.append("0") }
        }
        return parts.joined(separator: ".")
    }

    /// -1, 0 or 1; build data does not count.
    func order(_ other: SemverValue) -> Int {
        for (left, right) in zip(numbers, other.numbers) where left != right { return left < right ? -1 : 1 }
        if prerelease.isEmpty || other.prerelease.isEmpty {
            return prerelease.isEmpty == other.prerelease.isEmpty ? 0 : prerelease.isEmpty ? 1 : -1
        }
        for (left, right) in zip(prerelease, other.prerelease) where left != right {
            switch (UInt64(left), UInt64(right)) {
            case (let left?, let right?): if left != right { return left < right ? -1 : 1 }
            case (_?, nil): return -1
            case (nil, _?): return 1
            case (nil, nil): return left.utf8.lexicographicallyPrecedes(right.utf8) ? -1 : 1
            }
        }
        let (left, right) = (prerelease.count, other.prerelease.count)
        return left < right ? -1 : left == right ? 0 : 1
    }
}

/// The functions of versions.
enum SemverFunctions {
    private static let semver = KubernetesTypes.semver

    static let all: [Function] = [
        Function(
            "semver",
            [
                .global("string_to_semver", [.string], semver),
                .global("string_bool_to_semver", [.string, .bool], semver),
            ]
        ) { (values) throws(EvaluationError) in .object(try parse(values)) },
        Function(
            "isSemver",
            [
                .global("is_semver_string", [.string], .bool),
                .global("is_semver_string_bool", [.string, .bool], .bool),
            ]
        ) { (values) throws(EvaluationError) in
            do throws(EvaluationError) {
                _ = try parse(values)
                return .bool(true)
            } catch {
                if error == .noOverload { throw error }
                return .bool(false)
            }
        },
        part("major", 0), part("minor", 1), part("patch", 2),
    ]

    private static func parse(_ values: [Value]) throws(EvaluationError) -> SemverValue {
        let text = try text(values.first)
        guard values.count == 2 else { return try SemverValue(text) }
        guard case .bool(let isLoose) = values[1] else { throw .noOverload }
        return try SemverValue(isLoose ? SemverValue.normalized(text) : text)
    }

    private static func part(_ name: String, _ index: Int) -> Function {
        Function(
            name, [.member("semver_\(name)", [semver], .int)],
            unary: { (value) throws(EvaluationError) in
                .int(Int64(truncatingIfNeeded: try unbox(value, SemverValue.self).numbers[index]))
            })
    }
}
