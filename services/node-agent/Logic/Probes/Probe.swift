import KubeModel
import NIOCore
import NIOPosix

/// A check of a container's health, as its spec describes it.
struct Probe: Sendable {
    enum Check: Sendable {
        case execute([String])
        case http(host: String?, port: JSON, path: String, headers: [(String, String)], isTLS: Bool)
        case tcp(host: String?, port: JSON)
        /// The health service of gRPC, asked about `service`.
        case grpc(port: JSON, service: String)
    }

    let check: Check
    let initialDelay: Duration
    let period: Duration
    let timeout: Duration
    let successThreshold: Int
    let failureThreshold: Int
    let graceSeconds: Int?

    init?(_ json: JSON?) {
        guard let json else { return nil }
        if let command = json.value(at: "exec", "command")?.array {
            check = .execute(command.compactMap(\.string))
        } else if let http = json["httpGet"], let port = http["port"] {
            check = .http(
                host: http["host"]?.string, port: port, path: http["path"]?.string ?? "/",
                headers: (http["httpHeaders"]?.array ?? []).map {
                    ($0["name"]?.string ?? "", $0["value"]?.string ?? "")
                },
                isTLS: http["scheme"]?.string?.uppercased() == "HTTPS")
        } else if let tcp = json["tcpSocket"], let port = tcp["port"] {
            check = .tcp(host: tcp["host"]?.string, port: port)
        } else if let port = json.value(at: "grpc", "port") {
            check = .grpc(port: port, service: json.value(at: "grpc", "service")?.string ?? "")
        } else {
            return nil
        }
        func number(_ key: String, _ standard: Int64, least: Int64) -> Int64 { max(least, json[key]?.int ?? standard) }
        initialDelay = .seconds(number("initialDelaySeconds", 0, least: 0))
        period = .seconds(number("periodSeconds", 10, least: 1))
        timeout = .seconds(number("timeoutSeconds", 1, least: 1))
        successThreshold = Int(number("successThreshold", 1, least: 1))
        failureThreshold = Int(number("failureThreshold", 3, least: 1))
        graceSeconds = json["terminationGracePeriodSeconds"]?.int.map(Int.init)
    }
}

/// What a probe found.
enum ProbeResult: Sendable {
    case healthy
    case failed(String)
    /// The container could not be asked, which tells nothing of its health.
    case unknown(String)

    /// nil means that nothing is wrong.
    init(problem: String?) { self = problem.map(Self.failed) ?? .healthy }

    /// nil when healthy, else what is wrong.
    var problem: String? {
        switch self {
        case .healthy: nil
        case .failed(let problem), .unknown(let problem): problem
        }
    }
}

/// Asks once.
struct ProbeRunner: Sendable {
    let address: Address4
    let container: ContainerSpec
    /// Runs a command in the container; throws when it cannot begin.
    let execute: @Sendable ([String], Duration) async throws -> Command.Outcome
    /// Told what is odd about a container that is healthy all the same.
    let warn: @Sendable (String) async -> Void

    func run(_ check: Probe.Check, timeout: Duration) async -> ProbeResult {
        switch check {
        case .execute(let command):
            do {
                let outcome = try await execute(command, timeout)
                if outcome.isTimedOut {
                    return .failed(
                        "command timed out: \(command.joined(separator: " ")) timed out after \(timeout.text)")
                }
                return outcome.code == 0 ? .healthy : .failed((outcome.output + outcome.error).trimmed())
            } catch {
                return .unknown("\(error)")
            }
        case .http(let host, let port, let path, let headers, let isTLS):
            guard let number = number(port) else { return unknown(port) }
            return await ProbeResult(
                problem: fetch(
                    HTTPTarget(host: host ?? "\(address)", port: number, path: path, isTLS: isTLS), headers, timeout))
        case .tcp(let host, let port):
            guard let number = number(port) else { return unknown(port) }
            return await ProbeResult(
                problem: Self.connect(host: host ?? "\(address)", port: number, timeout: timeout))
        case .grpc(let port, let service):
            guard let number = number(port) else { return unknown(port) }
            return await ProbeResult(
                problem: GRPCHealth.check(host: "\(address)", port: number, service: service, timeout: timeout))
        }
    }

    private func unknown(_ port: JSON) -> ProbeResult { .unknown("port \(port.text) is not a port of the container") }

    private func number(_ port: JSON) -> Int? {
        if let number = port.int { return Int(number) }
        guard let name = port.string else { return nil }
        if let number = Int(name) { return number }
        let found = container.json["ports"]?.array?.first { $0["name"]?.string == name }
        return found?["containerPort"]?.int.map(Int.init)
    }

    static func connect(host: String, port: Int, timeout: Duration) async -> String? {
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(TimeAmount(timeout)).connect(host: host, port: port).get()
            try? await channel.close()
            return nil
        } catch {
            return "dial tcp \(host):\(port): \(describe(error))"
        }
    }

    /// How probes call themselves.
    static let agent = "kube-probe/1.36"

    static func describe(_ error: any Error) -> String {
        if let error = error as? NIOConnectionError, let first = error.connectionErrors.first {
            return describe(first.error)
        }
        if let error = error as? IOError { return error.errnoCode == 111 ? "connect: connection refused" : "\(error)" }
        if case .some(.connectTimeout) = error as? ChannelError { return "i/o timeout" }
        if case .some(.eof) = error as? ChannelError { return "EOF" }
        return "\(error)"
    }
}
