import Foundation
public import KubeClient
public import KubeModel
import Logging

/// Tells people what happens to an object, as core/v1 Events.
///
/// The name of an Event follows from what it says, so the same thing said again, also after a restart, counts up the
/// same Event; what is said about a topic replaces what was said before. Failures are logged and otherwise ignored: an Event is never worth stopping for.
public struct EventRecorder: Sendable {
    let client: KubeClient
    let component: String
    let host: String?
    private let logger = Logger(label: "event-recorder")

    /// Makes a recorder that signs with the name of a component, and of the node that it runs on if it is one of many.
    public init(client: KubeClient, component: String, host: String? = nil) {
        (self.client, self.component, self.host) = (client, component, host)
    }

    /// Records one Event.
    ///
    /// - Parameters:
    ///   - type: `Normal` or `Warning`.
    ///   - reason: one word in CamelCase, for machines.
    ///   - message: a sentence, for people.
    ///   - object: what it is about; Events of cluster objects go to the namespace `default`.
    ///   - topic: makes this the one Event about something that goes on, whose message is replaced as it proceeds.
    ///   - fieldPath: the part of the object that it is about, such as `spec.containers{main}`.
    public func record(
        _ type: String, reason: String, message: String, about object: KubeObject, topic: String? = nil,
        fieldPath: String? = nil
    ) async {
        let event = Self.event(
            type, reason: reason, message: message, about: object, from: component, on: host, topic: topic,
            fieldPath: fieldPath)
        do {
            do {
                _ = try await client.create(.events, event)
            } catch let error as APIError where error.reason == .alreadyExists {
                var change: JSON = ["lastTimestamp": .string(KubeTime.seconds())]
                if topic != nil {
                    change["message"] = event["message"]
                } else {
                    let old = try await client.find(.events, event.name, namespace: event.namespace)
                    change["count"] = .int((old?["count"]?.int ?? 1) + 1)
                }
                _ = try await client.patch(.events, event.name, namespace: event.namespace, .merge(change))
            }
        } catch let error as APIError where error.reason == .notFound || error.message.contains("being terminated") {
            return  // the namespace goes away, and its Events with it
        } catch {
            logger.warning("event was not recorded", metadata: ["reason": "\(reason)", "error": "\(error)"])
        }
    }

    /// The Event as it is first created.
    static func event(
        _ type: String, reason: String, message: String, about object: KubeObject, from component: String,
        on host: String? = nil, at date: Date = Date(), topic: String? = nil, fieldPath: String? = nil
    ) -> KubeObject {
        let message = String(message.prefix(1024))
        let identity = ([object.uid, type, reason, topic ?? message, component] + [fieldPath].compactMap { $0 })
            .joined(separator: "\u{1F}")
        var event = KubeObject(
            apiVersion: "v1", kind: "Event", name: "\(object.name.prefix(230)).\(StableHash.hex(identity))",
            namespace: object.namespace ?? "default")
        var reference = object.reference
        reference["fieldPath"] = fieldPath.map(JSON.string)
        event["involvedObject"] = reference
        event["type"] = .string(type)
        event["reason"] = .string(reason)
        event["message"] = .string(message)
        var source: JSON = ["component": .string(component)]
        source["host"] = host.map(JSON.string)
        event["source"] = source
        event["reportingComponent"] = .string(component)
        event["reportingInstance"] = .string(host ?? component)
        let time = JSON.string(KubeTime.seconds(date))
        event["firstTimestamp"] = time
        event["lastTimestamp"] = time
        event["count"] = 1
        return event
    }
}

extension KubeObject {
    /// An ObjectReference (core/v1) to this object, as in `involvedObject`.
    public var reference: JSON {
        var reference: JSON = ["apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name)]
        reference["namespace"] = namespace.map(JSON.string)
        if !uid.isEmpty { reference["uid"] = .string(uid) }
        if !resourceVersion.isEmpty { reference["resourceVersion"] = .string(resourceVersion) }
        return reference
    }
}

/// FNV-1a: the same in every process and version, unlike `Hasher`. For names, not for security.
public enum StableHash {
    /// 16 hexadecimal digits.
    public static func hex(_ text: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
