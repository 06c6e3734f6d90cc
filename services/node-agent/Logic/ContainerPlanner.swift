import ControllerKit
import Foundation
import KubeModel

/// Decides how one container runs: command, user, variables, mounts, limits.
struct ContainerPlanner: Sendable {
    let pod: PodSpec
    let container: ContainerSpec
    let run: ContainerRun
    let environment: ReadyEnvironment
    let sandbox: Sandbox
    let volumes: PodVolumes
    let context: NodeContext
    let podEtc: String
    /// The namespace of processes that the container joins.
    var processNamespace: String?
    /// Names of the GPUs that the container was given.
    var devices: [String] = []

    /// The plan.
    ///
    /// - Throws: ``ContainerConfigError`` when the spec asks for something that is missing or refused.
    func plan() throws -> ContainerPlan {
        let own = container.json["securityContext"]
        let shared = pod.object.spec["securityContext"]
        func number(_ key: String) -> UInt32? {
            (own?[key]?.int ?? shared?[key]?.int).flatMap { UInt32(exactly: $0) }
        }
        var environment = environment
        let user = try environment.image?.user(number("runAsUser"))
        if let image = environment.image, let user { environment.definition = image.definition(user: user) }
        let definition = environment.definition
        let uid = number("runAsUser") ?? definition.uid
        let gid = number("runAsGroup") ?? (uid == definition.uid ? definition.gid : 0)
        let mustNotBeRoot = own?["runAsNonRoot"]?.bool ?? shared?["runAsNonRoot"]?.bool ?? false
        if mustNotBeRoot, uid == 0 {
            let why =
                number("runAsUser") == 0
                ? "container's runAsUser breaks non-root policy"
                : "container has runAsNonRoot and image will run as root"
            throw ContainerConfigError(
                "\(why) (pod: \"\(pod.name)_\(pod.namespace)(\(pod.uid))\", container: \(container.name))")
        }
        if mustNotBeRoot, number("runAsUser") == nil, user?.isNumeric == false, let image = environment.image {
            throw ContainerConfigError(
                "container has runAsNonRoot and image has non-numeric user (\(image.config.user)), cannot verify user is non-root (pod: \"\(pod.name)_\(pod.namespace)(\(pod.uid))\", container: \(container.name))"
            )
        }
        let userBase = try userBase(uid, gid)
        var groups = (shared?["supplementalGroups"]?.array ?? []).compactMap { $0.int.flatMap { UInt32(exactly: $0) } }
        if let group = pod.fsGroup { groups.append(group) }
        if let user, shared?["supplementalGroupsPolicy"]?.string != "Strict" { groups += user.groups }
        // Further ones are the user who runs the node, and nobody.
        if !UserNamespace.isOfMachine, ([uid, gid] + groups).contains(where: { $0 >= UserShift.count }) {
            throw ContainerConfigError("users and groups have numbers below 65536 on this node")
        }
        let home = uid == 0 && user == nil ? "/root" : definition.home
        let variables = try variables(home: home)
        let map = Dictionary(variables.map { ($0.name, $0.value) }) { _, last in last }
        let command = words("command", map)
        let arguments = words("args", map)
        var line = command ?? definition.entrypoint
        line += arguments ?? (command == nil ? definition.command : [])
        guard !line.isEmpty else {
            throw ContainerConfigError(
                user == nil
                    ? "no command specified: environment \"\(definition.name)\" has none either"
                    : "no command specified",
                reason: "CreateContainerError")
        }
        let hostname =
            pod.isOnHostNetwork
            ? PodEtc.hostName : pod.kernelHostname(domain: context.configuration.clusterDomain)
        guard hostname.utf8.count <= 64 else {
            throw ContainerConfigError(
                "Failed to construct FQDN from pod hostname and cluster domain, FQDN \(hostname) is too long (64 characters is the max, \(hostname.utf8.count) characters requested)",
                reason: "CreateContainerError")
        }
        let mounts = try volumes.mounts(of: container, variables: map, fsGroup: pod.fsGroup)
        for mount in mounts
        where ["/", "/proc", "/sys", "/dev"].contains(mount.destination)
            || (user == nil && ["/usr", "/etc"].contains(mount.destination))
        {
            throw ContainerConfigError("a volume cannot be mounted at \(mount.destination)")
        }
        var termination = container.json["terminationMessagePath"]?.string ?? "/dev/termination-log"
        if !termination.hasPrefix("/") || termination.contains("..") { termination = "/dev/termination-log" }
        return ContainerPlan(
            id: run.id, bundle: run.directory, hostname: hostname,
            networkNamespace: sandbox.isOnHost ? nil : sandbox.namespacePath,
            cgroup: context.cgroup(pod: pod.uid, container: container.name, number: run.number), arguments: line,
            hasTerminal: container.json["tty"]?.bool ?? false,
            workingDirectory: container.json["workingDir"]?.string ?? definition.workingDirectory ?? home,
            variables: variables, uid: uid, gid: gid, groups: groups,
            isRootReadOnly: own?["readOnlyRootFilesystem"]?.bool ?? false,
            mayGainPrivileges: mayGainPrivileges(own, uid, userBase),
            capabilities: try capabilities(own?["capabilities"]),
            filter: try SystemCallFilter.chosen(
                own?["seccompProfile"] ?? shared?["seccompProfile"],
                folder: "\(context.configuration.dataDirectory)/seccomp",
                keepsProjects: context.quotas.areEnforced && userBase == nil),
            userBase: userBase, showsWholeProc: userBase != nil && own?["procMount"]?.string == "Unmasked",
            sysfs: userBase == nil ? nil : "\(podDirectory)/sys",
            mounts: mounts, environment: environment,
            sharedMemory: "\(podDirectory)/shm", ipcNamespace: PodIPC(podDirectory).path,
            messageQueues: PodIPC(podDirectory).queues, devices: context.devices.nodes(devices),
            memoryScore: pod.memoryScore(container, nodeMemory: context.nodeMemory), processNamespace: processNamespace,
            bounder: ControlGroups.areUsable ? nil : context.tools.shim,
            processes: pod.sharesProcesses ? SharedProcesses(podDirectory).proc : nil, cpuLimit: container.limit("cpu"),
            cpuRequest: container.request("cpu") ?? container.limit("cpu"), memoryLimit: container.limit("memory"),
            podEtc: podEtc, terminationFile: run.terminationFile, terminationPath: termination)
    }

