extension TypeTable {
    /// The kinds of the groups `apps`, `batch`, `autoscaling` and `policy`.
    static let workloads = """
        StatefulSet: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=StatefulSetSpec~ status=StatefulSetStatus~
        StatefulSetUpdateStrategy: type=s- rollingUpdate=RollingUpdateStatefulSetStrategy
        RollingUpdateStatefulSetStrategy: partition=i maxUnavailable=x
        StatefulSetPersistentVolumeClaimRetentionPolicy: whenDeleted=s- whenScaled=s-
        StatefulSetOrdinals: start=i~
        StatefulSetSpec: replicas=i selector=LabelSelector template=PodTemplateSpec~ volumeClaimTemplates=[PersistentVolumeClaim] serviceName=s~ podManagementPolicy=s- updateStrategy=StatefulSetUpdateStrategy~ revisionHistoryLimit=i minReadySeconds=i- persistentVolumeClaimRetentionPolicy=StatefulSetPersistentVolumeClaimRetentionPolicy ordinals=StatefulSetOrdinals
        StatefulSetStatus: observedGeneration=l- replicas=i~ readyReplicas=i- currentReplicas=i- updatedReplicas=i- currentRevision=s- updateRevision=s- collisionCount=i conditions=[StatefulSetCondition]@type availableReplicas=i~
        StatefulSetCondition: type=s~ status=s~ lastTransitionTime=t~ reason=s- message=s-
        Deployment: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=DeploymentSpec~ status=DeploymentStatus~
        DeploymentSpec: replicas=i selector=LabelSelector template=PodTemplateSpec~ strategy=DeploymentStrategy~! minReadySeconds=i- revisionHistoryLimit=i paused=b- progressDeadlineSeconds=i
        DeploymentStrategy: type=s- rollingUpdate=RollingUpdateDeployment
        RollingUpdateDeployment: maxUnavailable=x maxSurge=x
        DeploymentStatus: observedGeneration=l- replicas=i- updatedReplicas=i- readyReplicas=i- availableReplicas=i- unavailableReplicas=i- terminatingReplicas=i conditions=[DeploymentCondition]@type collisionCount=i
        DeploymentCondition: type=s~ status=s~ lastUpdateTime=t~ lastTransitionTime=t~ reason=s- message=s-
        DaemonSetUpdateStrategy: type=s- rollingUpdate=RollingUpdateDaemonSet
        RollingUpdateDaemonSet: maxUnavailable=x maxSurge=x
        DaemonSetSpec: selector=LabelSelector template=PodTemplateSpec~ updateStrategy=DaemonSetUpdateStrategy~ minReadySeconds=i- revisionHistoryLimit=i
        DaemonSetStatus: currentNumberScheduled=i~ numberMisscheduled=i~ desiredNumberScheduled=i~ numberReady=i~ observedGeneration=l- updatedNumberScheduled=i- numberAvailable=i- numberUnavailable=i- collisionCount=i conditions=[DaemonSetCondition]@type
        DaemonSetCondition: type=s~ status=s~ lastTransitionTime=t~ reason=s- message=s-
        DaemonSet: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=DaemonSetSpec~ status=DaemonSetStatus~
        ReplicaSet: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=ReplicaSetSpec~ status=ReplicaSetStatus~
        ReplicaSetSpec: replicas=i minReadySeconds=i- selector=LabelSelector template=PodTemplateSpec~
        ReplicaSetStatus: replicas=i~ fullyLabeledReplicas=i- readyReplicas=i- availableReplicas=i- terminatingReplicas=i observedGeneration=l- conditions=[ReplicaSetCondition]@type
        ReplicaSetCondition: type=s~ status=s~ lastTransitionTime=t~ reason=s- message=s-
        ControllerRevision: apiVersion=s- kind=s- metadata=ObjectMeta~ data=* revision=l~
        Job: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=JobSpec~ status=JobStatus~
        PodFailurePolicyOnExitCodesRequirement: containerName=s operator=s~ values=[i]~
        PodFailurePolicyOnPodConditionsPattern: type=s~ status=s~
        PodFailurePolicyRule: action=s~ onExitCodes=PodFailurePolicyOnExitCodesRequirement onPodConditions=[PodFailurePolicyOnPodConditionsPattern]
        PodFailurePolicy: rules=[PodFailurePolicyRule]~
        SuccessPolicy: rules=[SuccessPolicyRule]~
        SuccessPolicyRule: succeededIndexes=s succeededCount=i
        JobSpec: parallelism=i completions=i activeDeadlineSeconds=l podFailurePolicy=PodFailurePolicy successPolicy=SuccessPolicy backoffLimit=i backoffLimitPerIndex=i maxFailedIndexes=i selector=LabelSelector manualSelector=b template=PodTemplateSpec~ ttlSecondsAfterFinished=i completionMode=s suspend=b podReplacementPolicy=s managedBy=s
        JobStatus: conditions=[JobCondition]@type startTime=t completionTime=t active=i- succeeded=i- failed=i- terminating=i completedIndexes=s- failedIndexes=s uncountedTerminatedPods=UncountedTerminatedPods ready=i
        UncountedTerminatedPods: succeeded=[s] failed=[s]
        JobCondition: type=s~ status=s~ lastProbeTime=t~ lastTransitionTime=t~ reason=s- message=s-
        JobTemplateSpec: metadata=ObjectMeta~ spec=JobSpec~
        CronJob: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=CronJobSpec~ status=CronJobStatus~
        CronJobSpec: schedule=s~ timeZone=s startingDeadlineSeconds=l concurrencyPolicy=s- suspend=b jobTemplate=JobTemplateSpec~ successfulJobsHistoryLimit=i failedJobsHistoryLimit=i
        CronJobStatus: active=[ObjectReference] lastScheduleTime=t lastSuccessfulTime=t
        PodDisruptionBudgetSpec: minAvailable=x selector=LabelSelector maxUnavailable=x unhealthyPodEvictionPolicy=s
        PodDisruptionBudgetStatus: observedGeneration=l- disruptedPods={t} disruptionsAllowed=i~ currentHealthy=i~ desiredHealthy=i~ expectedPods=i~ conditions=[Condition]@type
        PodDisruptionBudget: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=PodDisruptionBudgetSpec~ status=PodDisruptionBudgetStatus~
        Eviction: apiVersion=s- kind=s- metadata=ObjectMeta~ deleteOptions=DeleteOptions
        HorizontalPodAutoscaler: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=HorizontalPodAutoscalerSpec~ status=HorizontalPodAutoscalerStatus~
        HorizontalPodAutoscalerSpec: scaleTargetRef=CrossVersionObjectReference~ minReplicas=i maxReplicas=i~ metrics=[MetricSpec] behavior=HorizontalPodAutoscalerBehavior
        CrossVersionObjectReference: kind=s~ name=s~ apiVersion=s-
        MetricSpec: type=s~ object=ObjectMetricSource pods=PodsMetricSource resource=ResourceMetricSource containerResource=ContainerResourceMetricSource external=ExternalMetricSource
        HorizontalPodAutoscalerBehavior: scaleUp=HPAScalingRules scaleDown=HPAScalingRules
        HPAScalingRules: stabilizationWindowSeconds=i selectPolicy=s policies=[HPAScalingPolicy]+ tolerance=q
        HPAScalingPolicy: type=s~ value=i~ periodSeconds=i~
        ObjectMetricSource: describedObject=CrossVersionObjectReference~ target=MetricTarget~ metric=MetricIdentifier~
        PodsMetricSource: metric=MetricIdentifier~ target=MetricTarget~
        ResourceMetricSource: name=s~ target=MetricTarget~
        ContainerResourceMetricSource: name=s~ target=MetricTarget~ container=s~
        ExternalMetricSource: metric=MetricIdentifier~ target=MetricTarget~
        MetricIdentifier: name=s~ selector=LabelSelector
        MetricTarget: type=s~ value=q averageValue=q averageUtilization=i
        HorizontalPodAutoscalerStatus: observedGeneration=l lastScaleTime=t currentReplicas=i- desiredReplicas=i~ currentMetrics=[MetricStatus]~ conditions=[HorizontalPodAutoscalerCondition]@type
        HorizontalPodAutoscalerCondition: type=s~ status=s~ lastTransitionTime=t~ reason=s- message=s-
        MetricStatus: type=s~ object=ObjectMetricStatus pods=PodsMetricStatus resource=ResourceMetricStatus containerResource=ContainerResourceMetricStatus external=ExternalMetricStatus
        ObjectMetricStatus: metric=MetricIdentifier~ current=MetricValueStatus~ describedObject=CrossVersionObjectReference~
        PodsMetricStatus: metric=MetricIdentifier~ current=MetricValueStatus~
        ResourceMetricStatus: name=s~ current=MetricValueStatus~
        ContainerResourceMetricStatus: name=s~ current=MetricValueStatus~ container=s~
        ExternalMetricStatus: metric=MetricIdentifier~ current=MetricValueStatus~
        MetricValueStatus: value=q averageValue=q averageUtilization=i
        AutoscalerV1Spec: scaleTargetRef=CrossVersionObjectReference~ minReplicas=i maxReplicas=i~ targetCPUUtilizationPercentage=i
        AutoscalerV1Status: observedGeneration=l lastScaleTime=t currentReplicas=i~ desiredReplicas=i~ currentCPUUtilizationPercentage=i
        AutoscalerV1: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=AutoscalerV1Spec~ status=AutoscalerV1Status~
        Scale: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=ScaleSpec~ status=ScaleStatus~
        ScaleSpec: replicas=i-
        ScaleStatus: replicas=i~ selector=s-

        """
}
