extension TypeTable {
    /// Access, storage, coordination, events, networking and scheduling.
    static let others = """
        PolicyRule: verbs=[s]~ apiGroups=[s] resources=[s] resourceNames=[s] nonResourceURLs=[s]
        Subject: kind=s~ apiGroup=s- name=s~ namespace=s-
        RoleRef: apiGroup=s~ kind=s~ name=s~
        Role: apiVersion=s- kind=s- metadata=ObjectMeta~ rules=[PolicyRule]~
        RoleBinding: apiVersion=s- kind=s- metadata=ObjectMeta~ subjects=[Subject] roleRef=RoleRef~
        ClusterRole: apiVersion=s- kind=s- metadata=ObjectMeta~ rules=[PolicyRule]~ aggregationRule=AggregationRule
        AggregationRule: clusterRoleSelectors=[LabelSelector]
        ClusterRoleBinding: apiVersion=s- kind=s- metadata=ObjectMeta~ subjects=[Subject] roleRef=RoleRef~
        StorageClass: apiVersion=s- kind=s- metadata=ObjectMeta~ provisioner=s~ parameters={s} reclaimPolicy=s mountOptions=[s] allowVolumeExpansion=b volumeBindingMode=s allowedTopologies=[TopologySelectorTerm]
        VolumeAttachment: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=VolumeAttachmentSpec~ status=VolumeAttachmentStatus~
        VolumeAttachmentSpec: attacher=s~ source=VolumeAttachmentSource~ nodeName=s~
        VolumeAttachmentSource: persistentVolumeName=s inlineVolumeSpec=PersistentVolumeSpec
        VolumeAttachmentStatus: attached=b~ attachmentMetadata={s} attachError=VolumeError detachError=VolumeError
        VolumeError: time=t~ message=s- errorCode=i
        CSIDriver: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=CSIDriverSpec~
        CSIDriverSpec: attachRequired=b podInfoOnMount=b volumeLifecycleModes=[s] storageCapacity=b fsGroupPolicy=s tokenRequests=[StorageTokenRequest] requiresRepublish=b seLinuxMount=b nodeAllocatableUpdatePeriodSeconds=l serviceAccountTokenInSecrets=b preventPodSchedulingIfMissing=b
        StorageTokenRequest: audience=s~ expirationSeconds=l
        CSINode: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=CSINodeSpec~
        CSINodeSpec: drivers=[CSINodeDriver]@name~
        CSINodeDriver: name=s~ nodeID=s~ topologyKeys=[s]~ allocatable=VolumeNodeResources
        VolumeNodeResources: count=i
        CSIStorageCapacity: apiVersion=s- kind=s- metadata=ObjectMeta~ nodeTopology=LabelSelector storageClassName=s~ capacity=q maximumVolumeSize=q
        VolumeAttributesClass: apiVersion=s- kind=s- metadata=ObjectMeta~ driverName=s~ parameters={s}
        TopologySelectorTerm: matchLabelExpressions=[TopologySelectorLabelRequirement]
        TopologySelectorLabelRequirement: key=s~ values=[s]~
        Lease: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=LeaseSpec~
        LeaseSpec: holderIdentity=s leaseDurationSeconds=i acquireTime=m renewTime=m leaseTransitions=i strategy=s preferredHolder=s
        EventV1: apiVersion=s- kind=s- metadata=ObjectMeta~ eventTime=m~ series=EventSeries reportingController=s- reportingInstance=s- action=s- reason=s- regarding=ObjectReference~ related=ObjectReference note=s- type=s- deprecatedSource=EventSource~ deprecatedFirstTimestamp=t~ deprecatedLastTimestamp=t~ deprecatedCount=i-
        EndpointSlice: apiVersion=s- kind=s- metadata=ObjectMeta~ addressType=s~ endpoints=[Endpoint]~ ports=[DiscoveryEndpointPort]~
        Endpoint: addresses=[s]~ conditions=EndpointConditions~ hostname=s targetRef=ObjectReference deprecatedTopology={s} nodeName=s zone=s hints=EndpointHints
        EndpointConditions: ready=b serving=b terminating=b
        EndpointHints: forZones=[ForZone] forNodes=[ForNode]
        ForZone: name=s~
        ForNode: name=s~
        DiscoveryEndpointPort: name=s protocol=s port=i appProtocol=s
        NetworkPolicy: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=NetworkPolicySpec~
        NetworkPolicySpec: podSelector=LabelSelector~ ingress=[NetworkPolicyIngressRule] egress=[NetworkPolicyEgressRule] policyTypes=[s]
        NetworkPolicyIngressRule: ports=[NetworkPolicyPort] from=[NetworkPolicyPeer]
        NetworkPolicyEgressRule: ports=[NetworkPolicyPort] to=[NetworkPolicyPeer]
        NetworkPolicyPort: protocol=s port=x endPort=i
        IPBlock: cidr=s~ except=[s]
        NetworkPolicyPeer: podSelector=LabelSelector namespaceSelector=LabelSelector ipBlock=IPBlock
        Ingress: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=IngressSpec~ status=IngressStatus~
        IngressSpec: ingressClassName=s defaultBackend=IngressBackend tls=[IngressTLS] rules=[IngressRule]
        IngressTLS: hosts=[s] secretName=s-
        IngressStatus: loadBalancer=IngressLoadBalancerStatus~
        IngressLoadBalancerStatus: ingress=[IngressLoadBalancerIngress]
        IngressLoadBalancerIngress: ip=s- hostname=s- ports=[IngressPortStatus]
        IngressPortStatus: port=i~ protocol=s~ error=s
        IngressRule: host=s- http=HTTPIngressRuleValue
        HTTPIngressRuleValue: paths=[HTTPIngressPath]~
        HTTPIngressPath: path=s- pathType=s backend=IngressBackend~
        IngressBackend: service=IngressServiceBackend resource=TypedLocalObjectReference
        IngressServiceBackend: name=s~ port=ServiceBackendPort~
        ServiceBackendPort: name=s- number=i-
        IngressClass: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=IngressClassSpec~
        IngressClassSpec: controller=s- parameters=IngressClassParametersReference
        IngressClassParametersReference: apiGroup=s kind=s~ name=s~ scope=s namespace=s
        IPAddress: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=IPAddressSpec~
        IPAddressSpec: parentRef=ParentReference
        ParentReference: group=s- resource=s- namespace=s- name=s-
        IPAddressList: apiVersion=s- kind=s- metadata=ListMeta~ items=[IPAddress]~
        ServiceCIDR: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=ServiceCIDRSpec~ status=ServiceCIDRStatus~
        ServiceCIDRSpec: cidrs=[s]
        ServiceCIDRStatus: conditions=[Condition]@type
        PriorityClass: apiVersion=s- kind=s- metadata=ObjectMeta~ value=i~ globalDefault=b- description=s- preemptionPolicy=s
        RuntimeClass: apiVersion=s- kind=s- metadata=ObjectMeta~ handler=s~ overhead=Overhead scheduling=Scheduling
        Overhead: podFixed={q}
        Scheduling: nodeSelector={s} tolerations=[Toleration]

        """
}
