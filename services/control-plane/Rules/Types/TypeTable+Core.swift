extension TypeTable {
    /// Metadata, and the kinds of the core group but volumes.
    static let core = """
        ObjectMeta: name=s- generateName=s- namespace=s- selfLink=s- uid=s- resourceVersion=s- generation=l- creationTimestamp=t deletionTimestamp=t deletionGracePeriodSeconds=l labels={s} annotations={s} ownerReferences=[OwnerReference]@uid finalizers=[s]@ managedFields=[ManagedFieldsEntry]
        OwnerReference: apiVersion=s~ kind=s~ name=s~ uid=s~ controller=b blockOwnerDeletion=b
        ManagedFieldsEntry: manager=s- operation=s- apiVersion=s- time=t fieldsType=s- fieldsV1=* subresource=s-
        LabelSelector: matchLabels={s} matchExpressions=[LabelSelectorRequirement]
        LabelSelectorRequirement: key=s~ operator=s~ values=[s]
        DeleteOptions: apiVersion=s- kind=s- gracePeriodSeconds=l preconditions=Preconditions orphanDependents=b propagationPolicy=s dryRun=[s] ignoreStoreReadErrorWithClusterBreakingPotential=b
        Preconditions: uid=s resourceVersion=s
        Namespace: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=NamespaceSpec~ status=NamespaceStatus~
        NamespaceSpec: finalizers=[s]
        NamespaceStatus: phase=s- conditions=[NamespaceCondition]@type
        NamespaceCondition: type=s~ status=s~ lastTransitionTime=t~ reason=s- message=s-
        ConfigMap: apiVersion=s- kind=s- metadata=ObjectMeta~ immutable=b data={s} binaryData={y}
        Secret: apiVersion=s- kind=s- metadata=ObjectMeta~ immutable=b data={y} stringData={s} type=s-
        ServiceAccount: apiVersion=s- kind=s- metadata=ObjectMeta~ secrets=[ObjectReference]@name imagePullSecrets=[LocalObjectReference] automountServiceAccountToken=b
        ObjectReference: kind=s- namespace=s- name=s- uid=s- apiVersion=s- resourceVersion=s- fieldPath=s-
        LocalObjectReference: name=s-
        Pod: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=PodSpec~ status=PodStatus~
        PodSpec: volumes=[Volume]@name! initContainers=[Container]@name containers=[Container]@name~ ephemeralContainers=[EphemeralContainer]@name restartPolicy=s- terminationGracePeriodSeconds=l activeDeadlineSeconds=l dnsPolicy=s- nodeSelector={s} serviceAccountName=s- serviceAccount=s- automountServiceAccountToken=b nodeName=s- hostNetwork=b- hostPID=b- hostIPC=b- shareProcessNamespace=b securityContext=PodSecurityContext imagePullSecrets=[LocalObjectReference]@name hostname=s- subdomain=s- affinity=Affinity schedulerName=s- tolerations=[Toleration] hostAliases=[HostAlias]@ip priorityClassName=s- priority=i dnsConfig=PodDNSConfig readinessGates=[PodReadinessGate] runtimeClassName=s enableServiceLinks=b preemptionPolicy=s overhead={q} topologySpreadConstraints=[TopologySpreadConstraint]@topologyKey setHostnameAsFQDN=b os=PodOS hostUsers=b schedulingGates=[PodSchedulingGate]@name resourceClaims=[PodResourceClaim]@name! resources=ResourceRequirements hostnameOverride=s schedulingGroup=PodSchedulingGroup
        ObjectFieldSelector: apiVersion=s- fieldPath=s~
        ResourceFieldSelector: containerName=s- resource=s~ divisor=q~
        Container: name=s~ image=s- command=[s] args=[s] workingDir=s- ports=[ContainerPort]@containerPort envFrom=[EnvFromSource] env=[EnvVar]@name resources=ResourceRequirements~ resizePolicy=[ContainerResizePolicy] restartPolicy=s restartPolicyRules=[ContainerRestartRule] volumeMounts=[VolumeMount]@mountPath volumeDevices=[VolumeDevice]@devicePath livenessProbe=Probe readinessProbe=Probe startupProbe=Probe lifecycle=Lifecycle terminationMessagePath=s- terminationMessagePolicy=s- imagePullPolicy=s- securityContext=SecurityContext stdin=b- stdinOnce=b- tty=b-
        ContainerPort: name=s- hostPort=i- containerPort=i~ protocol=s- hostIP=s-
        EnvFromSource: prefix=s- configMapRef=ConfigMapEnvSource secretRef=SecretEnvSource
        ConfigMapEnvSource: name=s- optional=b
        SecretEnvSource: name=s- optional=b
        EnvVar: name=s~ value=s- valueFrom=EnvVarSource
        EnvVarSource: fieldRef=ObjectFieldSelector resourceFieldRef=ResourceFieldSelector configMapKeyRef=ConfigMapKeySelector secretKeyRef=SecretKeySelector fileKeyRef=FileKeySelector
        ConfigMapKeySelector: name=s- key=s~ optional=b
        SecretKeySelector: name=s- key=s~ optional=b
        FileKeySelector: volumeName=s~ path=s~ key=s~ optional=b
        ResourceRequirements: limits={q} requests={q} claims=[ResourceClaim]
        ContainerResizePolicy: resourceName=s~ restartPolicy=s~
        ContainerRestartRule: action=s- exitCodes=ContainerRestartRuleOnExitCodes
        ContainerRestartRuleOnExitCodes: operator=s- values=[i]
        VolumeMount: name=s~ readOnly=b- recursiveReadOnly=s mountPath=s~ subPath=s- mountPropagation=s subPathExpr=s-
        VolumeDevice: name=s~ devicePath=s~
        Probe: exec=ExecAction httpGet=HTTPGetAction tcpSocket=TCPSocketAction grpc=GRPCAction initialDelaySeconds=i- timeoutSeconds=i- periodSeconds=i- successThreshold=i- failureThreshold=i- terminationGracePeriodSeconds=l
        ExecAction: command=[s]
        HTTPGetAction: path=s- port=x~ host=s- scheme=s- httpHeaders=[HTTPHeader]
        HTTPHeader: name=s~ value=s~
        TCPSocketAction: port=x~ host=s-
        GRPCAction: port=i~ service=s
        Lifecycle: postStart=LifecycleHandler preStop=LifecycleHandler stopSignal=s
        LifecycleHandler: exec=ExecAction httpGet=HTTPGetAction tcpSocket=TCPSocketAction sleep=SleepAction
        SleepAction: seconds=l~
        SecurityContext: capabilities=Capabilities privileged=b seLinuxOptions=SELinuxOptions windowsOptions=WindowsSecurityContextOptions runAsUser=l runAsGroup=l runAsNonRoot=b readOnlyRootFilesystem=b allowPrivilegeEscalation=b procMount=s seccompProfile=SeccompProfile appArmorProfile=AppArmorProfile
        Capabilities: add=[s] drop=[s]
        SELinuxOptions: user=s- role=s- type=s- level=s-
        WindowsSecurityContextOptions: gmsaCredentialSpecName=s gmsaCredentialSpec=s runAsUserName=s hostProcess=b
        SeccompProfile: type=s~ localhostProfile=s
        AppArmorProfile: type=s~ localhostProfile=s
        EphemeralContainer: name=s~ image=s- command=[s] args=[s] workingDir=s- ports=[ContainerPort]@containerPort envFrom=[EnvFromSource] env=[EnvVar]@name resources=ResourceRequirements~ resizePolicy=[ContainerResizePolicy] restartPolicy=s restartPolicyRules=[ContainerRestartRule] volumeMounts=[VolumeMount]@mountPath volumeDevices=[VolumeDevice]@devicePath livenessProbe=Probe readinessProbe=Probe startupProbe=Probe lifecycle=Lifecycle terminationMessagePath=s- terminationMessagePolicy=s- imagePullPolicy=s- securityContext=SecurityContext stdin=b- stdinOnce=b- tty=b- targetContainerName=s-
        PodSecurityContext: seLinuxOptions=SELinuxOptions windowsOptions=WindowsSecurityContextOptions runAsUser=l runAsGroup=l runAsNonRoot=b supplementalGroups=[l] supplementalGroupsPolicy=s fsGroup=l sysctls=[Sysctl] fsGroupChangePolicy=s seccompProfile=SeccompProfile appArmorProfile=AppArmorProfile seLinuxChangePolicy=s
        Sysctl: name=s~ value=s~
        Affinity: nodeAffinity=NodeAffinity podAffinity=PodAffinity podAntiAffinity=PodAntiAffinity
        NodeAffinity: requiredDuringSchedulingIgnoredDuringExecution=NodeSelector preferredDuringSchedulingIgnoredDuringExecution=[PreferredSchedulingTerm]
        NodeSelector: nodeSelectorTerms=[NodeSelectorTerm]~
        NodeSelectorTerm: matchExpressions=[NodeSelectorRequirement] matchFields=[NodeSelectorRequirement]
        NodeSelectorRequirement: key=s~ operator=s~ values=[s]
        PreferredSchedulingTerm: weight=i~ preference=NodeSelectorTerm~
        PodAffinity: requiredDuringSchedulingIgnoredDuringExecution=[PodAffinityTerm] preferredDuringSchedulingIgnoredDuringExecution=[WeightedPodAffinityTerm]
        PodAffinityTerm: labelSelector=LabelSelector namespaces=[s] topologyKey=s~ namespaceSelector=LabelSelector matchLabelKeys=[s] mismatchLabelKeys=[s]
        WeightedPodAffinityTerm: weight=i~ podAffinityTerm=PodAffinityTerm~
        PodAntiAffinity: requiredDuringSchedulingIgnoredDuringExecution=[PodAffinityTerm] preferredDuringSchedulingIgnoredDuringExecution=[WeightedPodAffinityTerm]
        Toleration: key=s- operator=s- value=s- effect=s- tolerationSeconds=l
        HostAlias: ip=s~ hostnames=[s]
        PodDNSConfig: nameservers=[s] searches=[s] options=[PodDNSConfigOption]
        PodDNSConfigOption: name=s- value=s
        PodReadinessGate: conditionType=s~
        TopologySpreadConstraint: maxSkew=i~ topologyKey=s~ whenUnsatisfiable=s~ labelSelector=LabelSelector minDomains=i nodeAffinityPolicy=s nodeTaintsPolicy=s matchLabelKeys=[s]
        PodOS: name=s~
        PodSchedulingGate: name=s~
        PodSchedulingGroup: podGroupName=s
        PodStatus: observedGeneration=l- phase=s- conditions=[PodCondition]@type message=s- reason=s- nominatedNodeName=s- hostIP=s- hostIPs=[HostIP]@ip podIP=s- podIPs=[PodIP]@ip startTime=t initContainerStatuses=[ContainerStatus] containerStatuses=[ContainerStatus] qosClass=s- ephemeralContainerStatuses=[ContainerStatus] resize=s- resourceClaimStatuses=[PodResourceClaimStatus]@name! extendedResourceClaimStatus=PodExtendedResourceClaimStatus allocatedResources={q} resources=ResourceRequirements nodeAllocatableResourceClaimStatuses=[NodeAllocatableResourceClaimStatus]
        PodCondition: type=s~ observedGeneration=l- status=s~ lastProbeTime=t~ lastTransitionTime=t~ reason=s- message=s-
        HostIP: ip=s~
        PodIP: ip=s~
        ContainerStatus: name=s~ state=ContainerState~ lastState=ContainerState~ ready=b~ restartCount=i~ image=s~ imageID=s~ containerID=s- started=b allocatedResources={q} resources=ResourceRequirements volumeMounts=[VolumeMountStatus]@mountPath user=ContainerUser allocatedResourcesStatus=[ResourceStatus]@name stopSignal=s
        ContainerState: waiting=ContainerStateWaiting running=ContainerStateRunning terminated=ContainerStateTerminated
        ContainerStateWaiting: reason=s- message=s-
        ContainerStateRunning: startedAt=t~
        ContainerStateTerminated: exitCode=i~ signal=i- reason=s- message=s- startedAt=t~ finishedAt=t~ containerID=s-
        VolumeMountStatus: name=s~ mountPath=s~ readOnly=b- recursiveReadOnly=s volumeStatus=VolumeStatus
        ContainerUser: linux=LinuxContainerUser
        LinuxContainerUser: uid=l~ gid=l~ supplementalGroups=[l]
        ResourceStatus: name=s~ resources=[ResourceHealth]
        ResourceHealth: resourceID=s~ health=s- message=s
        ContainerExtendedResourceRequest: containerName=s~ resourceName=s~ requestName=s~
        PodTemplate: apiVersion=s- kind=s- metadata=ObjectMeta~ template=PodTemplateSpec~
        PodTemplateSpec: metadata=ObjectMeta~ spec=PodSpec~
        ReplicationController: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=ReplicationControllerSpec~ status=ReplicationControllerStatus~
        ReplicationControllerSpec: replicas=i minReadySeconds=i- selector={s} template=PodTemplateSpec
        ReplicationControllerStatus: replicas=i~ fullyLabeledReplicas=i- readyReplicas=i- availableReplicas=i- observedGeneration=l- conditions=[ReplicationControllerCondition]@type
        ReplicationControllerCondition: type=s~ status=s~ lastTransitionTime=t~ reason=s- message=s-
        Binding: apiVersion=s- kind=s- metadata=ObjectMeta~ target=ObjectReference~
        Service: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=ServiceSpec~ status=ServiceStatus~
        ServiceSpec: ports=[ServicePort]@port selector={s} clusterIP=s- clusterIPs=[s] type=s- externalIPs=[s] sessionAffinity=s- loadBalancerIP=s- loadBalancerSourceRanges=[s] externalName=s- externalTrafficPolicy=s- healthCheckNodePort=i- publishNotReadyAddresses=b- sessionAffinityConfig=SessionAffinityConfig ipFamilies=[s] ipFamilyPolicy=s allocateLoadBalancerNodePorts=b loadBalancerClass=s internalTrafficPolicy=s trafficDistribution=s
        ServicePort: name=s- protocol=s- appProtocol=s port=i~ targetPort=x~ nodePort=i-
        SessionAffinityConfig: clientIP=ClientIPConfig
        ClientIPConfig: timeoutSeconds=i
        ServiceStatus: loadBalancer=LoadBalancerStatus~ conditions=[Condition]@type
        LoadBalancerStatus: ingress=[LoadBalancerIngress]
        LoadBalancerIngress: ip=s- hostname=s- ipMode=s ports=[PortStatus]
        PortStatus: port=i~ protocol=s~ error=s
        Condition: type=s~ status=s~ observedGeneration=l- lastTransitionTime=t~ reason=s~ message=s~
        Endpoints: apiVersion=s- kind=s- metadata=ObjectMeta~ subsets=[EndpointSubset]
        EndpointSubset: addresses=[EndpointAddress] notReadyAddresses=[EndpointAddress] ports=[EndpointPort]
        EndpointAddress: ip=s~ hostname=s- nodeName=s targetRef=ObjectReference
        EndpointPort: name=s- port=i~ protocol=s- appProtocol=s
        Event: apiVersion=s- kind=s- metadata=ObjectMeta~ involvedObject=ObjectReference~ reason=s- message=s- source=EventSource~ firstTimestamp=t~ lastTimestamp=t~ count=i- type=s- eventTime=m~ series=EventSeries action=s- related=ObjectReference reportingComponent=s~ reportingInstance=s~
        EventSource: component=s- host=s-
        EventSeries: count=i- lastObservedTime=m~
        Node: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=NodeSpec~ status=NodeStatus~
        NodeSpec: podCIDR=s- podCIDRs=[s]@ providerID=s- unschedulable=b- taints=[Taint] configSource=NodeConfigSource externalID=s-
        Taint: key=s~ value=s- effect=s~ timeAdded=t
        NodeConfigSource: configMap=ConfigMapNodeConfigSource
        ConfigMapNodeConfigSource: namespace=s~ name=s~ uid=s- resourceVersion=s- kubeletConfigKey=s~
        NodeStatus: capacity={q} allocatable={q} phase=s- conditions=[NodeCondition]@type addresses=[NodeAddress]@type daemonEndpoints=NodeDaemonEndpoints~ nodeInfo=NodeSystemInfo~ images=[ContainerImage] volumesInUse=[s] volumesAttached=[AttachedVolume] config=NodeConfigStatus runtimeHandlers=[NodeRuntimeHandler] features=NodeFeatures declaredFeatures=[s]
        NodeCondition: type=s~ status=s~ lastHeartbeatTime=t~ lastTransitionTime=t~ reason=s- message=s-
        NodeAddress: type=s~ address=s~
        NodeDaemonEndpoints: kubeletEndpoint=DaemonEndpoint~
        DaemonEndpoint: Port=i~
        NodeSystemInfo: machineID=s~ systemUUID=s~ bootID=s~ kernelVersion=s~ osImage=s~ containerRuntimeVersion=s~ kubeletVersion=s~ kubeProxyVersion=s~ operatingSystem=s~ architecture=s~ swap=NodeSwapStatus
        NodeSwapStatus: capacity=l
        ContainerImage: names=[s]~ sizeBytes=l-
        NodeConfigStatus: assigned=NodeConfigSource active=NodeConfigSource lastKnownGood=NodeConfigSource error=s-
        NodeRuntimeHandler: name=s~ features=NodeRuntimeHandlerFeatures
        NodeRuntimeHandlerFeatures: recursiveReadOnlyMounts=b userNamespaces=b
        NodeFeatures: supplementalGroupsPolicy=b
        ResourceQuota: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=ResourceQuotaSpec~ status=ResourceQuotaStatus~
        ResourceQuotaSpec: hard={q} scopes=[s] scopeSelector=ScopeSelector
        ScopeSelector: matchExpressions=[ScopedResourceSelectorRequirement]
        ScopedResourceSelectorRequirement: scopeName=s~ operator=s~ values=[s]
        ResourceQuotaStatus: hard={q} used={q}
        LimitRange: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=LimitRangeSpec~
        LimitRangeSpec: limits=[LimitRangeItem]~
        LimitRangeItem: type=s~ max={q} min={q} default={q} defaultRequest={q} maxLimitRequestRatio={q}
        ComponentStatus: apiVersion=s- kind=s- metadata=ObjectMeta~ conditions=[ComponentCondition]@type
        ComponentCondition: type=s~ status=s~ message=s- error=s-
        TokenRequest: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=TokenRequestSpec~ status=TokenRequestStatus~
        TokenRequestSpec: audiences=[s]~ expirationSeconds=l boundObjectRef=BoundObjectReference
        BoundObjectReference: kind=s- apiVersion=s- name=s- uid=s-
        TokenRequestStatus: token=s~ expirationTimestamp=t~

        """
}
