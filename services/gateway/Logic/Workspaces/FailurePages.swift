import HTTPKit
import KubeModel

/// What is answered in place of a notebook that is there and cannot be reached: what happened, where, and what to do.
struct NotebookPages: Sendable {
    enum Failure: Sendable {
        /// It took the request and did not begin to answer for so many seconds.
        case silent(Int64)
        /// No connection came about within so many seconds.
        case outOfReach(Int64)
        /// It ended the connection in the middle of an exchange.
        case brokeOff
    }

    let namespace: String
    let name: String

    /// A page where somebody looks at it; programs get a `Status`.
    func answer(_ failure: Failure, isPage: Bool) -> HTTPResponse {
        let status: Int
        let title: String
        let what: String
        let advice: String
        switch failure {
        case .silent(let seconds):
            (status, title) = (504, "\(name) does not answer")
            what = "took the request and did not begin to answer within \(seconds) seconds"
            advice = "Its server may be busy, or stuck: its log tells. Stopping and starting it keeps its files."
        case .outOfReach(let seconds):
            (status, title) = (504, "\(name) cannot be reached")
            what = "could not be reached within \(seconds) seconds"
            advice =
                "Its Pod runs, but nothing comes back from its address: its node or network may be overloaded or down."
        case .brokeOff:
            (status, title) = (502, "\(name) broke off")
            what = "ended the connection before it had answered"
            advice = "Its server may have crashed, for want of memory perhaps: its log and its events tell."
        }
        guard isPage else {
            let message = "the notebook \(namespace)/\(name) \(what)"
            return .error(APIError(status == 504 ? .timeout : .serviceUnavailable, message, code: status))
        }
        let place = PercentEncoding.encode(namespace)
        return Pages.page(
            status: status, title: title,
            lines: [
                "The notebook \(name) in \(namespace) \(what).", advice, "This page tries again by itself.",
            ], link: ("Its log, events and switch", "/notebooks/\(place)/\(name)?ns=\(place)"), reloadSeconds: 5)
    }
}
