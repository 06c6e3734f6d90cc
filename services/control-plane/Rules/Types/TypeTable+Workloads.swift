extension TypeTable {
    /// The kinds of the groups `apps`, `batch`, `autoscaling` and `policy`.
    static let workloads = """
        ReplicaStatus: replicas=i fullyLabeledReplicas=i readyReplicas=i availableReplicas=i terminatingReplicas=i observedGeneration=i conditions=[Condition]@type
        Deployment: apiVersion=s kind=s metadata=ObjectMeta spec=DeploymentSpec status=DeploymentStatus
        DeploymentSpec: replicas=i selector=LabelSelector template=PodTemplateSpec strategy=DeploymentStrategy! minReadySeconds=i revisionHistoryLimit=i paused=b progressDeadlineSeconds=i
        DeploymentStrategy: type=s rollingUpdate=RollingUpdate
        RollingUpdate: maxUnavailable=x maxSurge=x partition=i
        DeploymentStatus: observedGeneration=i replicas=i updatedReplicas=i readyReplicas=i availableReplicas=i unavailableReplicas=i terminatingReplicas=i conditions=[Condition]@type collisionCount=i
        ReplicaSet: apiVersion=s kind=s metadata=ObjectMeta spec=ReplicaSetSpec status=ReplicaStatus
        ReplicaSetSpec: replicas=i minReadySeconds=i selector=LabelSelector template=PodTemplateSpec
        StatefulSet: apiVersion=s kind=s metadata=ObjectMeta spec=StatefulSetSpec status=StatefulSetStatus
        StatefulSetSpec: replicas=i selector=LabelSelector template=PodTemplateSpec volumeClaimTemplates=[PersistentVolumeClaim] serviceName=s podManagementPolicy=s updateStrategy=DeploymentStrategy revisionHistoryLimit=i minReadySeconds=i persistentVolumeClaimRetentionPolicy=ClaimRetentionPolicy ordinals=Ordinals
        ClaimRetentionPolicy: whenDeleted=s whenScaled=s
        Ordinals: start=i
        StatefulSetStatus: observedGeneration=i replicas=i readyReplicas=i currentReplicas=i updatedReplicas=i currentRevision=s updateRevision=s collisionCount=i conditions=[Condition]@type availableReplicas=i
        DaemonSet: apiVersion=s kind=s metadata=ObjectMeta spec=DaemonSetSpec status=DaemonSetStatus
        DaemonSetSpec: selector=LabelSelector template=PodTemplateSpec updateStrategy=DeploymentStrategy minReadySeconds=i revisionHistoryLimit=i
        DaemonSetStatus: currentNumberScheduled=i numberMisscheduled=i desiredNumberScheduled=i numberReady=i observedGeneration=i updatedNumberScheduled=i numberAvailable=i numberUnavailable=i collisionCount=i conditions=[Condition]@type
        ControllerRevision: apiVersion=s kind=s metadata=ObjectMeta data=* revision=i
        Job: apiVersion=s kind=s metadata=ObjectMeta spec=JobSpec status=JobStatus
        JobSpec: parallelism=i completions=i activeDeadlineSeconds=i podFailurePolicy=PodFailurePolicy successPolicy=SuccessPolicy backoffLimit=i backoffLimitPerIndex=i maxFailedIndexes=i selector=LabelSelector manualSelector=b template=PodTemplateSpec ttlSecondsAfterFinished=i completionMode=s suspend=b podReplacementPolicy=s managedBy=s
        PodFailurePolicy: rules=[PodFailureRule]
        PodFailureRule: action=s onExitCodes=OnExitCodes onPodConditions=[OnPodCondition]
        OnExitCodes: containerName=s operator=s values=[i]
        OnPodCondition: type=s status=s
        SuccessPolicy: rules=[SuccessRule]
        SuccessRule: succeededIndexes=s succeededCount=i
        JobStatus: conditions=[Condition]@type startTime=t completionTime=t active=i succeeded=i failed=i terminating=i completedIndexes=s failedIndexes=s uncountedTerminatedPods=UncountedPods ready=i
        UncountedPods: succeeded=[s] failed=[s]
        CronJob: apiVersion=s kind=s metadata=ObjectMeta spec=CronJobSpec status=CronJobStatus
        CronJobSpec: schedule=s timeZone=s startingDeadlineSeconds=i concurrencyPolicy=s suspend=b jobTemplate=JobTemplate successfulJobsHistoryLimit=i failedJobsHistoryLimit=i
        JobTemplate: metadata=ObjectMeta spec=JobSpec
        CronJobStatus: active=[ObjectReference] lastScheduleTime=t lastSuccessfulTime=t
        HorizontalPodAutoscaler: apiVersion=s kind=s metadata=ObjectMeta spec=AutoscalerSpec status=AutoscalerStatus
        AutoscalerSpec: scaleTargetRef=ObjectReference minReplicas=i maxReplicas=i metrics=[MetricSpec] behavior=AutoscalerBehavior
        AutoscalerV1: apiVersion=s kind=s metadata=ObjectMeta spec=AutoscalerV1Spec status=AutoscalerV1Status
        AutoscalerV1Spec: scaleTargetRef=ObjectReference minReplicas=i maxReplicas=i targetCPUUtilizationPercentage=i
        AutoscalerV1Status: observedGeneration=i lastScaleTime=t currentReplicas=i desiredReplicas=i currentCPUUtilizationPercentage=i
        AutoscalerBehavior: scaleUp=ScalingRules scaleDown=ScalingRules
        ScalingRules: stabilizationWindowSeconds=i selectPolicy=s policies=[ScalingPolicy] tolerance=q
        ScalingPolicy: type=s value=i periodSeconds=i
        MetricSpec: type=s object=* pods=* resource=ResourceMetric containerResource=ResourceMetric external=*
        ResourceMetric: name=s container=s target=MetricTarget
        MetricTarget: type=s value=q averageValue=q averageUtilization=i
        AutoscalerStatus: observedGeneration=i lastScaleTime=t currentReplicas=i desiredReplicas=i currentMetrics=[*] conditions=[Condition]@type
        Scale: apiVersion=s kind=s metadata=ObjectMeta spec=ScaleSpec status=ScaleStatus
        ScaleSpec: replicas=i
        ScaleStatus: replicas=i selector=s
        PodDisruptionBudget: apiVersion=s kind=s metadata=ObjectMeta spec=DisruptionBudgetSpec status=DisruptionBudgetStatus
        DisruptionBudgetSpec: minAvailable=x selector=LabelSelector maxUnavailable=x unhealthyPodEvictionPolicy=s
        DisruptionBudgetStatus: observedGeneration=i disruptedPods={t} disruptionsAllowed=i currentHealthy=i desiredHealthy=i expectedPods=i conditions=[Condition]@type
        Eviction: apiVersion=s kind=s metadata=ObjectMeta deleteOptions=*

        """
}
