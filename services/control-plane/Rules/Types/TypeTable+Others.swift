extension TypeTable {
    /// Access, networking, storage, coordination, admission and the other groups.
    static let others = """
        Role: apiVersion=s kind=s metadata=ObjectMeta rules=[PolicyRule]+
        ClusterRole: apiVersion=s kind=s metadata=ObjectMeta rules=[PolicyRule]+ aggregationRule=AggregationRule
        AggregationRule: clusterRoleSelectors=[LabelSelector]
        PolicyRule: verbs=[s] apiGroups=[s] resources=[s] resourceNames=[s] nonResourceURLs=[s]
        RoleBinding: apiVersion=s kind=s metadata=ObjectMeta subjects=[Subject] roleRef=RoleReference
        ClusterRoleBinding: apiVersion=s kind=s metadata=ObjectMeta subjects=[Subject] roleRef=RoleReference
        Subject: kind=s apiGroup=s name=s namespace=s
        RoleReference: apiGroup=s kind=s name=s
        StorageClass: apiVersion=s kind=s metadata=ObjectMeta provisioner=s parameters={s} reclaimPolicy=s mountOptions=[s] allowVolumeExpansion=b volumeBindingMode=s allowedTopologies=[*]
        Lease: apiVersion=s kind=s metadata=ObjectMeta spec=LeaseSpec
        LeaseSpec: holderIdentity=s leaseDurationSeconds=i acquireTime=t renewTime=t leaseTransitions=i strategy=s preferredHolder=s
        EventV1: apiVersion=s kind=s metadata=ObjectMeta eventTime=t series=EventSeries reportingController=s reportingInstance=s action=s reason=s regarding=ObjectReference related=ObjectReference note=s type=s deprecatedSource=EventSource deprecatedFirstTimestamp=t deprecatedLastTimestamp=t deprecatedCount=i
        EndpointSlice: apiVersion=s kind=s metadata=ObjectMeta addressType=s endpoints=[Endpoint]+ ports=[DiscoveryEndpointPort]
        DiscoveryEndpointPort: name=s protocol=s port=i appProtocol=s
        Endpoint: addresses=[s]+ conditions=EndpointConditions hostname=s targetRef=ObjectReference deprecatedTopology={s} nodeName=s zone=s hints=*
        EndpointConditions: ready=b serving=b terminating=b
        NetworkPolicy: apiVersion=s kind=s metadata=ObjectMeta spec=NetworkPolicySpec
        NetworkPolicySpec: podSelector=LabelSelector ingress=[NetworkIngressRule] egress=[NetworkEgressRule] policyTypes=[s]
        NetworkIngressRule: ports=[NetworkPort] from=[NetworkPeer]
        NetworkEgressRule: ports=[NetworkPort] to=[NetworkPeer]
        NetworkPort: protocol=s port=x endPort=i
        NetworkPeer: podSelector=LabelSelector namespaceSelector=LabelSelector ipBlock=IPBlock
        IPBlock: cidr=s except=[s]
        Ingress: apiVersion=s kind=s metadata=ObjectMeta spec=IngressSpec status=IngressStatus
        IngressSpec: ingressClassName=s defaultBackend=IngressBackend tls=[IngressTLS] rules=[IngressRule]
        IngressBackend: service=IngressService resource=TypedReference
        IngressService: name=s port=IngressServicePort
        IngressServicePort: name=s number=i
        IngressTLS: hosts=[s] secretName=s
        IngressRule: host=s http=IngressHTTP
        IngressHTTP: paths=[IngressPath]
        IngressPath: path=s pathType=s backend=IngressBackend
        IngressStatus: loadBalancer=LoadBalancerStatus
        IngressClass: apiVersion=s kind=s metadata=ObjectMeta spec=IngressClassSpec
        IngressClassSpec: controller=s parameters=IngressParameters
        IngressParameters: apiGroup=s kind=s name=s scope=s namespace=s
        PriorityClass: apiVersion=s kind=s metadata=ObjectMeta value=i globalDefault=b description=s preemptionPolicy=s
        TokenReview: apiVersion=s kind=s metadata=ObjectMeta spec=TokenReviewSpec status=TokenReviewStatus
        TokenReviewSpec: token=s audiences=[s]
        TokenReviewStatus: authenticated=b user=UserInfo audiences=[s] error=s
        UserInfo: username=s uid=s groups=[s] extra={[s]}
        SelfSubjectReview: apiVersion=s kind=s metadata=ObjectMeta status=SelfSubjectReviewStatus
        SelfSubjectReviewStatus: userInfo=UserInfo
        SubjectAccessReview: apiVersion=s kind=s metadata=ObjectMeta spec=AccessReviewSpec status=AccessReviewStatus
        LocalSubjectAccessReview: apiVersion=s kind=s metadata=ObjectMeta spec=AccessReviewSpec status=AccessReviewStatus
        SelfSubjectAccessReview: apiVersion=s kind=s metadata=ObjectMeta spec=AccessReviewSpec status=AccessReviewStatus
        AccessReviewSpec: resourceAttributes=ResourceAttributes nonResourceAttributes=NonResourceAttributes user=s groups=[s] extra={[s]} uid=s
        ResourceAttributes: namespace=s verb=s group=s version=s resource=s subresource=s name=s fieldSelector=* labelSelector=*
        NonResourceAttributes: path=s verb=s
        AccessReviewStatus: allowed=b denied=b reason=s evaluationError=s
        SelfSubjectRulesReview: apiVersion=s kind=s metadata=ObjectMeta spec=RulesReviewSpec status=RulesReviewStatus
        RulesReviewSpec: namespace=s
        RulesReviewStatus: resourceRules=[PolicyRule]+ nonResourceRules=[PolicyRule]+ incomplete=b evaluationError=s
        MutatingWebhookConfiguration: apiVersion=s kind=s metadata=ObjectMeta webhooks=[Webhook]@name
        ValidatingWebhookConfiguration: apiVersion=s kind=s metadata=ObjectMeta webhooks=[Webhook]@name
        Webhook: name=s clientConfig=WebhookClientConfig rules=[WebhookRule] failurePolicy=s matchPolicy=s namespaceSelector=LabelSelector objectSelector=LabelSelector sideEffects=s timeoutSeconds=i admissionReviewVersions=[s] reinvocationPolicy=s matchConditions=[MatchCondition]@name
        MatchCondition: name=s expression=s
        WebhookClientConfig: url=s service=WebhookService caBundle=y
        WebhookService: namespace=s name=s path=s port=i
        WebhookRule: operations=[s] apiGroups=[s] apiVersions=[s] resources=[s] scope=s
        CustomResourceDefinition: apiVersion=s kind=s metadata=ObjectMeta spec=DefinitionSpec status=DefinitionStatus
        DefinitionSpec: group=s names=DefinitionNames scope=s versions=[DefinitionVersion] conversion=DefinitionConversion preserveUnknownFields=b
        DefinitionNames: plural=s singular=s shortNames=[s] kind=s listKind=s categories=[s]
        DefinitionVersion: name=s served=b storage=b deprecated=b deprecationWarning=s schema=DefinitionSchema subresources=* additionalPrinterColumns=[PrinterColumn] selectableFields=[SelectableField]
        DefinitionSchema: openAPIV3Schema=*
        PrinterColumn: name=s type=s format=s description=s priority=i jsonPath=s
        SelectableField: jsonPath=s
        DefinitionConversion: strategy=s webhook=*
        DefinitionStatus: conditions=[Condition]@type acceptedNames=DefinitionNames storedVersions=[s]+

        """
}
