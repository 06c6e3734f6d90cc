import KubeModel

/// What is read can be written and read again, and both ways of reading agree.
enum JSONPromises {
    static func complaint(about input: [UInt8]) -> String? {
        let value: JSON
        do throws(JSONError) {
            value = try JSON(parsing: input)
        } catch {
            var duplicates: [String] = []
            guard (try? JSON(parsing: input[...], duplicates: &duplicates)) == nil else {
                return "one way of reading refuses it, the other does not"
            }
            return error.line > 0 && error.column > 0 ? nil : "the error has no place"
        }
        var duplicates: [String] = []
        guard let again = try? JSON(parsing: input[...], duplicates: &duplicates), again == value else {
            return "two ways of reading differ"
        }
        let text = value.bytes
        guard let read = try? JSON(parsing: text) else { return "what was written cannot be read" }
        guard read == value else { return "what was written reads differently" }
        guard read.bytes == text else { return "what was written is not written the same again" }
        guard text == Array(value.text.utf8) else { return "text and bytes differ" }
        guard String(validating: text, as: UTF8.self) != nil else { return "what was written is not UTF-8" }
        return depth(of: value) <= JSON.maximumDepth ? nil : "it is nested too deeply"
    }

    static func depth(of value: JSON) -> Int {
        switch value {
        case .array(let elements): 1 + (elements.lazy.map(depth).max() ?? 0)
        case .object(let object): 1 + (object.values.lazy.map(depth).max() ?? 0)
        default: 0
        }
    }
}
