import ArgumentParser
import Foundation
import Gateway
import GatewayOptions
import KubeModel

/// `martlet token`: secrets by which programs use the platform's API as somebody.
struct Token: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "API tokens, for programs: Authorization: Bearer TOKEN at the gateway.",
        subcommands: [Create.self, List.self, Revoke.self])

    /// `martlet token create`: makes one.
    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token and print it, once.",
            discussion: "The token acts as the user of the running platform, or as --user.")

        @OptionGroup var data: DataDirectoryOptions
        @Argument(help: "What the token is for, to know it again.")
        var name: String
        @Option(name: .long, help: "As whom it acts.")
        var user: String?
        @Option(name: .long, help: "A group that it acts with; may be repeated.")
        var group: [String] = []
        @Option(name: .long, help: "read, write or notebooks; may be repeated.")
        var scope: [TokenScope] = [.read]
        @Option(name: .long, help: "Days until it ends, at most 365.")
        var days = 30
        @Option(name: .long, help: "text or json.")
        var output: OutputFormat = .text

        func run() throws {
            let directory = try data.directory.existing()
            guard let user = user ?? directory.runInformation?["user"]?.string else {
                throw Complaint("say as whom the token acts, with --user")
            }
            if let problem = LocalUsers.problem(user: user) { throw Complaint(problem) }
            do {
                let (token, secret) = try APITokens(stateDirectory: directory.gatewayState).create(
                    user: user, groups: group, name: name, scopes: Set(scope), days: days)
                switch output {
                case .text: print(secret)
                case .json:
                    var json = token.listing
                    json["token"] = .string(secret)
                    print(json.text)
                }
            } catch let refusal as APITokens.Refusal {
                throw Complaint(refusal.description)
            }
        }
    }

    /// `martlet token list`: those that work.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the tokens that work.")

        @OptionGroup var data: DataDirectoryOptions
        @Option(name: .long, help: "Only those of this user.")
        var user: String?
        @Option(name: .long, help: "text or json.")
        var output: OutputFormat = .text

        func run() throws {
            let tokens = try APITokens(stateDirectory: data.directory.existing().gatewayState).all()
                .filter { user == nil || $0.user == user }
            switch output {
            case .json: print(JSON.array(tokens.map(\.listing)).text)
            case .text:
                if tokens.isEmpty { print("none; make one with `martlet token create NAME`") }
                for token in tokens {
                    let scopes = token.scopes.sorted().map(\.rawValue).joined(separator: ",")
                    let day = token.expires.formatted(.iso8601.year().month().day())
                    print("\(token.id)  \(token.user)  \(scopes)  until \(day)  \(token.name)")
                }
            }
        }
    }

    /// `martlet token revoke`: ends one.
    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a token, at once.")

        @OptionGroup var data: DataDirectoryOptions
        @Argument(help: "Its id, as `martlet token list` shows it.")
        var id: String

        func run() throws {
            guard try APITokens(stateDirectory: data.directory.existing().gatewayState).revoke(id) else {
                throw Complaint("there is no token \(id); see `martlet token list`")
            }
            print("revoked \(id)")
        }
    }
}

extension APIToken {
    /// As it is listed for programs.
    fileprivate var listing: JSON {
        [
            "id": .string(id), "name": .string(name), "user": .string(user),
            "groups": .array(groups.map(JSON.string)), "scopes": .array(scopes.sorted().map { .string($0.rawValue) }),
            "created": .string(created.formatted(.iso8601)), "expires": .string(expires.formatted(.iso8601)),
        ]
    }
}
