import CNode
import ControllerKit
import Foundation
import KubeModel
import Logging
import NIOPosix

/// Keeps one worker for each pod of this node.
actor PodSupervisor {
    private let context: NodeContext
    private let pods: WatchCache
    private var workers: [String: PodWorker] = [:]
    private var isStopping = false
    private let starts: AsyncStream<PodWorker>
    private let starter: AsyncStream<PodWorker>.Continuation
    private let endings: AsyncStream<Void>
    private let ending: AsyncStream<Void>.Continuation

    init(context: NodeContext, pods: WatchCache) {
        self.context = context
        self.pods = pods
        (starts, starter) = AsyncStream.makeStream(of: PodWorker.self)
        (endings, ending) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Runs the workers until ``shutDown()`` and until all have ended, or until the task is cancelled.
    func run(changes: AsyncStream<CacheChange>) async throws {
        try await pods.waitUntilSynced()
        await OrphanCleaner(
            runtime: context.runtime, network: context.network, cgroupRoot: context.cgroupRoot, logger: context.logger
        ).clean(known: Set(pods.all().map(\.uid)))
        context.devices.adoptAll(below: context.configuration.podsDirectory)
        let (starts, endings) = (starts, endings)
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await change in changes { await self.take(change) }
            }
            group.addTask {
                while (try? await Task.sleep(for: .seconds(5))) != nil {
                    for worker in await self.workers.values { await worker.checkUp() }
                    await self.relieveDisk()
                }
            }
            for await worker in starts {
                group.addTask {
                    await worker.run()
                    await self.ended(worker)
                }
            }
            // The changes have no end of their own.
            for await _ in endings where self.workers.isEmpty { break }
            group.cancelAll()
        }
    }

    private func take(_ change: CacheChange) async {
        if let old = change.old, old.uid != change.object.uid { await workers[old.uid]?.vanish() }
        if change.type == .deleted {
            await workers[change.object.uid]?.vanish()
            return
        }
        if let worker = workers[change.object.uid] {
            await worker.update(change.object)
            return
        }
        guard !isStopping else { return }
        let worker = PodWorker(context: context, pod: change.object)
        workers[change.object.uid] = worker
        starter.yield(worker)
    }

    /// Ends a pod that fills the disk, when it is full. Whether that was enough is seen the next time.
    private func relieveDisk() async {
        guard DiskShortage.measure(context.configuration.podsDirectory) != nil else { return }
        // Nobody misses an image or an environment that is not used.
        let images = context.images
        try? await NIOThreadPool.singleton.runIfActive { images.collectGarbage() }
        await context.environments.collectGarbage()
        guard let shortage = DiskShortage.measure(context.configuration.podsDirectory) else { return }
        // What one gives back is seen when it has gone.
        for worker in workers.values where await worker.isGoing { return }
        var found: [(worker: PodWorker, candidate: DiskShortage.Candidate)] = []
        for worker in workers.values {
            if let candidate = await worker.diskUse() { found.append((worker, candidate)) }
        }
        guard let first = shortage.first(of: found.map(\.candidate)) else { return }
        context.logger.warning("the disk is full: a pod has to go", metadata: ["pod": "\(found[first].worker.uid)"])
        await found[first].worker.evict(for: shortage, found[first].candidate)
    }

    private func ended(_ worker: PodWorker) {
        workers[worker.uid] = nil
        ending.yield()
    }

    /// Wakes all workers, because something they may wait for has changed.
    func wakeAll() {
        for worker in workers.values { worker.kicker.yield() }
    }

    /// Wakes the workers of a namespace.
    func wake(namespace: String) async {
        for worker in workers.values where await worker.spec.namespace == namespace { worker.kicker.yield() }
    }

    /// Stops all pods; ``run(changes:)`` returns when they have ended.
    func shutDown() async {
        isStopping = true
        for worker in workers.values { await worker.shutDown() }
        starter.finish()
        ending.yield()  // there may be none
    }
}

/// Removes what belongs to pods that no longer exist.
struct OrphanCleaner: Sendable {
    let runtime: ContainerRuntime
    let network: PodNetwork
    let cgroupRoot: String
    let logger: Logger

    func clean(known: Set<String>) async {
        let configuration = runtime.configuration
        for uid in FileTools.names(in: configuration.podsDirectory) where !known.contains(uid) {
            logger.info("removing a pod that no longer exists", metadata: ["uid": "\(uid)"])
            let directory = configuration.podDirectory(uid)
            for container in FileTools.names(in: "\(directory)/containers") {
                for run in ContainerRun.all(in: "\(directory)/containers/\(container)", pod: uid, container: container)
                {
                    await runtime.delete(run)
                    UserShift.release(run.id)
                }
            }
            await remove(sandboxOf: uid, directory)
            PodVolumes.remove("\(directory)/volumes")
            SharedProcesses(directory).end()
            for name in ["sys", "shm"] + PodIPC.mounts { _ = node_unmount("\(directory)/\(name)") }
            CgroupTree.remove("\(cgroupRoot)/\(uid)")
            FileTools.remove(directory)
        }
        // States of containers whose folder is gone.
        for id in FileTools.names(in: configuration.crunRoot) where !known.contains(String(id.prefix(36))) {
            await runtime.delete(ContainerRun(number: 0, directory: "", id: id))
        }
    }

    private func remove(sandboxOf uid: String, _ directory: String) async {
        guard let bytes = FileTools.read("\(directory)/sandbox.json"), let json = try? JSON(parsing: bytes),
            let address = (json["address"]?.string).flatMap({ Address4($0) }), let namespace = json["namespace"]?.string
        else { return }
        await network.remove(
            Sandbox(
                address: address, namespace: namespace, identity: (json["identity"]?.string).flatMap { Address4($0) }))
    }
}
