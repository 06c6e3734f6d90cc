import KubeClient
import KubeModel
import NIOCore

/// Requests that are no plain operation on an object.
enum JSONRequest {
    static func post(_ path: String, _ body: JSON) -> KubeRequest {
        KubeRequest(
            "POST", path, headers: [("Content-Type", "application/json"), ("Accept", "application/json")],
            body: ByteBuffer(bytes: body.bytes))
    }

    static func put(_ path: String, _ body: JSON) -> KubeRequest {
        var request = post(path, body)
        request.method = "PUT"
        return request
    }

    static func get(_ path: String) -> KubeRequest {
        KubeRequest("GET", path, headers: [("Accept", "application/json")])
    }
}
