import ArgumentParser
import Foundation
import KubeClient
import KubeModel
import ProfileController

/// `martlet profile`: workspaces of people, for administrators.
struct ProfileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Profiles: namespaces with an owner and contributors.",
        subcommands: [
            Create.self, List.self, Transfer.self, AddContributor.self, RemoveContributor.self, Delete.self,
        ])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a Profile and its namespace.")

        @OptionGroup var data: DataDirectoryOptions
        @Argument(help: "Its name, which becomes the namespace's.")
        var name: String
        @Option(name: .long, help: "Who owns it.")
        var owner: String
        @Flag(name: .long, help: "The owner is a group.")
        var group = false
        @Option(name: .long, help: "A limit such as cpu=4 or requests.storage=50Gi; may be repeated.")
        var quota: [String] = []

        func run() async throws {
            var limits: [String: String] = [:]
            for limit in quota {
                let parts = limit.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { throw Complaint("--quota is RESOURCE=AMOUNT, not \(limit)") }
                limits[parts[0]] = parts[1]
            }
            try await Administration.run(data) { [limits] profiles in
                try await profiles.create(name, ownerKind: group ? "Group" : "User", owner: owner, quota: limits)
            }
            print("created \(name), owned by \(owner)")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List Profiles with owners and contributors.")

        @OptionGroup var data: DataDirectoryOptions
        @Option(name: .long, help: "text or json.")
        var output: OutputFormat = .text

        func run() async throws {
            let all = try await Administration.run(data) { try await $0.all() }
            switch output {
            case .json: print(JSON.array(all.map(\.json)).text)
            case .text:
                for profile in all {
                    print("\(profile.name)  \(profile.state)  owned by \(profile.owner.text)")
                    for member in profile.contributors { print("  \(member.role)  \(member.text)") }
                }
            }
        }
    }

    struct Transfer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a Profile to somebody else.",
            discussion: "The new owner gets the namespace with all that is in it; the owner until now loses it.")

        @OptionGroup var data: DataDirectoryOptions
        @Argument(help: "The Profile.")
        var name: String
        @Argument(help: "The new owner.")
        var owner: String
        @Flag(name: .long, help: "The new owner is a group.")
        var group = false

        func run() async throws {
            try await Administration.run(data) {
                try await $0.transfer(name, toKind: group ? "Group" : "User", owner)
            }
            print("\(owner) owns \(name)")
        }
    }

    /// Somebody with a role in a Profile.
    struct MemberOptions: ParsableArguments {
        @Argument(help: "The Profile.")
        var profile: String
        @Argument(help: "The user, or with --group the group.")
        var name: String
        @Flag(name: .long, help: "It is a group.")
        var group = false
        @Option(name: .long, help: "admin, edit or view.")
        var role = "edit"

        var member: ProfileAdministration.Member { .init(kind: group ? "Group" : "User", name: name, role: role) }

        func validate() throws {
            guard ["admin", "edit", "view"].contains(role) else {
                throw ValidationError("--role is admin, edit or view, not \(role)")
            }
        }
    }

    struct AddContributor: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Share a Profile with somebody.")

        @OptionGroup var data: DataDirectoryOptions
        @OptionGroup var who: MemberOptions

        func run() async throws {
            try await Administration.run(data) { try await $0.add(who.member, to: who.profile) }
            print("\(who.name) may \(who.role) in \(who.profile)")
        }
    }

    struct RemoveContributor: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Share a Profile with somebody no longer.")

        @OptionGroup var data: DataDirectoryOptions
        @OptionGroup var who: MemberOptions

        func run() async throws {
            try await Administration.run(data) { try await $0.remove(who.member, from: who.profile) }
            print("\(who.name) may no longer \(who.role) in \(who.profile)")
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a Profile with its namespace and all that is in it.")

        @OptionGroup var data: DataDirectoryOptions
        @Argument(help: "The Profile.")
        var name: String
        @Flag(name: .long, help: "Do not ask.")
        var yes = false

        func run() async throws {
            guard yes else { throw Complaint("this deletes all work in \(name); say so with --yes") }
            try await Administration.run(data) { try await $0.delete(name) }
            print("\(name) is being deleted")
        }
    }
}

/// Acts on a running platform as its administrator.
enum Administration {
    @discardableResult
    static func run<Result: Sendable>(
        _ data: DataDirectoryOptions, _ body: (ProfileAdministration) async throws -> Result
    ) async throws -> Result {
        let directory = data.directory
        guard directory.runningProcess != nil else {
            throw Complaint("no platform runs in \(directory.path); start it with `martlet up`")
        }
        let transport = try HTTPKubeTransport(KubeConfiguration.load(kubeconfig: directory.kubeconfig))
        do {
            let result = try await body(ProfileAdministration(client: KubeClient(transport: transport)))
            try await transport.shutdown()
            return result
        } catch {
            try? await transport.shutdown()
            throw (error as? APIError).map { Complaint($0.message) } ?? error
        }
    }
}

extension ProfileAdministration.Member {
    fileprivate var text: String { kind == "User" ? name : "\(kind.lowercased()) \(name)" }
    fileprivate var json: JSON { ["kind": .string(kind), "name": .string(name), "role": .string(role)] }
}

extension ProfileAdministration.Summary {
    fileprivate var json: JSON {
        [
            "name": .string(name), "state": .string(state),
            "owner": ["kind": .string(owner.kind), "name": .string(owner.name)],
            "contributors": .array(contributors.map(\.json)),
        ]
    }
}
