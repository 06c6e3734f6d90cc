import Foundation
import KubeModel

extension BuiltinKinds {
    private static let dataLimit = 1024 * 1024

    static let configMap = kind(
        .configMaps, short: ["cm"],
        validate: { object, old, issues in
            var size = 0
            for (key, value) in object["data"]?.object ?? [:] {
                issues.invalid("data[\(key)]", key, NameRules.configKey(key))
                if object.value(at: "binaryData", key) != nil {
                    issues.invalid("data[\(key)]", .string(key), "duplicate of key present in binaryData")
                }
                size += value.string?.utf8.count ?? 0
            }
            for (key, value) in object["binaryData"]?.object ?? [:] {
                issues.invalid("binaryData[\(key)]", key, NameRules.configKey(key))
                size += decodedSize(value)
            }
            // The whole object is meant, which has no path.
            if size > dataLimit { issues.tooLong("", dataLimit) }
            if let old, old["immutable"]?.bool == true { frozen(object, old, ["data", "binaryData"], &issues) }
        },
        columns: [.name, TableColumn("Data", description: "How many entries there are."), .age],
        cells: { object, now in
            let count = (object["data"]?.object?.count ?? 0) + (object["binaryData"]?.object?.count ?? 0)
            return [Cell.name(object), .int(Int64(count)), Cell.age(object, now)]
        })

    /// How many bytes a base64 text stands for.
    private static func decodedSize(_ value: JSON) -> Int {
        guard let text = value.string?.utf8 else { return 0 }
        let digits = text.count { $0 != 0x0A && $0 != 0x0D && $0 != UInt8(ascii: "=") }
        return digits * 3 / 4
    }

    private static func frozen(_ new: JSON, _ old: JSON, _ fields: [String], _ issues: inout Issues) {
        let detail = "field is immutable when `immutable` is set"
        if new["immutable"]?.bool != true { issues.forbidden("immutable", detail) }
        for field in fields where (new[field]?.object ?? [:]) != (old[field]?.object ?? [:]) {
            issues.forbidden(field, detail)
        }
    }

    static let secret = kind(
        .secrets,
        defaults: { object in
            object.fillText("type", "Opaque")
            for (key, value) in object["data"]?.object ?? [:] where value.isNull { object.set("", at: "data", key) }
            guard let plain = object["stringData"]?.object else { return }
            object["stringData"] = nil
            for (key, value) in plain {
                let encoded = Data((value.string ?? "").utf8).base64EncodedString()
                object.set(.string(encoded), at: "data", key)
            }
        },
        validate: { object, old, issues in
            var size = 0
            for (key, value) in object["data"]?.object ?? [:] {
                issues.invalid("data[\(key)]", key, NameRules.configKey(key))
                size += decodedSize(value)
            }
            if size > dataLimit { issues.tooLong("data", dataLimit) }
            secretContent(object, &issues)
            guard let old else { return }
            issues.immutable("type", object["type"], old["type"])
            if old["immutable"]?.bool == true { frozen(object, old, ["data"], &issues) }
        },
        warnings: { object, _, _ in
            guard object.text("type") == "kubernetes.io/tls" else { return [] }
            return pairProblem(object["data"]).map { [$0] } ?? []
        },
        columns: [.name, TableColumn("Type"), TableColumn("Data", description: "How many entries there are."), .age],
        cells: {
            [Cell.name($0), Cell.text($0["type"]), .int(Int64($0["data"]?.object?.count ?? 0)), Cell.age($0, $1)]
        })

    /// What a Secret of a type must hold.
    private static func secretContent(_ object: JSON, _ issues: inout Issues) {
        func data(_ key: String) -> String? { object.value(at: "data", key).map { $0.string ?? "" } }
        switch object.text("type") {
        case "kubernetes.io/service-account-token":
            let key = "kubernetes.io/service-account.name"
            if object.value(at: "metadata", "annotations", key)?.string?.isEmpty ?? true {
                issues.required("metadata.annotations[\(key)]")
            }
        case "kubernetes.io/dockercfg": docker(data(".dockercfg"), ".dockercfg", &issues)
        case "kubernetes.io/dockerconfigjson": docker(data(".dockerconfigjson"), ".dockerconfigjson", &issues)
        case "kubernetes.io/basic-auth":
            if data("username") == nil, data("password") == nil {
                issues.required("data[username]")
                issues.required("data[password]")
            }
        case "kubernetes.io/ssh-auth":
            if data("ssh-privatekey")?.isEmpty ?? true { issues.required("data[ssh-privatekey]") }
        case "kubernetes.io/tls":
            for key in ["tls.crt", "tls.key"] where data(key) == nil { issues.required("data[\(key)]") }
        default: break
        }
    }

    private static func docker(_ encoded: String?, _ key: String, _ issues: inout Issues) {
        guard let encoded else { return issues.required("data[\(key)]") }
        let bytes = Data(base64Encoded: encoded, options: .ignoreUnknownCharacters) ?? Data()
        let json = try? JSON(parsing: Array(bytes))
        if json?.object != nil || json == .null { return }
        let problem =
            json == nil
            ? "unexpected end of JSON input"
            : "json: cannot unmarshal value into Go value of type map[string]interface {}"
        issues.invalid("data[\(key)]", "<secret contents redacted>", problem)
    }

    /// Why a certificate and its key cannot be used, as far as their form tells.
    private static func pairProblem(_ data: JSON?) -> String? {
        for (key, what) in [("tls.crt", "certificate"), ("tls.key", "key")] {
            let bytes = Data(base64Encoded: data?.text(key) ?? "", options: .ignoreUnknownCharacters) ?? Data()
            let text = String(decoding: bytes, as: UTF8.self)
            if !text.contains("-----BEGIN ") { return "tls: failed to find any PEM data in \(what) input" }
        }
        return nil
    }

    /// Of the secrets of an account only their names count.
    @Sendable private static func keepNamesOnly(_ account: inout JSON) {
        account.editEach("secrets") { secret in
            let name = secret["name"]
            secret = [:]
            secret["name"] = name
        }
    }

    static let serviceAccount = kind(
        .serviceAccounts, short: ["sa"], subresources: ["token"],
        create: keepNamesOnly, update: { object, _ in keepNamesOnly(&object) },
        warnings: { object, old, _ in
            let key = "kubernetes.io/enforce-mountable-secrets"
            guard object.value(at: "metadata", "annotations", key) != nil,
                old?.value(at: "metadata", "annotations", key) == nil
            else { return [] }
            return [
                "metadata.annotations[\(key)]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
            ]
        },
        columns: [.name, .age], cells: { [Cell.name($0), Cell.age($0, $1)] })
}
