/** Who works in a namespace: KFAM's bindings, in the words of the page. */

export type Role = "admin" | "edit" | "view";
export type MemberKind = "User" | "Group";

export interface Binding {
    user: { kind: string; name: string };
    referredNamespace: string;
    RoleRef: { apiGroup: string; kind: string; name: string };
}

export interface Member { kind: MemberKind; name: string; role: Role; isOwner: boolean }

export const roles: { value: Role; label: string; help: string }[] = [
    { value: "view", label: "Viewer", help: "Sees everything here and changes nothing." },
    { value: "edit", label: "Contributor", help: "Makes, changes and deletes notebooks and volumes, and can read secrets." },
    { value: "admin", label: "Administrator", help: "As a contributor, and decides who else works here." },
];

export const roleLabel = (role: Role): string => roles.find((one) => one.value === role)?.label ?? role;

/** The owner first, then by role, then by name. Bindings that are not a person's or a group's are left out. */
export function members(bindings: readonly Binding[], owner: string | null): Member[] {
    const found: Member[] = [];
    for (const { user, RoleRef } of bindings) {
        const role = roles.find((one) => one.value === RoleRef.name)?.value;
        if (!role || (user.kind !== "User" && user.kind !== "Group")) continue;
        found.push({ kind: user.kind, name: user.name, role, isOwner: role === "admin" && user.name === owner });
    }
    const rank = (one: Member) => (one.isOwner ? 0 : 3 - roles.findIndex((role) => role.value === one.role));
    return found.sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
}

export const keyOf = (member: Member): string => `${member.kind}/${member.name}/${member.role}`;

/** What is wrong with a name, as one types; `null` when it can be used. The server has the last word. */
export function memberProblem(kind: MemberKind, name: string, role: Role, known: readonly Member[]): string | null {
    if (name === "") return kind === "User" ? "Give the user's name, usually an e-mail address." : "Give the group's name.";
    if (name.includes("*")) return "A “*” would match others too.";
    if (name !== name.trim()) return "Leave out the spaces at the ends.";
    if (name.length > 253) return "A name has at most 253 characters.";
    if (kind === "Group" && name.startsWith("system:")) return "Groups of Kubernetes' own cannot contribute.";
    const same = known.filter((one) => one.kind === kind && one.name === name);
    if (same.some((one) => one.isOwner)) return `${name} is the owner.`;
    if (same.some((one) => one.role === role)) return `${name} is ${roleLabel(role).toLowerCase()} already.`;
    return null;
}
