import KubeModel
import Testing

@testable import ClusterAPI

@Suite("What policies may concern")
struct ResourceMatchTests {
    @Test(
        "resources and subresources are told apart",
        arguments: [
            ("pods", "", true), ("pods", "status", false), ("*", "", true), ("*", "status", false),
            ("pods/status", "status", true), ("pods/status", "", false), ("pods/status", "scale", false),
            ("pods/*", "status", true), ("pods/*", "", true), ("*/*", "status", true), ("*/status", "status", true),
            ("nodes", "", false), ("nodes/*", "status", false), ("", "", false),
        ])
    func rules(_ pattern: String, _ subresource: String, _ isMeant: Bool) {
        let match = ResourceMatch([
            "resourceRules": [
                [
                    "operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"],
                    "resources": ["others", .string(pattern)],
                ]
            ]
        ])
        #expect(match.mayConcern("pods", subresource) == isMeant)
    }

    @Test("without rules everything is")
    func none() { #expect(ResourceMatch([:]).mayConcern("pods", "status")) }
}
