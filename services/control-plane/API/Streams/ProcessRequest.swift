import HTTPKit
import KubeModel
import NIOCore

/// What a client of `pods/exec` or `pods/attach` wants.
struct ProcessRequest: Sendable {
    /// Path at the node agent.
    let path: String
    let hasInput: Bool
    let hasOutput: Bool
    let hasErrors: Bool
    let hasTerminal: Bool

    init(_ context: RequestContext, container: String) throws(APIError) {
        let query = context.query
        hasTerminal = query.flag("tty")
        hasInput = query.flag("stdin")
        // A terminal has one output.
        (hasOutput, hasErrors) = (query.flag("stdout"), query.flag("stderr") && !query.flag("tty"))
        guard hasInput || hasOutput || hasErrors else {
            throw APIError(.badRequest, "you must specify at least 1 of stdin, stdout, stderr")
        }
        let commands = query.all("command")
        if context.info.subresource == "exec", commands.isEmpty {
            throw APIError(.badRequest, "you must specify at least 1 command for the container")
        }
        var fields = commands.map { (name: "command", value: $0) }
        for (flag, isSet) in [("stdin", hasInput), ("tty", hasTerminal)] where isSet { fields.append((flag, "true")) }
        path = NodeConnection.path([context.info.subresource, context.namespace, context.name, container], fields)
    }

    /// True when the client asked for what the process writes there.
    func wants(_ stream: StreamFrame.Stream) -> Bool {
        switch stream {
        case .output: hasOutput
        case .errors: hasErrors
        default: true
        }
    }
}
