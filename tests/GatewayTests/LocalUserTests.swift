import Foundation
import Identity
import KubeModel
import TestSupport
import Testing

@testable import Gateway

@Suite("Local users", .timeLimit(.minutes(5)))
struct LocalUserTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("users-\(UUID().uuidString)")
        .path

    @Test("users are added, changed, listed and removed; their passwords are not in the files")
    func users() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let users = try LocalUsers(stateDirectory: folder)
        #expect(!users.areThere)
        try users.set("anna@example.com", groups: ["team"], password: "correct horse")
        let found = try #require(try LocalUsers(stateDirectory: folder).find("Anna@Example.com"))
        #expect(found.user.name == "anna@example.com")
        #expect(found.user.groups == ["team"])
        #expect(found.hash.matches("correct horse"))
        #expect(!found.hash.matches("correct horsf"))
        #expect(throws: LocalUsers.Refusal.self) {
            try users.set("Anna@example.com", groups: [], password: "correct horse")
        }
        #expect(try !users.remove("ANNA@example.com"))
        #expect(try users.all().map(\.name) == ["anna@example.com"])
        #expect(try users.remove("anna@example.com"))
        #expect(try users.find("anna@example.com") == nil)
    }

    @Test(
        "names that mean something to Kubernetes or Istio are refused",
        arguments: ["", "system:admin", "System:masters", "*@example.com", "a,b", "a b", "a\u{430}", "a\n"])
    func names(name: String) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let users = try LocalUsers(stateDirectory: folder)
        #expect(throws: LocalUsers.Refusal.self) { try users.set(name, groups: [], password: "long enough") }
        guard name != "a b" else { return }  // groups of a directory often have blanks in their names
        #expect(throws: LocalUsers.Refusal.self) { try users.set("anna", groups: [name], password: "long enough") }
    }

    @Test("each failure after five doubles the pause; success forgets, but not for the address")
    func throttle() {
        let throttle = SignInThrottle()
        var now = Date(timeIntervalSince1970: 1_800_000_000)
        for _ in 0..<5 { #expect(throttle.begin(user: "anna", address: "10.0.0.1", now: now) == nil) }
        #expect(throttle.begin(user: "Anna", address: "10.0.0.1", now: now) == 30)
        #expect(throttle.begin(user: "anna", address: "10.0.0.2", now: now) == nil)
        #expect(throttle.begin(user: "bert", address: "10.0.0.1", now: now) == nil)
        now += 31
        #expect(throttle.begin(user: "anna", address: "10.0.0.1", now: now) == nil)
        #expect(throttle.begin(user: "anna", address: "10.0.0.1", now: now) == 60)
        now += 61
        #expect(throttle.begin(user: "anna", address: "10.0.0.1", now: now) == nil)
        throttle.succeeded(user: "anna", address: "10.0.0.1")
        #expect(throttle.begin(user: "anna", address: "10.0.0.1", now: now) == nil)
        var passed = 0
        for number in 0..<100 where throttle.begin(user: "u\(number)", address: "10.0.0.1", now: now) == nil {
            passed += 1
        }
        #expect((5...20).contains(passed))
        #expect(throttle.begin(user: "x", address: "10.0.0.1", now: now) != nil)
    }

    @Test("many addresses together do not guess one user's password; an IPv6 network is one address")
    func distributed() {
        let throttle = SignInThrottle()
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        let passed = (0..<200).filter { throttle.begin(user: "anna", address: "10.0.1.\($0)", now: now) == nil }.count
        #expect(passed == 50)
        let other = (0..<40).filter { throttle.begin(user: "b\($0)", address: "2001:db8::\($0)", now: now) == nil }
            .count
        #expect(other == 20)
    }

    @Test("where to go after signing in is a path of ours")
    func returnPaths() {
        #expect(ReturnPath.checked("/notebooks?ns=a&x=%2f") == "/notebooks?ns=a&x=%2f")
        for path in ["//evil", "/\\evil", "https://evil", "", "/login", "/a\r\nset-cookie: x", "evil"] {
            #expect(ReturnPath.checked(path) == "/", "\(path)")
        }
    }
}
