import KubeModel

/// What a webhook that allows a request wants changed.
struct WebhookVerdict: Sendable {
    let patch: JSON?

    /// Why an answer counts as none.
    struct Unusable: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// The patch of an answer.
    ///
    /// - Throws: ``Unusable`` for what answers of this version may not hold: patches of validating webhooks, patches
    ///   without a type, of another type than JSON Patch, or that cannot be read.
    static func patch(in response: JSON, isMutating: Bool, version: String) throws(Unusable) -> JSON? {
        func invalid(_ reason: String) -> Unusable { Unusable("received invalid webhook response: \(reason)") }
        let encoded = response["patch"]?.string ?? ""
        let type = response["patchType"].flatMap { $0.isNull ? nil : $0.string ?? "" }
        if version == "v1" {
            if isMutating {
                if !encoded.isEmpty, type == nil {
                    throw invalid("webhook returned response.patch but not response.patchType")
                }
                if encoded.isEmpty, type != nil {
                    throw invalid("webhook returned response.patchType but not response.patch")
                }
                if type == "" { throw invalid("webhook returned invalid response.patchType of \"\"") }
            } else if !encoded.isEmpty {
                throw invalid("validating webhook may not return response.patch")
            } else if type != nil {
                throw invalid("validating webhook may not return response.patchType")
            }
        }
        // A refusal is one, whatever patch comes with it.
        guard isMutating, !encoded.isEmpty, response["allowed"]?.bool == true else { return nil }
        guard let bytes = Webhook.decodeBase64(encoded), let json = try? JSON(parsing: bytes), json.array != nil else {
            throw Unusable("received undecodable patch in webhook response")
        }
        if version == "v1", let type, type != "JSONPatch" { throw Unusable("unsupported patch type \"\(type)\"") }
        return json
    }
}
