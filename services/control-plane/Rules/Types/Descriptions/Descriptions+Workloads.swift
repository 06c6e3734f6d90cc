extension Descriptions {
    /// Kinds of `apps`, `batch`, `autoscaling` and `policy`.
    static let workloadTexts = """
        apps/v1.Deployment Keeps a number of equal Pods running and replaces them step by step when their template changes.
        apps/v1.DeploymentSpec.strategy How old Pods are replaced by new ones.
        apps/v1.DeploymentSpec.paused True when changes of the template are not acted on.
        apps/v1.DeploymentSpec.progressDeadlineSeconds Seconds without progress after which it counts as stuck.
        apps/v1.DeploymentStrategy.type RollingUpdate or Recreate.
        apps/v1.RollingUpdateDeployment.maxSurge Pods above the wanted number while they are replaced, as number or part.
        apps/v1.RollingUpdateDeployment.maxUnavailable Pods below the wanted number meanwhile, as number or part.
        apps/v1.ReplicaSet Keeps a number of equal Pods running; made by Deployments.
        apps/v1.StatefulSet Pods with lasting names and storage of their own, started and replaced in order.
        apps/v1.StatefulSetSpec.serviceName The Service that gives the Pods their names.
        apps/v1.StatefulSetSpec.volumeClaimTemplates Claims that every Pod gets.
        apps/v1.StatefulSetSpec.podManagementPolicy OrderedReady, or Parallel for all at once.
        apps/v1.StatefulSetSpec.updateStrategy How Pods are replaced when the template changes.
        apps/v1.StatefulSetSpec.persistentVolumeClaimRetentionPolicy What becomes of claims when Pods go.
        apps/v1.StatefulSetSpec.ordinals With which number the names begin.
        apps/v1.DaemonSet Runs one Pod on every node that fits.
        apps/v1.DaemonSetSpec.updateStrategy How Pods are replaced when the template changes.
        apps/v1.ControllerRevision A state of a DaemonSet or StatefulSet to go back to.
        batch/v1.Job Runs Pods until enough of them have succeeded.
        batch/v1.JobSpec.completions How many Pods have to succeed.
        batch/v1.JobSpec.parallelism How many Pods run at once.
        batch/v1.JobSpec.completionMode Indexed gives every Pod a number of its own.
        batch/v1.JobSpec.backoffLimit Failures after which the Job has failed.
        batch/v1.JobSpec.activeDeadlineSeconds Seconds after which the Job has failed, however far it is.
        batch/v1.JobSpec.ttlSecondsAfterFinished Seconds after its end when the Job is deleted.
        batch/v1.JobSpec.suspend True when no Pods are to run for now.
        batch/v1.JobSpec.podFailurePolicy What failures of which kind mean.
        batch/v1.JobSpec.successPolicy When the Job has succeeded before all Pods have.
        batch/v1.CronJob Makes a Job again and again, on a schedule.
        batch/v1.CronJobSpec.schedule Minute, hour, day, month and weekday, as cron has them.
        batch/v1.CronJobSpec.timeZone The time zone of the schedule.
        batch/v1.CronJobSpec.concurrencyPolicy What happens when a Job still runs: Allow, Forbid or Replace.
        batch/v1.CronJobSpec.suspend True when no Jobs are made for now.
        batch/v1.CronJobSpec.jobTemplate What the Jobs are made from.
        batch/v1.CronJobSpec.startingDeadlineSeconds Seconds by which a Job may start too late.
        autoscaling/v2.HorizontalPodAutoscaler Changes the number of replicas by what their Pods use.
        autoscaling/v2.HorizontalPodAutoscalerSpec.scaleTargetRef What is scaled.
        autoscaling/v2.HorizontalPodAutoscalerSpec.minReplicas The fewest replicas.
        autoscaling/v2.HorizontalPodAutoscalerSpec.maxReplicas The most replicas.
        autoscaling/v2.HorizontalPodAutoscalerSpec.metrics What is measured, and what it should be.
        autoscaling/v2.HorizontalPodAutoscalerSpec.behavior How fast it grows and shrinks.
        autoscaling/v1.HorizontalPodAutoscaler Changes the number of replicas by the processor time of their Pods.
        autoscaling/v1.Scale How many replicas an object has and is to have.
        policy/v1.PodDisruptionBudget How many Pods of a kind have to stay when others are evicted.
        policy/v1.PodDisruptionBudgetSpec.minAvailable Pods that have to stay, as number or part.
        policy/v1.PodDisruptionBudgetSpec.maxUnavailable Pods that may be missing, as number or part.
        policy/v1.Eviction Asks for a Pod to go, if its budgets allow it.

        """
}
