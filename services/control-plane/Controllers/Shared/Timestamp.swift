import Foundation
import KubeModel

/// Times as objects carry them.
enum Timestamp {
    static func text(_ date: Date) -> String { KubeModel.Timestamp(date).text }
    static func microText(_ date: Date) -> String { KubeModel.Timestamp(date).microText }
    static func date(_ text: String?) -> Date? { text.flatMap { KubeModel.Timestamp($0)?.date } }
}
