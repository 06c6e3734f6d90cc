import KubeModel
import Testing

@testable import ControllerKit
@testable import Gateway

@Suite("Who has a part in which namespace")
struct MembershipTests {
    private func profile(_ name: String, owner: String) -> KubeObject {
        var profile = KubeObject(apiVersion: "kubeflow.org/v1", kind: "Profile", name: name)
        profile.spec = ["owner": ["kind": "User", "name": .string(owner)]]
        return profile
    }

    private func binding(_ role: String, _ users: [String]) -> KubeObject {
        var binding = KubeObject(
            apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", name: "b", namespace: "one")
        binding["roleRef"] = ["kind": "ClusterRole", "name": .string(role)]
        binding["subjects"] = .array(users.map { ["kind": "User", "name": .string($0)] })
        return binding
    }

    @Test("what is gone leaves nothing behind")
    func gone() {
        var index = Memberships.Index()
        func roles(_ user: String) -> [String: Memberships.Role] {
            index.roles(of: UserIdentity(user: user, groups: []))
        }
        let (first, second) = (profile("one", owner: "anna"), profile("one", owner: "bob"))
        index.profileChanged(CacheChange(type: .added, object: first, old: nil))
        let (edit, view) = (binding("kubeflow-edit", ["carl", "dora"]), binding("kubeflow-view", ["dora"]))
        index.bindingChanged(CacheChange(type: .added, object: edit, old: nil))
        #expect(roles("anna") == ["one": .owner] && roles("carl") == ["one": .contributor])
        index.profileChanged(CacheChange(type: .modified, object: second, old: first))
        index.bindingChanged(CacheChange(type: .modified, object: view, old: edit))
        #expect(roles("anna").isEmpty && roles("carl").isEmpty)
        #expect(roles("bob") == ["one": .owner] && roles("dora") == ["one": .viewer])
        index.bindingChanged(CacheChange(type: .deleted, object: view, old: view))
        index.profileChanged(CacheChange(type: .deleted, object: second, old: second))
        #expect(index.isEmpty)
    }
}
