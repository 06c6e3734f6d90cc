/// A reader of foreign bytes, and what must hold for it whatever the bytes are.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case json
    case yaml
    case patch
    case selector
    case log

    /// Gives an input to the reader.
    ///
    /// - Returns: which promise was broken, nil when all were kept. A crash is a broken promise, too.
    public func complaint(about input: [UInt8]) -> String? {
        switch self {
        case .json: JSONPromises.complaint(about: input)
        case .yaml: YAMLPromises.complaint(about: input)
        case .patch: PatchPromises.complaint(about: input)
        case .selector: SelectorPromises.complaint(about: input)
        case .log: LogPromises.complaint(about: input)
        }
    }
}
