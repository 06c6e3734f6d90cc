import Glibc

extension GatewayConfiguration {
    /// How many connections one address may have, so that others get some, too; nil for any number.
    var addressLimit: Int? {
        guard connectionsPerAddress > 0 else { return nil }
        var files = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0, files.rlim_cur < Int.max else {
            return connectionsPerAddress
        }
        // A connection leads to a file, and behind it to a notebook's, which is another one.
        return max(1, min(connectionsPerAddress, Int(files.rlim_cur) / 2))
    }
}
