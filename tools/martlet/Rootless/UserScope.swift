import Foundation

/// A control group that the user's systemd makes for one command and delegates to it. Sessions of users are in groups of
/// root's.
enum UserScope {
    private static let marker = "MARTLET_SCOPE"
    private static let words = ["--user", "--scope", "--quiet", "--collect", "--property=Delegate=yes", "--"]

    /// `systemd-run`, where the user has a systemd; nil else.
    static var program: String? {
        let environment = ProcessInfo.processInfo.environment
        guard let folder = environment["XDG_RUNTIME_DIR"], access("\(folder)/systemd/private", W_OK) == 0 else {
            return nil
        }
        return Installation.onPath("systemd-run")
    }

    /// Executes this command again in such a group. Returns when it is in a delegated one already, or cannot get one: then
    /// there are no limits. To be called before anything is opened.
    static func enter() {
        guard ProcessInfo.processInfo.environment[marker] == nil, DelegatedGroup.own == nil, let program,
            let executable = Installation.executable,
            // Once it is executed there is no way back.
            let trial = try? ShortProgram.run(program, words + ["true"]), trial.status == 0
        else {
            unsetenv(marker)
            return
        }
        setenv(marker, "1", 1)
        var arguments: [UnsafeMutablePointer<CChar>?] =
            ([program] + words + [executable] + CommandLine.arguments.dropFirst()).map { strdup($0) } + [nil]
        execv(program, &arguments)
        unsetenv(marker)
    }
}
