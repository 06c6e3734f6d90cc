import assert from "node:assert/strict";
import { test } from "node:test";
import { memberProblem, members, type Binding } from "./team";

const binding = (name: string, role: string, kind = "User"): Binding =>
    ({ user: { kind, name }, referredNamespace: "ns", RoleRef: { apiGroup: "", kind: "ClusterRole", name: role } });

test("the owner comes first, then administrators, contributors and viewers by name", () => {
    const found = members([binding("z", "view"), binding("b", "edit"), binding("a", "edit"), binding("me", "admin"), binding("c", "admin")], "me");
    assert.deepEqual(found.map((one) => one.name), ["me", "c", "a", "b", "z"]);
    assert.equal(found[0]?.isOwner, true);
    assert.equal(found[1]?.isOwner, false);
});

test("bindings of service accounts and of unknown roles are not shown", () => {
    assert.deepEqual(members([binding("sa", "edit", "ServiceAccount"), binding("x", "odd")], null), []);
});

test("a name is refused with the reason", () => {
    const known = members([binding("me", "admin"), binding("bob", "edit")], "me");
    assert.match(memberProblem("User", "", "edit", known) ?? "", /name/);
    assert.match(memberProblem("User", "*@example.com", "edit", known) ?? "", /match others/);
    assert.match(memberProblem("Group", "system:authenticated", "edit", known) ?? "", /Kubernetes/);
    assert.match(memberProblem("User", "bob", "edit", known) ?? "", /already/);
    assert.match(memberProblem("User", "me", "view", known) ?? "", /owner/);
    assert.equal(memberProblem("User", "bob", "view", known), null);
    assert.equal(memberProblem("Group", "bob", "edit", known), null);
});
