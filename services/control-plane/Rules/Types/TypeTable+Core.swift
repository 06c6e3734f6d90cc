extension TypeTable {
    /// Metadata, and the kinds of the core group.
    static let core = """
        ObjectMeta: name=s generateName=s namespace=s selfLink=s uid=s resourceVersion=s generation=i creationTimestamp=t deletionTimestamp=t deletionGracePeriodSeconds=i labels={s} annotations={s} ownerReferences=[OwnerReference]@uid finalizers=[s]@ managedFields=[*] clusterName=s
        OwnerReference: apiVersion=s kind=s name=s uid=s controller=b blockOwnerDeletion=b
        Condition: type=s status=s observedGeneration=i lastTransitionTime=t lastProbeTime=t lastUpdateTime=t lastHeartbeatTime=t reason=s message=s
        LabelSelector: matchLabels={s} matchExpressions=[SelectorRequirement]
        SelectorRequirement: key=s operator=s values=[s]
        ObjectReference: kind=s namespace=s name=s uid=s apiVersion=s resourceVersion=s fieldPath=s
        LocalReference: name=s
        Namespace: apiVersion=s kind=s metadata=ObjectMeta spec=NamespaceSpec status=NamespaceStatus
        NamespaceSpec: finalizers=[s]
        NamespaceStatus: phase=s conditions=[Condition]@type
        ConfigMap: apiVersion=s kind=s metadata=ObjectMeta immutable=b data={s} binaryData={y}
        Secret: apiVersion=s kind=s metadata=ObjectMeta immutable=b data={y} stringData={s} type=s
        ServiceAccount: apiVersion=s kind=s metadata=ObjectMeta secrets=[ObjectReference]@name imagePullSecrets=[LocalReference] automountServiceAccountToken=b
        TokenRequest: apiVersion=s kind=s metadata=ObjectMeta spec=TokenRequestSpec status=TokenRequestStatus
        TokenRequestSpec: audiences=[s] expirationSeconds=i boundObjectRef=BoundObjectReference
        BoundObjectReference: kind=s apiVersion=s name=s uid=s
        TokenRequestStatus: token=s expirationTimestamp=t
        Pod: apiVersion=s kind=s metadata=ObjectMeta spec=PodSpec status=PodStatus
        PodTemplate: apiVersion=s kind=s metadata=ObjectMeta template=PodTemplateSpec
        PodTemplateSpec: metadata=ObjectMeta spec=PodSpec
        PodSpec: volumes=[Volume]@name! initContainers=[Container]@name containers=[Container]@name+ ephemeralContainers=[EphemeralContainer]@name restartPolicy=s terminationGracePeriodSeconds=i activeDeadlineSeconds=i dnsPolicy=s nodeSelector={s} serviceAccountName=s serviceAccount=s automountServiceAccountToken=b nodeName=s hostNetwork=b hostPID=b hostIPC=b shareProcessNamespace=b securityContext=PodSecurityContext imagePullSecrets=[LocalReference]@name hostname=s subdomain=s affinity=Affinity schedulerName=s tolerations=[Toleration] hostAliases=[HostAlias]@ip priorityClassName=s priority=i dnsConfig=PodDNSConfig readinessGates=[PodReadinessGate] runtimeClassName=s enableServiceLinks=b preemptionPolicy=s overhead={q} topologySpreadConstraints=[TopologySpreadConstraint]@topologyKey setHostnameAsFQDN=b os=PodOS hostUsers=b schedulingGates=[LocalReference]@name resourceClaims=[PodResourceClaim]@name! resources=ResourceRequirements
        PodOS: name=s
        PodReadinessGate: conditionType=s
        PodResourceClaim: name=s resourceClaimName=s resourceClaimTemplateName=s
        HostAlias: ip=s hostnames=[s]
        PodDNSConfig: nameservers=[s] searches=[s] options=[DNSOption]
        DNSOption: name=s value=s
        Toleration: key=s operator=s value=s effect=s tolerationSeconds=i
        TopologySpreadConstraint: maxSkew=i topologyKey=s whenUnsatisfiable=s labelSelector=LabelSelector minDomains=i nodeAffinityPolicy=s nodeTaintsPolicy=s matchLabelKeys=[s]
        Affinity: nodeAffinity=NodeAffinity podAffinity=PodAffinity podAntiAffinity=PodAffinity
        NodeAffinity: requiredDuringSchedulingIgnoredDuringExecution=NodeSelector preferredDuringSchedulingIgnoredDuringExecution=[PreferredSchedulingTerm]
        NodeSelector: nodeSelectorTerms=[NodeSelectorTerm]+
        NodeSelectorTerm: matchExpressions=[SelectorRequirement] matchFields=[SelectorRequirement]
        PreferredSchedulingTerm: weight=i preference=NodeSelectorTerm
        PodAffinity: requiredDuringSchedulingIgnoredDuringExecution=[PodAffinityTerm] preferredDuringSchedulingIgnoredDuringExecution=[WeightedPodAffinityTerm]
        PodAffinityTerm: labelSelector=LabelSelector namespaces=[s] topologyKey=s namespaceSelector=LabelSelector matchLabelKeys=[s] mismatchLabelKeys=[s]
        WeightedPodAffinityTerm: weight=i podAffinityTerm=PodAffinityTerm
        PodSecurityContext: seLinuxOptions=SELinuxOptions windowsOptions=WindowsOptions runAsUser=i runAsGroup=i runAsNonRoot=b supplementalGroups=[i] supplementalGroupsPolicy=s fsGroup=i sysctls=[DNSOption] fsGroupChangePolicy=s seccompProfile=SeccompProfile appArmorProfile=SeccompProfile seLinuxChangePolicy=s
        SELinuxOptions: user=s role=s type=s level=s
        WindowsOptions: gmsaCredentialSpecName=s gmsaCredentialSpec=s runAsUserName=s hostProcess=b
        SeccompProfile: type=s localhostProfile=s
        Container: name=s image=s command=[s] args=[s] workingDir=s ports=[ContainerPort]@containerPort envFrom=[EnvFromSource] env=[EnvVar]@name resources=ResourceRequirements resizePolicy=[ResizePolicy] restartPolicy=s volumeMounts=[VolumeMount]@mountPath volumeDevices=[VolumeDevice]@devicePath livenessProbe=Probe readinessProbe=Probe startupProbe=Probe lifecycle=Lifecycle terminationMessagePath=s terminationMessagePolicy=s imagePullPolicy=s securityContext=SecurityContext stdin=b stdinOnce=b tty=b
        EphemeralContainer: name=s image=s command=[s] args=[s] workingDir=s ports=[ContainerPort]@containerPort envFrom=[EnvFromSource] env=[EnvVar]@name resources=ResourceRequirements resizePolicy=[ResizePolicy] restartPolicy=s volumeMounts=[VolumeMount]@mountPath volumeDevices=[VolumeDevice]@devicePath livenessProbe=Probe readinessProbe=Probe startupProbe=Probe lifecycle=Lifecycle terminationMessagePath=s terminationMessagePolicy=s imagePullPolicy=s securityContext=SecurityContext stdin=b stdinOnce=b tty=b targetContainerName=s
        ContainerPort: name=s hostPort=i containerPort=i protocol=s hostIP=s
        ResizePolicy: resourceName=s restartPolicy=s
        EnvFromSource: prefix=s configMapRef=OptionalReference secretRef=OptionalReference
        OptionalReference: name=s optional=b
        EnvVar: name=s value=s valueFrom=EnvVarSource
        EnvVarSource: fieldRef=FieldReference resourceFieldRef=ResourceFieldReference configMapKeyRef=KeyReference secretKeyRef=KeyReference
        FieldReference: apiVersion=s fieldPath=s
        ResourceFieldReference: containerName=s resource=s divisor=q
        KeyReference: name=s key=s optional=b
        ResourceRequirements: limits={q} requests={q} claims=[ResourceClaim]
        ResourceClaim: name=s request=s
        VolumeMount: name=s readOnly=b recursiveReadOnly=s mountPath=s subPath=s mountPropagation=s subPathExpr=s
        VolumeDevice: name=s devicePath=s
        Probe: exec=ExecAction httpGet=HTTPGetAction tcpSocket=TCPSocketAction grpc=GRPCAction initialDelaySeconds=i timeoutSeconds=i periodSeconds=i successThreshold=i failureThreshold=i terminationGracePeriodSeconds=i
        Lifecycle: postStart=LifecycleHandler preStop=LifecycleHandler stopSignal=s
        LifecycleHandler: exec=ExecAction httpGet=HTTPGetAction tcpSocket=TCPSocketAction sleep=SleepAction
        ExecAction: command=[s]
        HTTPGetAction: path=s port=x host=s scheme=s httpHeaders=[DNSOption]
        TCPSocketAction: port=x host=s
        GRPCAction: port=i service=s
        SleepAction: seconds=i
        SecurityContext: capabilities=Capabilities privileged=b seLinuxOptions=SELinuxOptions windowsOptions=WindowsOptions runAsUser=i runAsGroup=i runAsNonRoot=b readOnlyRootFilesystem=b allowPrivilegeEscalation=b procMount=s seccompProfile=SeccompProfile appArmorProfile=SeccompProfile
        Capabilities: add=[s] drop=[s]
        Volume: name=s hostPath=HostPathSource emptyDir=EmptyDirSource gcePersistentDisk=* awsElasticBlockStore=* gitRepo=* secret=SecretSource nfs=NFSSource iscsi=* glusterfs=* persistentVolumeClaim=ClaimSource rbd=* flexVolume=* cinder=* cephfs=* flocker=* downwardAPI=DownwardSource fc=* azureFile=* configMap=ConfigMapSource vsphereVolume=* quobyte=* azureDisk=* photonPersistentDisk=* projected=ProjectedSource portworxVolume=* scaleIO=* storageos=* csi=CSISource ephemeral=EphemeralSource image=ImageSource
        HostPathSource: path=s type=s
        EmptyDirSource: medium=s sizeLimit=q
        SecretSource: secretName=s items=[KeyToPath] defaultMode=i optional=b
        ConfigMapSource: name=s items=[KeyToPath] defaultMode=i optional=b
        KeyToPath: key=s path=s mode=i
        NFSSource: server=s path=s readOnly=b
        ClaimSource: claimName=s readOnly=b
        ImageSource: reference=s pullPolicy=s
        DownwardSource: items=[DownwardFile] defaultMode=i
        DownwardFile: path=s fieldRef=FieldReference resourceFieldRef=ResourceFieldReference mode=i
        ProjectedSource: sources=[VolumeProjection] defaultMode=i
        VolumeProjection: secret=ProjectedItems downwardAPI=ProjectedDownward configMap=ProjectedItems serviceAccountToken=TokenProjection clusterTrustBundle=*
        ProjectedItems: name=s items=[KeyToPath] optional=b
        ProjectedDownward: items=[DownwardFile]
        TokenProjection: audience=s expirationSeconds=i path=s
        CSISource: driver=s readOnly=b fsType=s volumeAttributes={s} nodePublishSecretRef=LocalReference
        EphemeralSource: volumeClaimTemplate=ClaimTemplate
        ClaimTemplate: metadata=ObjectMeta spec=ClaimSpec
        PodStatus: observedGeneration=i phase=s conditions=[Condition]@type message=s reason=s nominatedNodeName=s hostIP=s hostIPs=[PodIP] podIP=s podIPs=[PodIP]@ip startTime=t initContainerStatuses=[ContainerStatus] containerStatuses=[ContainerStatus] qosClass=s ephemeralContainerStatuses=[ContainerStatus] resize=s resourceClaimStatuses=[*]
        PodIP: ip=s
        ContainerStatus: name=s state=ContainerState lastState=ContainerState ready=b restartCount=i image=s imageID=s containerID=s started=b allocatedResources={q} resources=ResourceRequirements volumeMounts=[VolumeMount]@mountPath user=* allocatedResourcesStatus=[*] stopSignal=s
        ContainerState: waiting=StateWaiting running=StateRunning terminated=StateTerminated
        StateWaiting: reason=s message=s
        StateRunning: startedAt=t
        StateTerminated: exitCode=i signal=i reason=s message=s startedAt=t finishedAt=t containerID=s
        Binding: apiVersion=s kind=s metadata=ObjectMeta target=ObjectReference
        Service: apiVersion=s kind=s metadata=ObjectMeta spec=ServiceSpec status=ServiceStatus
        ServiceSpec: ports=[ServicePort]@port selector={s} clusterIP=s clusterIPs=[s] type=s externalIPs=[s] sessionAffinity=s loadBalancerIP=s loadBalancerSourceRanges=[s] externalName=s externalTrafficPolicy=s healthCheckNodePort=i publishNotReadyAddresses=b sessionAffinityConfig=* ipFamilies=[s] ipFamilyPolicy=s allocateLoadBalancerNodePorts=b loadBalancerClass=s internalTrafficPolicy=s trafficDistribution=s
        ServicePort: name=s protocol=s appProtocol=s port=i targetPort=x nodePort=i
        ServiceStatus: loadBalancer=LoadBalancerStatus conditions=[Condition]@type
        LoadBalancerStatus: ingress=[LoadBalancerIngress]
        LoadBalancerIngress: ip=s hostname=s ipMode=s ports=[*]
        Endpoints: apiVersion=s kind=s metadata=ObjectMeta subsets=[EndpointSubset]
        EndpointSubset: addresses=[EndpointAddress] notReadyAddresses=[EndpointAddress] ports=[EndpointPort]
        EndpointAddress: ip=s hostname=s nodeName=s targetRef=ObjectReference
        EndpointPort: name=s port=i protocol=s appProtocol=s
        PersistentVolume: apiVersion=s kind=s metadata=ObjectMeta spec=PersistentVolumeSpec status=PersistentVolumeStatus
        PersistentVolumeSpec: capacity={q} accessModes=[s] claimRef=ObjectReference persistentVolumeReclaimPolicy=s storageClassName=s mountOptions=[s] volumeMode=s nodeAffinity=VolumeNodeAffinity volumeAttributesClassName=s hostPath=HostPathSource nfs=NFSSource local=LocalSource csi=PersistentCSISource gcePersistentDisk=* awsElasticBlockStore=* glusterfs=* rbd=* iscsi=* cinder=* cephfs=* fc=* flocker=* flexVolume=* azureFile=* vsphereVolume=* quobyte=* azureDisk=* photonPersistentDisk=* portworxVolume=* scaleIO=* storageos=*
        VolumeNodeAffinity: required=NodeSelector
        LocalSource: path=s fsType=s
        PersistentCSISource: driver=s volumeHandle=s readOnly=b fsType=s volumeAttributes={s} controllerPublishSecretRef=* nodeStageSecretRef=* nodePublishSecretRef=* controllerExpandSecretRef=* nodeExpandSecretRef=*
        PersistentVolumeStatus: phase=s message=s reason=s lastPhaseTransitionTime=t
        PersistentVolumeClaim: apiVersion=s kind=s metadata=ObjectMeta spec=ClaimSpec status=ClaimStatus
        ClaimSpec: accessModes=[s] selector=LabelSelector resources=ResourceRequirements volumeName=s storageClassName=s volumeMode=s dataSource=TypedReference dataSourceRef=TypedReference volumeAttributesClassName=s
        TypedReference: apiGroup=s kind=s name=s namespace=s
        ClaimStatus: phase=s accessModes=[s] capacity={q} conditions=[Condition]@type allocatedResources={q} allocatedResourceStatuses={s} currentVolumeAttributesClassName=s modifyVolumeStatus=*
        Event: apiVersion=s kind=s metadata=ObjectMeta involvedObject=ObjectReference reason=s message=s source=EventSource firstTimestamp=t lastTimestamp=t count=i type=s eventTime=t series=EventSeries action=s related=ObjectReference reportingComponent=s reportingInstance=s
        EventSource: component=s host=s
        EventSeries: count=i lastObservedTime=t
        Node: apiVersion=s kind=s metadata=ObjectMeta spec=NodeSpec status=NodeStatus
        NodeSpec: podCIDR=s podCIDRs=[s]@ providerID=s unschedulable=b taints=[Taint] configSource=* externalID=s
        Taint: key=s value=s effect=s timeAdded=t
        NodeStatus: capacity={q} allocatable={q} phase=s conditions=[Condition]@type addresses=[NodeAddress]@type daemonEndpoints=* nodeInfo=* images=[NodeImage] volumesInUse=[s] volumesAttached=[*] config=* runtimeHandlers=[*] features=*
        NodeAddress: type=s address=s
        NodeImage: names=[s] sizeBytes=i
        ResourceQuota: apiVersion=s kind=s metadata=ObjectMeta spec=ResourceQuotaSpec status=ResourceQuotaStatus
        ResourceQuotaSpec: hard={q} scopes=[s] scopeSelector=ScopeSelector
        ScopeSelector: matchExpressions=[ScopeRequirement]
        ScopeRequirement: scopeName=s operator=s values=[s]
        ResourceQuotaStatus: hard={q} used={q}
        LimitRange: apiVersion=s kind=s metadata=ObjectMeta spec=LimitRangeSpec
        LimitRangeSpec: limits=[LimitRangeItem]+
        LimitRangeItem: type=s max={q} min={q} default={q} defaultRequest={q} maxLimitRequestRatio={q}

        """
}
