import CCurl
import Dispatch
import Synchronization

/// HTTP to services outside of the platform, such as identity providers, by libcurl: with the proxies, authorities and
/// habits of the network that the machine is in.
///
/// Follows no redirects, takes nothing but HTTPS (and HTTP where that is allowed), and bounds time and length of each answer.
public final class WebClient: Sendable {
    /// Within which bounds it asks.
    public struct Settings: Sendable {
        /// File with the authorities (PEM) to trust instead of the system's.
        public var authoritiesFile: String?
        /// Plain HTTP to other machines; to this one it is always allowed.
        public var allowsPlainHTTP = false
        /// How long a request may take.
        public var timeout = Duration.seconds(10)
        /// Longest answer, in bytes.
        public var answerLimit = 1 << 20
        /// How many requests may be under way; each has a thread.
        public var concurrency = 16

        /// The usual bounds.
        public init() {}
    }

    /// With the value of `CURL_GLOBAL_ALL`, a macro.
    private static let isReady = curl_global_init(3) == CURLE_OK

    private let settings: Settings
    private let queue = DispatchQueue(label: "martlet.web", attributes: .concurrent)
    private let running = Atomic(0)

    /// A client; nothing is connected yet.
    public init(_ settings: Settings = Settings()) { self.settings = settings }

    /// Sends one request and collects the answer, whatever its status.
    public func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        try check(request)
        guard running.add(1, ordering: .relaxed).newValue <= settings.concurrency else {
            running.subtract(1, ordering: .relaxed)
            throw .busy
        }
        defer { running.subtract(1, ordering: .relaxed) }
        let transfer = Transfer(limit: settings.answerLimit)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.async { [settings] in
                    continuation.resume(returning: Self.perform(request, transfer, settings))
                }
            }
        } onCancel: {
            transfer.cancel()
        }
        return try result.get()
    }

    private func check(_ request: WebRequest) throws(WebError) {
        guard Self.isReady else { throw .failed("libcurl cannot be used") }
        guard let host = WebAddress.host(of: request.url) else { throw .unusable("\(request.url) is no address") }
        guard request.url.hasPrefix("https://") || settings.allowsPlainHTTP || WebAddress.isLoopback(host) else {
            throw .unusable("\(request.url) is not encrypted")
        }
        let lines = request.headers.map { "\($0.name): \($0.value)" } + [request.url]
        guard lines.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f } }) else {
            throw .unusable("a header field or the address has control characters")
        }
    }

    /// Blocks until the answer is there.
    private static func perform(
        _ request: WebRequest, _ transfer: Transfer, _ settings: Settings
    ) -> Result<WebResponse, WebError> {
        guard let handle = curl_easy_init() else { return .failure(.failed("libcurl has no memory")) }
        defer { curl_easy_cleanup(handle) }
        var fields: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(fields) }
        for (name, value) in request.headers { fields = curl_slist_append(fields, "\(name): \(value)") ?? fields }

        martlet_curl_set_text(handle, CURLOPT_URL, request.url)
        martlet_curl_set_text(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        martlet_curl_set_text(handle, CURLOPT_USERAGENT, "martlet")
        martlet_curl_set_number(handle, CURLOPT_NOSIGNAL, 1)
        martlet_curl_set_number(handle, CURLOPT_FOLLOWLOCATION, 0)
        let seconds = settings.timeout.components
        let milliseconds = Int(seconds.seconds) * 1000 + Int(seconds.attoseconds / 1_000_000_000_000_000)
        martlet_curl_set_number(handle, CURLOPT_TIMEOUT_MS, milliseconds)
        martlet_curl_set_number(handle, CURLOPT_CONNECTTIMEOUT_MS, min(milliseconds, 5000))
        if let file = settings.authoritiesFile { martlet_curl_set_text(handle, CURLOPT_CAINFO, file) }
        if WebAddress.host(of: request.url).map(WebAddress.isLoopback) ?? false {
            martlet_curl_set_text(handle, CURLOPT_NOPROXY, "*")
        }
        if request.method == "POST" {
            martlet_curl_set_number(handle, CURLOPT_POST, 1)
            martlet_curl_set_number(handle, CURLOPT_POSTFIELDSIZE, request.body.count)
        }
        martlet_curl_set_pointer(handle, CURLOPT_HTTPHEADER, fields)
        martlet_curl_on_write(handle) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            return transfer.append(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
        }
        martlet_curl_on_progress(handle) { context, _, _, _, _ in
            guard let context else { return 1 }
            return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().isCancelled ? 1 : 0
        }
        let context = Unmanaged.passUnretained(transfer).toOpaque()
        martlet_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        martlet_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
        martlet_curl_set_number(handle, CURLOPT_NOPROGRESS, 0)

        var body = request.body
        let code = body.withUnsafeMutableBytes { bytes in
            if request.method == "POST" { martlet_curl_set_pointer(handle, CURLOPT_POSTFIELDS, bytes.baseAddress) }
            return withExtendedLifetime(transfer) { curl_easy_perform(handle) }
        }
        if transfer.isCancelled { return .failure(.cancelled) }
        if transfer.isTooLong { return .failure(.tooLong) }
        switch code {
        case CURLE_OK:
            return .success(WebResponse(status: Int(martlet_curl_status(handle)), body: transfer.bytes))
        case CURLE_OPERATION_TIMEDOUT: return .failure(.timeout)
        default: return .failure(.failed(String(cString: curl_easy_strerror(code))))
        }
    }
}

/// What has come of one answer.
private final class Transfer: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var isTooLong = false
    }

    private let limit: Int
    private let state = Mutex(State())
    private let cancelled = Atomic(false)

    init(limit: Int) { self.limit = limit }

    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }
    var isTooLong: Bool { state.withLock(\.isTooLong) }
    var bytes: [UInt8] { state.withLock(\.bytes) }

    func cancel() { cancelled.store(true, ordering: .relaxed) }

    /// False when that would be too much.
    func append(_ new: UnsafeRawBufferPointer) -> Bool {
        let new = Array(new)
        return state.withLock { state in
            guard state.bytes.count + new.count <= limit else {
                state.isTooLong = true
                return false
            }
            state.bytes += new
            return true
        }
    }
}

/// Parts of an address.
public enum WebAddress {
    /// The host of an HTTP address, in small letters, without port; nil when it is none, or has a user in it.
    public static func host(of url: String) -> String? {
        guard let scheme = ["https://", "http://"].first(where: url.hasPrefix) else { return nil }
        let authority = url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.isEmpty, !authority.contains("@"), !authority.contains("\\") else { return nil }
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            return authority[...end].lowercased()
        }
        let host = authority.prefix { $0 != ":" }
        return host.isEmpty ? nil : host.lowercased()
    }

    /// True for names of this machine.
    public static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "[::1]" || isLoopbackAddress(host)
    }

    private static func isLoopbackAddress(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
