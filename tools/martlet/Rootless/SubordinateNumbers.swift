import Foundation

/// The numbers that an ordinary user may give to others in namespaces, as subuid(5) and subgid(5) list them.
struct SubordinateNumbers: Equatable {
    /// The first of 65536 users.
    let users: UInt32
    /// The first of 65536 groups.
    let groups: UInt32

    static let needed: UInt32 = 65536

    /// Those of the user who runs this process.
    ///
    /// - Throws: ``Complaint`` that says how to get them.
    static func ofUser() throws -> SubordinateNumbers {
        let number = geteuid()
        let name = getpwuid(number).map { String(cString: $0.pointee.pw_name) } ?? "\(number)"
        func first(_ file: String) -> UInt32? {
            Self.first(in: (try? String(contentsOfFile: file, encoding: .utf8)) ?? "", name: name, number: number)
        }
        guard let users = first("/etc/subuid"), let groups = first("/etc/subgid") else {
            throw Complaint(
                "\(name) has no 65536 subordinate users and groups (/etc/subuid, /etc/subgid): run "
                    + "`sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(name)`, with numbers that "
                    + "nobody else has there")
        }
        return SubordinateNumbers(users: users, groups: groups)
    }

    /// The first number of a range that is large enough, of lines `NAME-OR-NUMBER:FIRST:COUNT`.
    static func first(in text: String, name: String, number: UInt32) -> UInt32? {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":").map { $0.trimmingCharacters(in: .whitespaces) }
            guard parts.count == 3, parts[0] == name || parts[0] == String(number), let first = UInt32(parts[1]),
                let count = UInt32(parts[2]), first > 0, count >= needed, UInt64(first) + UInt64(needed) <= 1 << 32
            else { continue }
            return first
        }
        return nil
    }
}
