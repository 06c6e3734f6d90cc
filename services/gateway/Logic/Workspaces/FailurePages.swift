import HTTPKit
import KubeModel

/// What is answered in place of a workspace that is there and cannot be reached: what happened, where, and what to do.
struct FailurePages: Sendable {
    enum Failure: Sendable {
        /// It took the request and did not begin to answer for so many seconds.
        case silent(Int64)
        /// No connection came about within so many seconds.
        case outOfReach(Int64)
        /// It ended the connection in the middle of an exchange.
        case brokeOff
    }

    let workspace: Workspace

    /// A page where somebody looks at it; programs get a `Status`.
    func answer(_ failure: Failure, isPage: Bool) -> HTTPResponse {
        let (name, noun) = (workspace.name, workspace.kind.noun)
        let log = workspace.kind == .notebook ? "its log" : "the log of its Pod"
        let status: Int
        let title: String
        let what: String
        let advice: String
        switch failure {
        case .silent(let seconds):
            (status, title) = (504, "\(name) does not answer")
            what = "took the request and did not begin to answer within \(seconds) seconds"
            advice =
                "Its server may be busy, or stuck: \(log) tells."
                + (workspace.kind == .notebook ? " Stopping and starting it keeps its files." : "")
        case .outOfReach(let seconds):
            (status, title) = (504, "\(name) cannot be reached")
            what = "could not be reached within \(seconds) seconds"
            advice =
                "Its Pod runs, but nothing comes back from its address: its node or network may be overloaded or down."
        case .brokeOff:
            (status, title) = (502, "\(name) broke off")
            what = "ended the connection before it had answered"
            advice = "Its server may have crashed, for want of memory perhaps: \(log) and its events tell."
        }
        guard isPage else {
            let message = "the \(noun) \(workspace.namespace)/\(name) \(what)"
            return .error(APIError(status == 504 ? .timeout : .serviceUnavailable, message, code: status))
        }
        let details = workspace.details
        return Pages.page(
            status: status, title: title,
            lines: [
                "The \(noun) \(name) in \(workspace.namespace) \(what).", advice, "This page tries again by itself.",
            ],
            link: workspace.kind == .notebook ? ("Its log, events and switch", details.target) : details,
            reloadSeconds: 5)
    }
}