    /// Programs of an image that change their user find only the numbers of the container's own users.
    private func mayGainPrivileges(_ own: JSON?, _ uid: UInt32, _ userBase: UInt32?) -> Bool {
        let asked = own?["allowPrivilegeEscalation"]?.bool
        return environment.image == nil ? asked == true && uid == 0 : asked != false && userBase != nil
    }

    /// The host's number of the container's root, nil when the container's users are the host's.
    private func userBase(_ uid: UInt32, _ gid: UInt32) throws -> UInt32? {
        let configuration = context.configuration
        let users = ContainerUsers(
            asked: pod.object.spec["hostUsers"]?.bool, uid: uid, gid: gid, isImage: environment.image != nil,
            isPlatform: uid == configuration.servedUser,
            needsBound: !ControlGroups.areUsable && !UserNamespace.isOfMachine)
        let areOwn = try users.areOwn(
            permitsHost: configuration.allowsHostUsers, isOffered: context.shiftsUsers, on: configuration.dataDirectory)
        return areOwn ? UserShift.base(of: sandbox.identity) : nil
    }

    private var podDirectory: String { (podEtc as NSString).deletingLastPathComponent }

    private func words(_ key: String, _ variables: [String: String]) -> [String]? {
        guard let list = container.json[key]?.array, !list.isEmpty else { return nil }
        return list.compactMap(\.string).map { VariableExpansion.expand($0, variables) }
    }

