import CNode
import Foundation
import KubeClient
import KubeModel

#if canImport(Glibc)
    import Glibc
#endif

/// The last steps: what was taken is given back, then the object goes.
extension PodWorker {
    /// Ends the pod for good because it used too much.
    func evict(_ message: String) {
        failure = ("Evicted", message)
        isEvicted = true
        kicker.yield()
    }

    /// Gives back all that only running containers need.
    func release(keepsLogs: Bool) async {
        isCleaned = true
        if let sandbox {
            context.policies.remove(uid)
            // Ports that make no sense were never opened.
            if !sandbox.isOnHost, let ports = try? HostPort.all(of: spec) {
                await context.closeHostPorts(ports, of: sandbox)
            }
            await context.network.remove(sandbox)
        }
        sandbox = nil
        releaseDevices()
        unlink("\(directory)/sandbox.json")
        PodVolumes.remove("\(directory)/volumes")
        SharedProcesses(directory).end()
        for name in ["sys", "shm"] + PodIPC.mounts { _ = node_unmount("\(directory)/\(name)") }
        for track in tracks.values { track.facts.current?.discardBundle() }
        CgroupTree.remove("\(context.cgroupRoot)/\(uid)")
        if !keepsLogs { FileTools.remove(directory) }
    }

    /// Deletes the object, the last step of a graceful deletion; true when it is gone.
    func forget() async -> Bool {
        do {
            try await context.client.delete(
                .pods, spec.name, namespace: spec.namespace, gracePeriodSeconds: 0, uid: uid)
        } catch let error as APIError where error.reason == .notFound || error.reason == .conflict {
            // Gone already, or another pod by that name.
        } catch {
            wake(at: .after(1))
            return false
        }
        FileTools.remove(directory)
        return true
    }
}
