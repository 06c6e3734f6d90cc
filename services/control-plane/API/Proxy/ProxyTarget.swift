/// Where a proxied request goes: an address and port, or a socket of this machine.
struct ProxyTarget: Sendable, Equatable {
    enum Place: Sendable, Equatable, CustomStringConvertible {
        /// An IP address and a port.
        case address(String, port: Int)
        /// A unix socket.
        case socket(String)

        /// Address and port, or the path of the socket.
        var description: String {
            switch self {
            case .address(let ip, let port): ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)"
            case .socket(let path): path
            }
        }
    }

    let isTLS: Bool
    let place: Place

    /// `10.0.0.7:8080`, as URLs have it; the port is left out where the scheme implies it.
    var authority: String {
        switch place {
        case .address(let ip, let port):
            let host = ip.contains(":") ? "[\(ip)]" : ip
            return port == (isTLS ? 443 : 80) ? host : "\(host):\(port)"
        case .socket: return "node-agent"
        }
    }

    /// The URL of a path and query at the target.
    func url(_ pathAndQuery: String) -> String {
        switch place {
        case .address: "\(isTLS ? "https" : "http")://\(authority)\(pathAndQuery)"
        case .socket(let path): "http+unix://\(path.percentEncodedSegment)\(pathAndQuery)"
        }
    }
}