    private func capabilities(_ json: JSON?) throws -> [String] {
        func names(_ key: String) -> [String] {
            (json?[key]?.array ?? []).compactMap(\.string).map { $0.uppercased() }.map {
                $0.hasPrefix("CAP_") ? String($0.dropFirst(4)) : $0
            }
        }
        let dropped = names("drop")
        var result = dropped.contains("ALL") ? [] : ContainerBundle.defaultCapabilities.filter { !dropped.contains($0) }
        for name in names("add") where !result.contains(name) {
            guard ContainerBundle.allowedCapabilities.contains(name) else {
                throw ContainerConfigError("capability \(name) is not given to pods on this node")
            }
            result.append(name)
        }
        return result
    }

    /// The variables of the environment (what an image would set), then those of the pod.
    private func variables(home: String) throws -> [(name: String, value: String)] {
        let own = try ContainerVariables(
            pod: pod, container: container, facts: context.facts(podAddress: sandbox.address),
            services: context.services.table.variables(
                namespace: pod.namespace, withLinks: pod.object.spec["enableServiceLinks"]?.bool ?? true),
            configMap: { [cache = context.configMaps, namespace = pod.namespace] in cache.get($0, namespace: namespace)
            },
            secret: { [cache = context.secrets, namespace = pod.namespace] in cache.get($0, namespace: namespace) }
        ).build()
        var all = ContainerVariables.Ordered()
        let system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        if let image = environment.image {
            all.set("PATH", system)
            all.set("HOSTNAME", pod.kernelHostname(domain: context.configuration.clusterDomain))
            if container.json["tty"]?.bool == true { all.set("TERM", "xterm") }
            all.set("HOME", home)
            for (name, value) in image.config.variables { all.set(name, value) }
            setDevices(&all)
            for (name, value) in own { all.set(name, value) }
            return all.list
        }
        let python = "\(ContainerBundle.environmentPath)/bin"
        all.set("PATH", environment.path == nil ? system : "\(python):\(system)")
        all.set("HOSTNAME", pod.kernelHostname(domain: context.configuration.clusterDomain))
        all.set("HOME", home)
        all.set("LANG", "C.UTF-8")
        if container.json["tty"]?.bool == true { all.set("TERM", "xterm") }
        if environment.path != nil { all.set("VIRTUAL_ENV", ContainerBundle.environmentPath) }
        for (name, value) in Self.fromHost() { all.set(name, value) }
        for (name, value) in environment.definition.environment { all.set(name, value) }
        setDevices(&all)
        for (name, value) in own { all.set(name, value) }
        return all.list
    }

    /// Tells programs which of the machine's GPUs are theirs, as NVIDIA's own tools do.
    private func setDevices(_ variables: inout ContainerVariables.Ordered) {
        guard !devices.isEmpty else { return }
        variables.set("NVIDIA_VISIBLE_DEVICES", devices.map { String($0.dropFirst(6)) }.joined(separator: ","))
    }

    /// How the host reaches package indexes: certificates, proxies, mirrors.
    static func fromHost(_ host: [String: String] = ProcessInfo.processInfo.environment) -> [(
        name: String, value: String
    )] {
        let files = [
            "PIP_CERT", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
        ]
        let values = [
            "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT",
            "PIP_DISABLE_PIP_VERSION_CHECK", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "http_proxy", "https_proxy",
            "no_proxy",
            "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
        ]
        // Only files that can be seen in a pod; a proxy on the host's loopback cannot be reached from one.
        return files.filter { host[$0].map { $0.hasPrefix("/etc/ssl/certs") || $0.hasPrefix("/usr/") } ?? false }
            .map { ($0, host[$0] ?? "") }
            + values.filter { host[$0].map { !$0.contains("//127.") && !$0.contains("//localhost") } ?? false }
            .map { ($0, host[$0] ?? "") }
    }
}
