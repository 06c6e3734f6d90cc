extension Descriptions {
    /// Kinds of the core group.
    static let coreTexts = """
        core/v1.Pod Containers that run together on one node, with one address and shared volumes.
        core/v1.PodSpec What a Pod runs, and how.
        core/v1.PodSpec.containers The containers that run side by side; at least one.
        core/v1.PodSpec.initContainers Containers that run one after the other before the others start.
        core/v1.PodSpec.ephemeralContainers Containers that were added to a running Pod to look into it.
        core/v1.PodSpec.volumes Storage that containers can mount.
        core/v1.PodSpec.restartPolicy When ended containers are started again: Always, OnFailure or Never.
        core/v1.PodSpec.terminationGracePeriodSeconds Seconds between the request to end and the end by force.
        core/v1.PodSpec.activeDeadlineSeconds Seconds after which the Pod is ended, however far it is.
        core/v1.PodSpec.nodeName The node that runs the Pod; set by the scheduler.
        core/v1.PodSpec.nodeSelector Labels that the node must have.
        core/v1.PodSpec.affinity Which nodes, and which other Pods, the Pod wants to be near or far from.
        core/v1.PodSpec.tolerations Taints of nodes that the Pod puts up with.
        core/v1.PodSpec.serviceAccountName The account in whose name the Pod uses the API.
        core/v1.PodSpec.automountServiceAccountToken False when no token is to be mounted.
        core/v1.PodSpec.securityContext User, groups and rights of all containers.
        core/v1.PodSpec.imagePullSecrets Secrets with which images are pulled.
        core/v1.PodSpec.hostNetwork True to use the node's network instead of one of its own.
        core/v1.PodSpec.dnsPolicy Whose names the Pod resolves: ClusterFirst, Default, ClusterFirstWithHostNet or None.
        core/v1.PodSpec.priorityClassName The class that says how important the Pod is.
        core/v1.PodSpec.schedulerName The scheduler that chooses a node.
        core/v1.PodSpec.topologySpreadConstraints How Pods are spread over nodes, zones and the like.
        core/v1.PodStatus.phase Pending, Running, Succeeded, Failed or Unknown.
        core/v1.PodStatus.podIP The Pod's address.
        core/v1.PodStatus.containerStatuses State of each container.
        core/v1.PodTemplateSpec Metadata and spec that new Pods get.
        core/v1.PodTemplate A template of Pods, kept for its own sake.
        core/v1.Container One program of a Pod: its image, command and surroundings.
        core/v1.Container.name Tells the container apart within the Pod.
        core/v1.Container.image What the container's files come from.
        core/v1.Container.command The program, instead of the image's entry point.
        core/v1.Container.args What the program is called with, instead of the image's.
        core/v1.Container.workingDir The folder it starts in.
        core/v1.Container.ports Ports it listens on, for people and Services to know.
        core/v1.Container.env Variables of its environment.
        core/v1.Container.envFrom ConfigMaps and Secrets all of whose entries become variables.
        core/v1.Container.resources What it is promised and what it may use at most.
        core/v1.Container.volumeMounts Where volumes appear among its files.
        core/v1.Container.livenessProbe Tells when it has to be restarted.
        core/v1.Container.readinessProbe Tells when it can be sent requests.
        core/v1.Container.startupProbe Tells when it has started; the other probes wait for it.
        core/v1.Container.lifecycle What is done after it starts and before it ends.
        core/v1.Container.imagePullPolicy When the image is pulled: Always, IfNotPresent or Never.
        core/v1.Container.securityContext User and rights of this container.
        core/v1.Container.stdin True when it has an input that can be attached to.
        core/v1.Container.tty True when it runs in a terminal; it needs `stdin`.
        core/v1.Container.restartPolicy Always makes an init container one that runs along with the others.
        core/v1.ContainerPort.containerPort The port, from 1 to 65535.
        core/v1.ContainerPort.hostPort A port of the node that leads to it.
        core/v1.EnvVar One variable of an environment.
        core/v1.EnvVar.value Its value; $(OTHER) is replaced by another variable.
        core/v1.EnvVar.valueFrom Where its value comes from.
        core/v1.EnvVarSource A field of the Pod, a resource of the container, or a key of a ConfigMap or Secret.
        core/v1.ResourceRequirements What is promised, and the most that may be used.
        core/v1.ResourceRequirements.limits The most of each resource.
        core/v1.ResourceRequirements.requests What is promised of each resource; nodes are chosen by it.
        core/v1.VolumeMount Where a volume appears among the files of a container.
        core/v1.VolumeMount.mountPath The folder it appears as.
        core/v1.VolumeMount.readOnly True when nothing may be written.
        core/v1.VolumeMount.subPath A folder or file of the volume that is mounted instead of all of it.
        core/v1.Volume Storage of a Pod: a name and exactly one source.
        core/v1.VolumeSource.emptyDir A folder that is empty at first and lives as long as the Pod.
        core/v1.VolumeSource.persistentVolumeClaim Storage that outlives the Pod.
        core/v1.VolumeSource.configMap Entries of a ConfigMap as files.
        core/v1.VolumeSource.secret Entries of a Secret as files.
        core/v1.VolumeSource.projected Several sources in one folder.
        core/v1.VolumeSource.hostPath A folder or file of the node.
        core/v1.VolumeSource.downwardAPI Facts about the Pod as files.
        core/v1.Probe Asks a container how it is, again and again.
        core/v1.Probe.initialDelaySeconds Seconds after the start until it is asked first.
        core/v1.Probe.periodSeconds Seconds between two questions.
        core/v1.Probe.timeoutSeconds Seconds after which no answer is a bad answer.
        core/v1.Probe.failureThreshold Bad answers in a row that count.
        core/v1.Probe.successThreshold Good answers in a row that count.
        core/v1.ProbeHandler.exec A command whose exit code 0 is a good answer.
        core/v1.ProbeHandler.httpGet A request whose status below 400 is a good answer.
        core/v1.ProbeHandler.tcpSocket A port; that it can be connected to is a good answer.
        core/v1.ProbeHandler.grpc A gRPC service that is asked for its health.
        core/v1.Toleration.effect The effect that is tolerated; empty for all.
        core/v1.Toleration.tolerationSeconds Seconds for which NoExecute is tolerated.
        core/v1.Affinity Wishes and demands about where a Pod runs.
        core/v1.SecurityContext.runAsUser The number of the user.
        core/v1.SecurityContext.runAsNonRoot True refuses to run as root.
        core/v1.SecurityContext.privileged True gives it all rights of the node.
        core/v1.SecurityContext.readOnlyRootFilesystem True when its own files cannot be changed.
        core/v1.SecurityContext.allowPrivilegeEscalation False when it can gain no rights that its parent has not.
        core/v1.SecurityContext.capabilities Rights of root that are added or taken.
        core/v1.PodSecurityContext.fsGroup The group that owns its volumes.
        core/v1.Service One address for all Pods with certain labels.
        core/v1.ServiceSpec.type ClusterIP, NodePort, LoadBalancer or ExternalName.
        core/v1.ServiceSpec.clusterIP Its address within the cluster; None for one that is only a name.
        core/v1.ServiceSpec.ports Ports that it offers.
        core/v1.ServiceSpec.externalName The name that an ExternalName stands for.
        core/v1.ServiceSpec.sessionAffinity ClientIP sends a client to the same Pod each time.
        core/v1.ServicePort.port The port it offers.
        core/v1.ServicePort.targetPort Port of the Pods, by number or name.
        core/v1.ServicePort.nodePort The same port on every node.
        core/v1.Endpoints Addresses behind a Service; EndpointSlices hold the same.
        core/v1.ConfigMap Settings that are no secrets, by key.
        core/v1.ConfigMap.data Texts by key.
        core/v1.ConfigMap.binaryData Bytes by key, as base64.
        core/v1.ConfigMap.immutable True when nothing can be changed any more.
        core/v1.Secret Passwords, keys and the like, by key.
        core/v1.Secret.data Bytes by key, as base64.
        core/v1.Secret.stringData Texts by key, only written: the server moves them to `data`.
        core/v1.Secret.type What the keys mean, for those who use them.
        core/v1.Secret.immutable True when nothing can be changed any more.
        core/v1.Namespace A room for objects of its own, with its own names, rules and quota.
        core/v1.ServiceAccount A name under which Pods use the API.
        core/v1.Node A machine that runs Pods.
        core/v1.NodeSpec.unschedulable True when it gets no new Pods.
        core/v1.NodeSpec.taints What keeps Pods away that do not tolerate it.
        core/v1.NodeStatus.allocatable What it has for Pods.
        core/v1.PersistentVolume Storage of the cluster that a claim can be bound to.
        core/v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy What happens after its claim is gone: Delete or Retain.
        core/v1.PersistentVolumeClaim A wish for storage, bound to a PersistentVolume once there is one.
        core/v1.PersistentVolumeClaimSpec.accessModes How many nodes and Pods use it at once.
        core/v1.PersistentVolumeClaimSpec.resources How large it is to be.
        core/v1.PersistentVolumeClaimSpec.storageClassName The class that provides it.
        core/v1.PersistentVolumeClaimSpec.volumeName The volume it is bound to.
        core/v1.Event Something that happened to an object.
        core/v1.ResourceQuota The most that a namespace may use.
        core/v1.ResourceQuotaSpec.hard The most of each resource.
        core/v1.ResourceQuotaSpec.scopes Which objects count.
        core/v1.LimitRange Least, most and default amounts for Pods, containers and claims of a namespace.
        core/v1.ReplicationController Keeps a number of Pods running; use a Deployment instead.
        core/v1.Binding Says which node runs a Pod.
        core/v1.ObjectReference Names an object.
        core/v1.KeyToPath An entry and the file it becomes.

        """
}
