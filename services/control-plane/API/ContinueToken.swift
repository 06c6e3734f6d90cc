import ClusterStore
import Foundation
import KubeModel
import NIOCore

/// Where a list that is read page by page goes on: in the state in which it began, after the last object that was sent.
struct ContinueToken: Sendable {
    /// The state in which the list began; nil for the newest one.
    let revision: UInt64?
    /// The first place that comes next, as lists are ordered; below the namespace of a list of one namespace.
    let start: String

    private static let version = "meta.k8s.io/v1"

    /// As it goes to clients and comes back.
    var text: String {
        let revision = revision.map { Int64(clamping: $0) } ?? -1
        let json: JSON = ["v": .string(Self.version), "rv": .int(revision), "start": .string(start)]
        return Data(json.bytes).base64EncodedString().replacing("=", with: "").replacing("+", with: "-").replacing(
            "/", with: "_")
    }

    /// What is answered when the state is no longer known: with a token that goes on in the newest one.
    var expired: APIError {
        var error = APIError(
            .expired,
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
                + "without the continue parameter, or use the continue token in this response to retrieve the remainder "
                + "of the results. Continuing with the provided token results in an inconsistent list - objects that "
                + "were created, modified, or deleted between the time the first chunk was returned and now may show up "
                + "in the list.")
        error.continueToken = ContinueToken(revision: nil, start: start).text
        return error
    }

    /// The token behind a page whose last object is `last`.
    init(revision: UInt64, after last: ObjectKey, namespace: String?) {
        self.init(revision: revision, start: last.place(in: namespace) + "\0")
    }

    private init(revision: UInt64?, start: String) { (self.revision, self.start) = (revision, start) }

    /// Reads a token that came back.
    ///
    /// - Throws: ``APIError`` with `badRequest` that says what is wrong with it.
    init(_ token: String) throws(APIError) {
        let bytes = try Self.decoded(token)
        let json: JSON
        do {
            json = try JSON(parsing: bytes)
        } catch {
            throw Self.refused(": " + GoJSONError.text(error, in: ByteBuffer(bytes: bytes)))
        }
        guard json.object != nil else { throw Self.refused(": json: cannot unmarshal into a continue token") }
        for field in ["v", "start"] {
            if let value = json[field], value.string == nil, !value.isNull {
                throw Self.refused(": json: cannot unmarshal into field continueToken.\(field) of type string")
            }
        }
        if let value = json["rv"], value.int == nil, !value.isNull {
            throw Self.refused(": json: cannot unmarshal into field continueToken.rv of type int64")
        }
        let version = json["v"]?.string ?? ""
        guard version == Self.version else {
            throw Self.refused(": server does not recognize this encoded version \(version)")
        }
        let revision = json["rv"]?.int ?? 0
        guard revision != 0 else {
            throw Self.refused(": incorrect encoded start resourceVersion (version \(Self.version))")
        }
        let start = json["start"]?.string ?? ""
        guard !start.isEmpty else { throw Self.refused(": encoded start key empty (version \(Self.version))") }
        // A token never leads out of the collection that is listed.
        let path = start.hasPrefix("/") ? String(start.dropFirst()) : start
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(where: { ["", ".", ".."].contains($0) }) || path.isEmpty else {
            throw Self.refused(": \(start)")
        }
        self.init(revision: revision > 0 ? UInt64(revision) : nil, start: path)
    }

    private static func refused(_ detail: String) -> APIError {
        APIError(.badRequest, "invalid continue token: continue key is not valid\(detail)")
    }

    private static func decoded(_ token: String) throws(APIError) -> [UInt8] {
        let bytes = Array(token.utf8)
        let wrong = bytes.firstIndex { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                false
            default: true
            }
        }
        if let place = wrong ?? (bytes.count % 4 == 1 ? bytes.count - 1 : nil) {
            throw refused(": illegal base64 data at input byte \(place)")
        }
        let text = token.replacing("-", with: "+").replacing("_", with: "/")
        guard let data = Data(base64Encoded: text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)) else {
            throw refused("")
        }
        return Array(data)
    }
}

extension ObjectKey {
    /// Place of an object among those of its resource, or among those of one namespace.
    func place(in listed: String?) -> String { listed != nil || namespace.isEmpty ? name : "\(namespace)/\(name)" }
}
