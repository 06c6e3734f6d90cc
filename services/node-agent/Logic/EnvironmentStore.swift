import Foundation
import Logging
import NIOPosix
import Synchronization

/// An environment that containers can use.
struct ReadyEnvironment: Sendable {
    var definition: EnvironmentDefinition
    /// Folder of the Python environment; nil where only the host's programs are used.
    let path: String?
    /// Identity of the content, what an image id is to an image.
    let contentID: String
    /// How long the build took that this pod waited for; nil when it was there before.
    var buildSeconds: Double?
    /// The image that is used instead of the host's programs, nil for environments.
    var image: ContainerImage?

    /// What the status of a container shows as `imageID`.
    var imageID: String { image?.imageID ?? "martlet://\(definition.name)@\(contentID)" }
}

/// What the store says about an image right now.
enum EnvironmentState: Sendable {
    case ready(ReadyEnvironment)
    /// A sentence about how far the build is.
    case building(String)
    /// A sentence about what went wrong, and when it is tried again.
    case failed(String, retryAt: Moment)
    /// No environment stands for the image.
    case unknown(String)
}

/// Builds environments with uv: each content once, however many pods ask.
///
/// `want` answers at once; who waits is called back by `onChange` when the answer would be another one.
final class EnvironmentStore: Sendable {
    private struct Build {
        var state: EnvironmentState
        var failures = 0
    }

    private struct State {
        var builds: [String: Build] = [:]
        var observers: [@Sendable () -> Void] = []
    }

    let catalogue: EnvironmentCatalogue
    private let directory: String
    private let cacheDirectory: String
    private let uv: String
    let use: EnvironmentUse
    private let logger: Logger
    private let state = Mutex(State())
    private let requests: AsyncStream<EnvironmentDefinition>
    private let requester: AsyncStream<EnvironmentDefinition>.Continuation

    init(
        catalogue: EnvironmentCatalogue, directory: String, podsDirectory: String, cacheDirectory: String, uv: String,
        logger: Logger
    ) {
        self.catalogue = catalogue
        self.directory = directory
        self.cacheDirectory = cacheDirectory
        self.uv = uv
        self.logger = logger
        use = EnvironmentUse(directory: directory, podsDirectory: podsDirectory, logger: logger)
        (requests, requester) = AsyncStream.makeStream(of: EnvironmentDefinition.self)
    }

    /// Calls back whenever an answer changes.
    func observe(_ observer: @escaping @Sendable () -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    /// The environment for an image; starts its build when that is missing.
    func want(image: String, now: Moment = .now) -> EnvironmentState {
        guard let definition = catalogue.environment(for: image) else { return .unknown(catalogue.advice(for: image)) }
        if let advice = EnvironmentNeed.advice(definition) { return .unknown(advice) }
        let content = Self.contentID(definition)
        guard definition.isBuilt else {
            return .ready(ReadyEnvironment(definition: definition, path: nil, contentID: content))
        }
        let path = "\(directory)/\(content)"
        // Before it is looked whether it is there: what was used just now is not removed.
        use.renew(content)
        let answer: (state: EnvironmentState, starts: Bool) = state.withLock { state in
            switch state.builds[content]?.state {
            case .building(let text): return (.building(text), false)
            case .failed(let text, let retryAt) where now < retryAt: return (.failed(text, retryAt: retryAt), false)
            case .ready(let ready) where FileTools.exists("\(path)/environment.lock"):
                var ready = ready
                ready = ReadyEnvironment(
                    definition: definition, path: ready.path, contentID: content, buildSeconds: ready.buildSeconds)
                return (.ready(ready), false)
            default: break
            }
            if FileTools.exists("\(path)/environment.lock") {
                let ready = EnvironmentState.ready(
                    ReadyEnvironment(definition: definition, path: path, contentID: content))
                state.builds[content] = Build(state: ready)
                return (ready, false)
            }
            let text = "Building environment \"\(definition.name)\" (0 %): starting"
            state.builds[content] = Build(
                state: .building(text), failures: state.builds[content]?.failures ?? 0)
            return (.building(text), true)
        }
        if answer.starts { requester.yield(definition) }
        return answer.state
    }

    /// Builds what is asked for, until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                repeat { await self.collectGarbage() } while (try? await Task.sleep(for: .seconds(300))) != nil
            }
            for await definition in requests {
                group.addTask { await self.build(definition) }
            }
            group.cancelAll()
        }
    }

    /// Removes what nobody uses any more; on a full disk the package cache, too. Files that an environment has in common with the
    /// cache are gone when neither has them.
    func collectGarbage() async {
        try? await NIOThreadPool.singleton.runIfActive { self.use.collectGarbage() }
        guard NodePressure.measure(directory).isOfDisk, FileTools.isDirectory(cacheDirectory) else { return }
        let isBuilding = state.withLock { state in
            state.builds.values.contains { if case .building = $0.state { true } else { false } }
        }
        guard !isBuilding else { return }
        // uv waits for others that use the cache.
        let outcome = try? await Command(uv, ["cache", "clean"], environment: ["UV_CACHE_DIR": cacheDirectory]).run()
        guard outcome?.code != 0 else { return }
        logger.warning("the package cache cannot be emptied", metadata: ["error": "\(outcome?.error ?? "")"])
    }

    static func contentID(_ definition: EnvironmentDefinition) -> String {
        // FNV-1a with 128 bits: names contents that the owner of this machine wrote, it protects nothing.
        var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        for byte in definition.contentKey.utf8 {
            hash = (hash ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }

    private func set(_ content: String, _ new: EnvironmentState, failures: Int = 0) {
        let observers = state.withLock { state in
            state.builds[content] = Build(state: new, failures: failures)
            return state.observers
        }
        for observer in observers { observer() }
    }

    private func build(_ definition: EnvironmentDefinition) async {
        let content = Self.contentID(definition)
        let name = definition.name
        let start = ContinuousClock.now
        logger.info("building environment", metadata: ["environment": "\(name)"])
        let build = EnvironmentBuild(
            definition: definition, directory: directory, content: content, cacheDirectory: cacheDirectory, uv: uv
        ) { percent, what in
            self.set(content, .building("Building environment \"\(name)\" (\(percent) %): \(what)"))
        }
        let failures = state.withLock { $0.builds[content]?.failures ?? 0 }
        do {
            let path = try await build.run()
            let seconds = (ContinuousClock.now - start).seconds
            logger.info("environment is ready", metadata: ["environment": "\(name)", "seconds": "\(seconds)"])
            set(
                content,
                .ready(ReadyEnvironment(definition: definition, path: path, contentID: content, buildSeconds: seconds)))
        } catch {
            let delay = min(300.0, 10.0 * Double(1 << min(failures, 5)))
            logger.warning("environment cannot be built", metadata: ["environment": "\(name)", "error": "\(error)"])
            set(
                content,
                .failed("environment \"\(name)\" cannot be built: \(error)", retryAt: .after(delay)),
                failures: failures + 1)
        }
    }
}
