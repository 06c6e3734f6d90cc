import ClusterRules

extension [FieldIssue] {
    /// The issues for which a request is refused; the client is warned of the others, which were there before it.
    func refused(warning warnings: RequestContext.Warnings?) -> [FieldIssue] {
        guard contains(where: \.isTolerated) else { return self }
        for issue in self where issue.isTolerated { warnings?.add("\(issue.field): \(issue.message)") }
        return filter { !$0.isTolerated }
    }
}
