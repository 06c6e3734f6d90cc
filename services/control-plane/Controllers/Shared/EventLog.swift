import ControllerKit
import KubeClient
import KubeModel

/// Events of the controllers. Recording returns at once: no reconcile waits for an Event to be written.
struct EventLog: Sendable {
    fileprivate struct Entry: Sendable {
        let component, type, reason, message: String
        let object: KubeObject
    }

    /// Where all controllers put their Events; of a flood the latest are kept.
    struct Queue: Sendable {
        private let entries: AsyncStream<Entry>
        private let continuation: AsyncStream<Entry>.Continuation

        init() { (entries, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(2048)) }

        fileprivate func add(_ entry: Entry) { continuation.yield(entry) }

        /// Writes what is put in, until cancelled.
        func run(client: KubeClient) async {
            for await entry in entries {
                await EventRecorder(client: client, component: entry.component)
                    .record(entry.type, reason: entry.reason, message: entry.message, about: entry.object)
            }
        }
    }

    let component: String
    let queue: Queue

    func normal(_ reason: String, _ message: String, about object: KubeObject) {
        queue.add(Entry(component: component, type: "Normal", reason: reason, message: message, object: object))
    }

    func warning(_ reason: String, _ message: String, about object: KubeObject) {
        queue.add(Entry(component: component, type: "Warning", reason: reason, message: message, object: object))
    }
}
