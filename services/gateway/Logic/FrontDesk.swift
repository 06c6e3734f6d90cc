import HTTPKit
import Identity
import KubeModel
import NIOCore
import NIOHTTP1

/// What every request passes first and last: what its sender may use up, its id, and the access log.
struct FrontDesk: Sendable {
    let core: GatewayCore
    let handler: GatewayHandler

    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        if ["/healthz", "/readyz", "/metrics"].contains(request.path), !GatewayCore.isAtWorkspacePort(request) {
            return await handler.answer(request)
        }
        let began = NIODeadline.now()
        let sender = core.sender(of: request)
        let account = core.limits.account(sender.key)
        var response: HTTPResponse
        let ticket: UserLimits.Ticket?
        switch account.enter(now: began) {
        case .entered(let given):
            ticket = given
            response = await handler.answer(request)
        case .refused(let message, let seconds):
            ticket = nil
            response = .error(APIError(.tooManyRequests, message, retryAfterSeconds: seconds))
            response.headers.add(name: "cache-control", value: "no-store")
            core.metrics.count("gateway_requests_total", ["part": "limits", "status": "4xx"])
            core.refusals.record(
                request, user: sender.identity, address: core.address(of: request), response: response)
        }
        let id = request.id
        response.headers.replaceOrAdd(name: "x-request-id", value: id)
        guard let log = core.accessLog else {
            if ticket != nil { response.onEnd = { _, _ in withExtendedLifetime(ticket) {} } }
            return response
        }
        let line = AccessLog.Line(
            id: id, user: sender.identity?.user, address: core.address(of: request), method: request.method,
            target: request.target, status: response.status, began: began)
        response.onEnd = { bytes, isWhole in
            withExtendedLifetime(ticket) {}
            log.write(line, bytes: bytes, isWhole: isWhole)
        }
        return response
    }
}

extension GatewayCore {
    /// Who is taken for the sender of a request when it is about what somebody uses up. A token counts by itself, before anybody
    /// has examined it; who brings nothing counts by where they are.
    func sender(of request: HTTPRequest) -> (key: String, identity: UserIdentity?) {
        if let token = try? request.headers.bearerToken() {
            return ("token:" + Base64URL.encode(Secrets.digest(token.utf8)), nil)
        }
        if let identity = proxies.identity(request) ?? session(of: request)?.identity {
            return ("user:" + identity.user, identity)
        }
        return ("address:" + (address(of: request) ?? ""), nil)
    }
}
