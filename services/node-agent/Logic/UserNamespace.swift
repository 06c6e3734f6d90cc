/// The user namespace of the node agent.
enum UserNamespace {
    /// True when it is the machine's. In one of an ordinary user root is root of nothing else, mounts with mapped owners are
    /// not to be had, and marks of overlays are attributes that users may set.
    static let isOfMachine = isOfMachine(FileTools.text("/proc/self/uid_map") ?? "")

    /// From the content of `/proc/self/uid_map`.
    static func isOfMachine(_ map: String) -> Bool {
        map.isEmpty || map.split(whereSeparator: \.isWhitespace) == ["0", "0", "4294967295"]
    }

    /// What overlays need among their options.
    static var overlayOption: String { isOfMachine ? "" : ",userxattr" }
}
