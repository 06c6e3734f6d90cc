import ControllerKit
import Foundation

/// Times as objects carry them.
enum Timestamp {
    static func text(_ date: Date) -> String { KubeTime.seconds(date) }
    static func microText(_ date: Date) -> String { KubeTime.micro(date) }
    static func date(_ text: String?) -> Date? { text.flatMap { KubeTime.date($0) } }
}
