import KubeModel

/// Something in a pod's spec that cannot be made true yet; the container waits with a reason.
struct ContainerConfigError: Error, Equatable, CustomStringConvertible {
    var reason = "CreateContainerConfigError"
    let description: String
    init(_ description: String, reason: String = "CreateContainerConfigError") {
        (self.description, self.reason) = (description, reason)
    }
}

/// Builds the environment variables of a container, in the order in which a kubelet does.
struct ContainerVariables: Sendable {
    let pod: PodSpec
    let container: ContainerSpec
    let facts: DownwardAPI.Facts
    let services: [(name: String, value: String)]
    let configMap: @Sendable (String) -> KubeObject?
    let secret: @Sendable (String) -> KubeObject?

    /// The variables; later ones replace earlier ones of the same name.
    ///
    /// - Throws: ``ContainerConfigError`` when something that is not optional is missing.
    func build() throws(ContainerConfigError) -> [(name: String, value: String)] {
        var values = Ordered()
        for source in container.json["envFrom"]?.array ?? [] { try add(source, to: &values) }
        for (name, value) in services where values.map[name] == nil { values.set(name, value) }
        for item in container.json["env"]?.array ?? [] {
            guard let name = item["name"]?.string else { continue }
            if let source = item["valueFrom"] {
                if let value = try value(source) { values.set(name, value) }
            } else {
                values.set(name, VariableExpansion.expand(item["value"]?.string ?? "", values.map))
            }
        }
        return values.list
    }

    private func add(_ source: JSON, to values: inout Ordered) throws(ContainerConfigError) {
        let prefix = source["prefix"]?.string ?? ""
        if let reference = source["configMapRef"], let name = reference["name"]?.string {
            guard let object = configMap(name) else {
                if reference["optional"]?.bool == true { return }
                throw ContainerConfigError("configmap \"\(name)\" not found")
            }
            let data = object["data"]?.stringMap ?? [:]
            for key in data.keys.sorted() { values.set(prefix + key, data[key] ?? "") }
        }
        if let reference = source["secretRef"], let name = reference["name"]?.string {
            guard let object = secret(name) else {
                if reference["optional"]?.bool == true { return }
                throw ContainerConfigError("secret \"\(name)\" not found")
            }
            let data = object["data"]?.stringMap ?? [:]
            for key in data.keys.sorted() {
                values.set(prefix + key, String(decoding: Base64.decode(data[key] ?? "") ?? [], as: UTF8.self))
            }
        }
    }

    private func value(_ source: JSON) throws(ContainerConfigError) -> String? {
        if let path = source.value(at: "fieldRef", "fieldPath")?.string {
            guard let value = DownwardAPI.field(path, of: pod, facts) else {
                throw ContainerConfigError("unsupported fieldPath: \(path)")
            }
            return value
        }
        if let reference = source["resourceFieldRef"] {
            guard let value = DownwardAPI.resource(reference, of: pod, in: container, facts) else {
                throw ContainerConfigError("unsupported container resource: \(reference["resource"]?.string ?? "")")
            }
            return value
        }
        if let reference = source["configMapKeyRef"], let name = reference["name"]?.string,
            let key = reference["key"]?.string
        {
            let isOptional = reference["optional"]?.bool == true
            guard let object = configMap(name) else {
                if isOptional { return nil }
                throw ContainerConfigError("configmap \"\(name)\" not found")
            }
            if let value = object.json.value(at: "data", key)?.string { return value }
            if isOptional { return nil }
            throw ContainerConfigError("couldn't find key \(key) in ConfigMap \(pod.namespace)/\(name)")
        }
        if let reference = source["secretKeyRef"], let name = reference["name"]?.string,
            let key = reference["key"]?.string
        {
            let isOptional = reference["optional"]?.bool == true
            guard let object = secret(name) else {
                if isOptional { return nil }
                throw ContainerConfigError("secret \"\(name)\" not found")
            }
            if let value = object.json.value(at: "data", key)?.string, let bytes = Base64.decode(value) {
                return String(decoding: bytes, as: UTF8.self)
            }
            if isOptional { return nil }
            throw ContainerConfigError("couldn't find key \(key) in Secret \(pod.namespace)/\(name)")
        }
        return nil
    }

    /// Names and values in the order of their first setting.
    struct Ordered {
        var map: [String: String] = [:]
        private var order: [String] = []
        mutating func set(_ name: String, _ value: String) {
            if map.updateValue(value, forKey: name) == nil { order.append(name) }
        }
        var list: [(name: String, value: String)] { order.map { ($0, map[$0] ?? "") } }
    }
}

/// Base64 as in Secrets.
enum Base64 {
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text.utf8 {
            let value: UInt8
            switch byte {
            case 65...90: value = byte - 65
            case 97...122: value = byte - 71
            case 48...57: value = byte + 4
            case 43: value = 62
            case 47: value = 63
            case 61, 10, 13: continue
            default: return nil
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(bits >> UInt32(count) & 255))
            }
        }
        return bytes
    }
}
