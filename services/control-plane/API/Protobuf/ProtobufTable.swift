/// The numbers that fields of built-in kinds have in the binary form which Go clients send for some requests
/// (`kubectl create configmap`, `kubectl auth can-i`, `kubectl create token`).
///
/// A line is `Type: field=type#number ...` with the types of the table of fields: `s` string, `i` integer, `b` boolean,
/// `q` quantity, `t` time, `x` integer or string, `y` bytes, `j` embedded JSON, `[T]` list, `{T}` map, or another line's
/// name. `?` marks fields that are kept when zero or empty: there zero differs from unset.
struct ProtobufTable: Sendable {
    indirect enum FieldType: Sendable {
        case string, integer, boolean, quantity, time, integerOrString, bytes, json
        case list(FieldType)
        case map(FieldType)
        case message(String)
    }

    struct Field: Sendable {
        let name: String
        let type: FieldType
        let isKeptEmpty: Bool
    }

    static let shared = ProtobufTable()
    let messages: [String: [Int: Field]]

    private init() {
        var messages: [String: [Int: Field]] = [:]
        for line in Self.lines.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let name = words.first?.dropLast() else { continue }
            var fields: [Int: Field] = [:]
            for word in words.dropFirst() {
                let sides = word.split(separator: "=", maxSplits: 1)
                guard sides.count == 2, let mark = sides[1].lastIndex(of: "#") else { continue }
                let isKeptEmpty = sides[1].hasSuffix("?")
                let digits = sides[1][sides[1].index(after: mark)...].filter(\.isNumber)
                guard let number = Int(digits) else { continue }
                fields[number] = Field(
                    name: String(sides[0]), type: Self.type(sides[1][..<mark]), isKeptEmpty: isKeptEmpty)
            }
            messages[String(name)] = fields
        }
        self.messages = messages
    }

    private static func type(_ text: Substring) -> FieldType {
        switch text {
        case "s": .string
        case "i": .integer
        case "b": .boolean
        case "q": .quantity
        case "t": .time
        case "x": .integerOrString
        case "y": .bytes
        case "j": .json
        default:
            switch text.first {
            case "[": .list(type(text.dropFirst().dropLast()))
            case "{": .map(type(text.dropFirst().dropLast()))
            default: .message(String(text))
            }
        }
    }

    private static let lines = """
        ObjectMeta: name=s#1 generateName=s#2 namespace=s#3 selfLink=s#4 uid=s#5 resourceVersion=s#6 generation=i#7 creationTimestamp=t#8 deletionTimestamp=t#9 deletionGracePeriodSeconds=i#10? labels={s}#11 annotations={s}#12 ownerReferences=[OwnerReference]#13 finalizers=[s]#14 managedFields=[ManagedFieldsEntry]#17
        OwnerReference: kind=s#1 name=s#3 uid=s#4 apiVersion=s#5 controller=b#6? blockOwnerDeletion=b#7?
        ManagedFieldsEntry: manager=s#1 operation=s#2 apiVersion=s#3 time=t#4 fieldsType=s#6 fieldsV1=j#7 subresource=s#8
        LabelSelector: matchLabels={s}#1 matchExpressions=[SelectorRequirement]#2
        SelectorRequirement: key=s#1 operator=s#2 values=[s]#3
        ObjectReference: kind=s#1 namespace=s#2 name=s#3 uid=s#4 apiVersion=s#5 resourceVersion=s#6 fieldPath=s#7
        LocalReference: name=s#1
        DeleteOptions: gracePeriodSeconds=i#1? preconditions=Preconditions#2 orphanDependents=b#3? propagationPolicy=s#4 dryRun=[s]#5
        Preconditions: uid=s#1 resourceVersion=s#2
        Eviction: metadata=ObjectMeta#1 deleteOptions=DeleteOptions#2
        Namespace: metadata=ObjectMeta#1 spec=NamespaceSpec#2 status=NamespaceStatus#3
        NamespaceSpec: finalizers=[s]#1
        NamespaceStatus: phase=s#1
        ConfigMap: metadata=ObjectMeta#1 data={s}#2 binaryData={y}#3 immutable=b#4?
        Secret: metadata=ObjectMeta#1 data={y}#2 type=s#3 stringData={s}#4 immutable=b#5?
        ServiceAccount: metadata=ObjectMeta#1 secrets=[ObjectReference]#2 imagePullSecrets=[LocalReference]#3 automountServiceAccountToken=b#4?
        Service: metadata=ObjectMeta#1 spec=ServiceSpec#2 status=ServiceStatus#3
        ServiceSpec: ports=[ServicePort]#1 selector={s}#2 clusterIP=s#3 type=s#4 externalIPs=[s]#5 sessionAffinity=s#7 loadBalancerIP=s#8 loadBalancerSourceRanges=[s]#9 externalName=s#10 externalTrafficPolicy=s#11 healthCheckNodePort=i#12 publishNotReadyAddresses=b#13 ipFamilyPolicy=s#17 clusterIPs=[s]#18 ipFamilies=[s]#19 allocateLoadBalancerNodePorts=b#20? loadBalancerClass=s#21 internalTrafficPolicy=s#22 trafficDistribution=s#23
        ServicePort: name=s#1 protocol=s#2 port=i#3 targetPort=x#4 nodePort=i#5 appProtocol=s#6
        ServiceStatus: loadBalancer=LoadBalancerStatus#1
        LoadBalancerStatus:
        Role: metadata=ObjectMeta#1 rules=[PolicyRule]#2
        ClusterRole: metadata=ObjectMeta#1 rules=[PolicyRule]#2 aggregationRule=AggregationRule#3
        AggregationRule: clusterRoleSelectors=[LabelSelector]#1
        PolicyRule: verbs=[s]#1 apiGroups=[s]#2 resources=[s]#3 resourceNames=[s]#4 nonResourceURLs=[s]#5
        RoleBinding: metadata=ObjectMeta#1 subjects=[Subject]#2 roleRef=RoleReference#3
        ClusterRoleBinding: metadata=ObjectMeta#1 subjects=[Subject]#2 roleRef=RoleReference#3
        Subject: kind=s#1 apiGroup=s#2 name=s#3 namespace=s#4
        RoleReference: apiGroup=s#1 kind=s#2 name=s#3
        SelfSubjectAccessReview: metadata=ObjectMeta#1 spec=SelfAccessSpec#2? status=AccessStatus#3
        SelfAccessSpec: resourceAttributes=ResourceAttributes#1? nonResourceAttributes=NonResourceAttributes#2?
        SubjectAccessReview: metadata=ObjectMeta#1 spec=AccessSpec#2? status=AccessStatus#3
        LocalSubjectAccessReview: metadata=ObjectMeta#1 spec=AccessSpec#2? status=AccessStatus#3
        AccessSpec: resourceAttributes=ResourceAttributes#1? nonResourceAttributes=NonResourceAttributes#2? user=s#3 groups=[s]#4 extra={Texts}#5 uid=s#6
        Texts: items=[s]#1
        ResourceAttributes: namespace=s#1 verb=s#2 group=s#3 version=s#4 resource=s#5 subresource=s#6 name=s#7
        NonResourceAttributes: path=s#1 verb=s#2
        AccessStatus: allowed=b#1 reason=s#2 evaluationError=s#3 denied=b#4
        SelfSubjectRulesReview: metadata=ObjectMeta#1 spec=RulesSpec#2 status=RulesStatus#3
        RulesSpec: namespace=s#1
        RulesStatus: incomplete=b#3 evaluationError=s#4
        SelfSubjectReview: metadata=ObjectMeta#1 status=SelfStatus#2
        SelfStatus: userInfo=UserInfo#1
        UserInfo: username=s#1 uid=s#2 groups=[s]#3 extra={Texts}#4
        TokenRequest: metadata=ObjectMeta#1 spec=TokenRequestSpec#2 status=TokenRequestStatus#3
        TokenRequestSpec: audiences=[s]#1 boundObjectRef=BoundReference#3 expirationSeconds=i#4?
        BoundReference: kind=s#1 apiVersion=s#2 name=s#3 uid=s#4
        TokenRequestStatus: token=s#1 expirationTimestamp=t#2
        TokenReview: metadata=ObjectMeta#1 spec=TokenReviewSpec#2 status=TokenReviewStatus#3
        TokenReviewSpec: token=s#1 audiences=[s]#2
        TokenReviewStatus: authenticated=b#1 user=UserInfo#2 error=s#3 audiences=[s]#4
        PriorityClass: metadata=ObjectMeta#1 value=i#2 globalDefault=b#3 description=s#4 preemptionPolicy=s#5
        ResourceQuota: metadata=ObjectMeta#1 spec=QuotaSpec#2 status=QuotaStatus#3
        QuotaSpec: hard={q}#1 scopes=[s]#2
        QuotaStatus: hard={q}#1 used={q}#2
        PodDisruptionBudget: metadata=ObjectMeta#1 spec=BudgetSpec#2 status=BudgetStatus#3
        BudgetSpec: minAvailable=x#1 selector=LabelSelector#2? maxUnavailable=x#3 unhealthyPodEvictionPolicy=s#4
        BudgetStatus: observedGeneration=i#1 disruptionsAllowed=i#3 currentHealthy=i#4 desiredHealthy=i#5 expectedPods=i#6
        Deployment: metadata=ObjectMeta#1 spec=DeploymentSpec#2 status=DeploymentStatus#3
        DeploymentSpec: replicas=i#1? selector=LabelSelector#2? template=PodTemplateSpec#3 strategy=Strategy#4 minReadySeconds=i#5 revisionHistoryLimit=i#6? paused=b#7 progressDeadlineSeconds=i#9?
        Strategy: type=s#1 rollingUpdate=Rolling#2?
        Rolling: maxUnavailable=x#1 maxSurge=x#2
        DeploymentStatus: observedGeneration=i#1 replicas=i#2 updatedReplicas=i#3 availableReplicas=i#4 unavailableReplicas=i#5 readyReplicas=i#7 collisionCount=i#8
        Job: metadata=ObjectMeta#1 spec=JobSpec#2 status=JobStatus#3
        JobSpec: parallelism=i#1? completions=i#2? activeDeadlineSeconds=i#3? selector=LabelSelector#4? manualSelector=b#5? template=PodTemplateSpec#6 backoffLimit=i#7? ttlSecondsAfterFinished=i#8? completionMode=s#9 suspend=b#10?
        JobStatus: startTime=t#2 completionTime=t#3 active=i#4 succeeded=i#5 failed=i#6 completedIndexes=s#7 ready=i#9? terminating=i#10? failedIndexes=s#11
        Ingress: metadata=ObjectMeta#1 spec=IngressSpec#2 status=IngressStatus#3
        IngressSpec: defaultBackend=IngressBackend#1 tls=[IngressTLS]#2 rules=[IngressRule]#3 ingressClassName=s#4?
        IngressTLS: hosts=[s]#1 secretName=s#2
        IngressRule: host=s#1 ingressRuleValue=IngressRuleValue#2
        IngressRuleValue: http=IngressHTTP#1
        IngressHTTP: paths=[IngressPath]#1
        IngressPath: path=s#1 backend=IngressBackend#2 pathType=s#3?
        IngressBackend: resource=TypedReference#3 service=IngressService#4
        IngressService: name=s#1 port=IngressPort#2
        IngressPort: name=s#1 number=i#2
        IngressStatus: loadBalancer=IngressLoadBalancer#1
        IngressLoadBalancer: ingress=[IngressAddress]#1
        IngressAddress: ip=s#1 hostname=s#2
        TypedReference: apiGroup=s#1? kind=s#2 name=s#3
        autoscaling/v1/HorizontalPodAutoscaler: metadata=ObjectMeta#1 spec=AutoscalerV1Spec#2 status=AutoscalerV1Status#3
        HorizontalPodAutoscaler: metadata=ObjectMeta#1 spec=AutoscalerSpec#2 status=AutoscalerStatus#3
        AutoscalerSpec: scaleTargetRef=AutoscalerTarget#1 minReplicas=i#2? maxReplicas=i#3 metrics=[MetricSpec]#4
        MetricSpec: type=s#1 resource=ResourceMetric#4 containerResource=ContainerMetric#7
        ResourceMetric: name=s#1 target=MetricTarget#2
        ContainerMetric: name=s#1 target=MetricTarget#2 container=s#3
        MetricTarget: type=s#1 value=q#2 averageValue=q#3 averageUtilization=i#4?
        AutoscalerStatus: observedGeneration=i#1? lastScaleTime=t#2 currentReplicas=i#3 desiredReplicas=i#4
        AutoscalerV1Spec: scaleTargetRef=AutoscalerTarget#1 minReplicas=i#2? maxReplicas=i#3 targetCPUUtilizationPercentage=i#4?
        AutoscalerTarget: kind=s#1 name=s#2 apiVersion=s#3
        AutoscalerV1Status: observedGeneration=i#1? lastScaleTime=t#2 currentReplicas=i#3 desiredReplicas=i#4 currentCPUUtilizationPercentage=i#5?
        CronJob: metadata=ObjectMeta#1 spec=CronJobSpec#2 status=CronJobStatus#3
        CronJobSpec: schedule=s#1 startingDeadlineSeconds=i#2? concurrencyPolicy=s#3 suspend=b#4? jobTemplate=JobTemplate#5 successfulJobsHistoryLimit=i#6? failedJobsHistoryLimit=i#7? timeZone=s#8
        JobTemplate: metadata=ObjectMeta#1 spec=JobSpec#2
        CronJobStatus: active=[ObjectReference]#1 lastScheduleTime=t#4 lastSuccessfulTime=t#5
        PodTemplateSpec: metadata=ObjectMeta#1 spec=PodSpec#2
        Pod: metadata=ObjectMeta#1 spec=PodSpec#2 status=PodStatus#3
        PodStatus: phase=s#1
        PodSpec: volumes=[Volume]#1 containers=[Container]#2 restartPolicy=s#3 terminationGracePeriodSeconds=i#4? activeDeadlineSeconds=i#5? dnsPolicy=s#6 nodeSelector={s}#7 serviceAccountName=s#8 serviceAccount=s#9 nodeName=s#10 hostNetwork=b#11 hostPID=b#12 hostIPC=b#13 securityContext=PodSecurity#14? imagePullSecrets=[LocalReference]#15 hostname=s#16 subdomain=s#17 schedulerName=s#19 initContainers=[Container]#20 automountServiceAccountToken=b#21? tolerations=[Toleration]#22 priorityClassName=s#24 priority=i#25? shareProcessNamespace=b#27? runtimeClassName=s#29 enableServiceLinks=b#30? preemptionPolicy=s#31
        PodSecurity: runAsUser=i#2? runAsNonRoot=b#3? supplementalGroups=[i]#4 fsGroup=i#5? runAsGroup=i#6? fsGroupChangePolicy=s#8
        Toleration: key=s#1 operator=s#2 value=s#3 effect=s#4 tolerationSeconds=i#5?
        Container: name=s#1 image=s#2 command=[s]#3 args=[s]#4 workingDir=s#5 ports=[ContainerPort]#6 env=[EnvVar]#7 resources=Resources#8 volumeMounts=[VolumeMount]#9 terminationMessagePath=s#13 imagePullPolicy=s#14 stdin=b#16 stdinOnce=b#17 tty=b#18 envFrom=[EnvFrom]#19 terminationMessagePolicy=s#20 restartPolicy=s#24
        ContainerPort: name=s#1 hostPort=i#2 containerPort=i#3 protocol=s#4 hostIP=s#5
        EnvVar: name=s#1 value=s#2 valueFrom=EnvSource#3
        EnvSource: fieldRef=FieldReference#1 configMapKeyRef=KeyReference#3 secretKeyRef=KeyReference#4
        FieldReference: apiVersion=s#1 fieldPath=s#2
        KeyReference: localObjectReference=LocalReference#1 key=s#2 optional=b#3?
        EnvFrom: prefix=s#1 configMapRef=OptionalReference#2 secretRef=OptionalReference#3
        OptionalReference: localObjectReference=LocalReference#1 optional=b#2?
        Resources: limits={q}#1 requests={q}#2
        VolumeMount: name=s#1 readOnly=b#2 mountPath=s#3 subPath=s#4 mountPropagation=s#5 subPathExpr=s#6
        Volume: name=s#1 volumeSource=VolumeSource#2
        VolumeSource: hostPath=HostPath#1 emptyDir=EmptyDir#2? secret=SecretSource#6 persistentVolumeClaim=ClaimSource#10 configMap=ConfigMapSource#19
        HostPath: path=s#1 type=s#2
        EmptyDir: medium=s#1 sizeLimit=q#2
        SecretSource: secretName=s#1 items=[KeyToPath]#2 defaultMode=i#3? optional=b#4?
        ConfigMapSource: localObjectReference=LocalReference#1 items=[KeyToPath]#2 defaultMode=i#3? optional=b#4?
        KeyToPath: key=s#1 path=s#2 mode=i#3?
        ClaimSource: claimName=s#1 readOnly=b#2
        """
}
