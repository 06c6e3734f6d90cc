import ArgumentParser
import Foundation
import Gateway
import KubeModel

/// `martlet login`: ways to sign in.
struct Login: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ways to sign in to the page.",
        subcommands: [URLCommand.self, Add.self, List.self, Remove.self])

    /// `martlet login url`: a fresh sign-in address.
    struct URLCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "url", abstract: "Print a fresh sign-in address; it works once, within 15 minutes.")

        @OptionGroup var data: DataDirectoryOptions

        func run() throws {
            let directory = data.directory
            guard directory.runningProcess != nil, let information = directory.runInformation,
                let gateway = information["gateway"]?.string, let user = information["user"]?.string
            else {
                throw Complaint("no platform runs in \(directory.path); start it with `martlet up`")
            }
            try directory.actAsOwner()
            let tokens = try SignInTokens(stateDirectory: directory.gatewayState)
            print("\(gateway)/login?token=\(try tokens.issue(user: user))")
        }
    }

    /// `martlet login add`: lets somebody sign in with a password.
    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let somebody sign in with a password, or change password and groups.",
            discussion: "Asks for the password, or reads one line where the input is no terminal.")

        @OptionGroup var data: DataDirectoryOptions
        @Argument(help: "Name of the user, as roles and Profiles know it: anna@example.com.")
        var user: String
        @Option(name: .long, help: "A group that the user belongs to; may be repeated.")
        var group: [String] = []

        func run() throws {
            let directory = try data.directory.existing()
            let password = try Terminal.newPassword(of: user)
            do {
                try LocalUsers(stateDirectory: directory.gatewayState).set(user, groups: group, password: password)
            } catch let refusal as LocalUsers.Refusal {
                throw Complaint(refusal.description)
            }
            // Whoever knew the old password must not stay signed in.
            try APITokens(stateDirectory: directory.gatewayState).narrow(user: user, to: group)
            let ended = try SignedIn(stateDirectory: directory.gatewayState).end(user: user)
            print("\(user) can sign in" + (ended > 0 ? "; \(ended) sessions were ended" : ""))
        }
    }

    /// `martlet login list`: who can sign in with a password.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List who can sign in with a password.")

        @OptionGroup var data: DataDirectoryOptions
        @Option(name: .long, help: "text or json.")
        var output: OutputFormat = .text

        func run() throws {
            let users = try LocalUsers(stateDirectory: data.directory.existing().gatewayState).all()
            switch output {
            case .json:
                let list = users.map { user -> JSON in
                    ["user": .string(user.name), "groups": .array(user.groups.map(JSON.string))]
                }
                print(JSON.array(list).text)
            case .text:
                if users.isEmpty { print("nobody; add somebody with `martlet login add NAME`") }
                for user in users {
                    print(user.name + (user.groups.isEmpty ? "" : "  (\(user.groups.joined(separator: ", ")))"))
                }
            }
        }
    }

    /// `martlet login remove`: ends somebody's password, sessions and tokens.
    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take somebody's password away and end the sessions and API tokens.")

        @OptionGroup var data: DataDirectoryOptions
        @Argument(help: "Name of the user.")
        var user: String

        func run() throws {
            let directory = try data.directory.existing()
            let existed = try LocalUsers(stateDirectory: directory.gatewayState).remove(user)
            let ended = try SignedIn(stateDirectory: directory.gatewayState).end(user: user)
            let revoked = try APITokens(stateDirectory: directory.gatewayState).revokeAll(of: user)
            guard existed || ended > 0 || revoked > 0 else {
                throw Complaint("there is no user \(user); see `martlet login list`")
            }
            print("\(user) cannot sign in any more; \(ended) sessions and \(revoked) API tokens were ended")
        }
    }
}

/// What is typed at a terminal.
enum Terminal {
    /// A password that is not shown, typed twice; from one line of input where that is no terminal.
    static func newPassword(of user: String) throws -> String {
        guard isatty(STDIN_FILENO) == 1 else {
            guard let line = readLine(), !line.isEmpty else { throw Complaint("no password was given") }
            return line
        }
        let first = try hidden("Password of \(user): ")
        guard try hidden("Once more: ") == first else { throw Complaint("these were two different passwords") }
        return first
    }

    private static func hidden(_ prompt: String) throws -> String {
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else { throw Complaint("the terminal cannot be asked") }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            FileHandle.standardError.write(Data("\n".utf8))
        }
        FileHandle.standardError.write(Data(prompt.utf8))
        guard let line = readLine(), !line.isEmpty else { throw Complaint("no password was given") }
        return line
    }
}

extension DataDirectory {
    /// The folder, which must be there already, used as the user whose it is.
    func existing() throws -> DataDirectory {
        guard FileManager.default.fileExists(atPath: path + "/format.json") else {
            throw Complaint("\(path) is not a data directory of Martlet; start the platform with `martlet up` first")
        }
        try actAsOwner()
        return self
    }
}
