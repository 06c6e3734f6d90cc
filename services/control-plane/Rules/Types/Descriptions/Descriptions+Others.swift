extension Descriptions {
    /// Access, network, storage and what else there is.
    static let otherTexts = """
        rbac/v1.Role What may be done in a namespace.
        rbac/v1.Role.rules What is allowed.
        rbac/v1.ClusterRole What may be done in the cluster, or in any namespace where it is bound.
        rbac/v1.ClusterRole.rules What is allowed.
        rbac/v1.ClusterRole.aggregationRule Roles whose rules are joined to make this one's.
        rbac/v1.RoleBinding Gives a role to users, groups and service accounts in a namespace.
        rbac/v1.RoleBinding.subjects Who gets the role.
        rbac/v1.RoleBinding.roleRef The role; it cannot be changed.
        rbac/v1.ClusterRoleBinding Gives a ClusterRole to users, groups and service accounts everywhere.
        rbac/v1.ClusterRoleBinding.subjects Who gets the role.
        rbac/v1.ClusterRoleBinding.roleRef The role; it cannot be changed.
        rbac/v1.PolicyRule Verbs that are allowed on resources or paths.
        rbac/v1.PolicyRule.verbs get, list, watch, create, update, patch, delete and others; * for all.
        rbac/v1.PolicyRule.apiGroups Groups of the resources, "" for the core one; * for all.
        rbac/v1.PolicyRule.resources Resources by their plural; * for all.
        rbac/v1.PolicyRule.resourceNames Names to which the rule is limited.
        networking/v1.Ingress Leads requests from outside to Services, by host and path.
        networking/v1.IngressSpec.rules Which host and path leads where.
        networking/v1.IngressSpec.tls Certificates for hosts.
        networking/v1.IngressSpec.ingressClassName The controller that serves it.
        networking/v1.IngressClass A controller that serves Ingresses.
        networking/v1.NetworkPolicy Which connections Pods may take and make.
        networking/v1.NetworkPolicySpec.ingress Connections that are allowed to the Pods.
        networking/v1.NetworkPolicySpec.egress Connections that are allowed from the Pods.
        networking/v1.NetworkPolicySpec.policyTypes Ingress, Egress or both.
        networking/v1.ServiceCIDR Addresses that Services get.
        networking/v1.IPAddress An address and what has it.
        discovery/v1.EndpointSlice Some of the addresses behind a Service.
        storage/v1.StorageClass A way to get volumes.
        storage/v1.StorageClass.provisioner Who provides the volumes.
        storage/v1.StorageClass.reclaimPolicy What happens to a volume after its claim is gone.
        storage/v1.StorageClass.volumeBindingMode When a volume is chosen: at once, or for the first Pod.
        storage/v1.VolumeAttachment A volume on its way to or from a node.
        storage/v1.CSIDriver A driver of storage, and what it can do.
        storage/v1.CSINode The drivers of storage on a node.
        storage/v1.CSIStorageCapacity How much storage there is in a part of the cluster.
        storage/v1.VolumeAttributesClass Properties that a driver can change on a volume.
        coordination/v1.Lease Says who holds something, and until when.
        coordination/v1.LeaseSpec.holderIdentity Who holds it.
        coordination/v1.LeaseSpec.leaseDurationSeconds Seconds after the last renewal when others may take it.
        coordination/v1.LeaseSpec.renewTime When the holder last said so.
        events/v1.Event Something that happened to an object.
        scheduling/v1.PriorityClass How important Pods are.
        scheduling/v1.PriorityClass.value The larger, the more important.
        scheduling/v1.PriorityClass.globalDefault True for Pods that name no class.
        node/v1.RuntimeClass A way to run containers on nodes.
        resource/v1.ResourceClaim Devices that a Pod wants or has.
        resource/v1.ResourceClaimTemplate What claims of Pods are made from.
        resource/v1.DeviceClass A kind of devices.
        resource/v1.ResourceSlice Devices that a driver offers.
        certificates/v1.CertificateSigningRequest Asks a signer for a certificate.
        authentication/v1.TokenRequest Asks for a token of a service account.
        authentication/v1.TokenReview Asks whose token it is.
        authentication/v1.SelfSubjectReview Asks who one is.
        authorization/v1.SubjectAccessReview Asks whether somebody may do something.
        authorization/v1.SelfSubjectAccessReview Asks whether one may do something oneself.
        authorization/v1.LocalSubjectAccessReview Asks whether somebody may do something in a namespace.
        authorization/v1.SelfSubjectRulesReview Asks what one may do in a namespace.
        admissionregistration/v1.MutatingWebhookConfiguration Services that may change objects before they are stored.
        admissionregistration/v1.ValidatingWebhookConfiguration Services that may refuse objects before they are stored.
        admissionregistration/v1.ValidatingAdmissionPolicy Rules by which objects are refused.
        admissionregistration/v1.ValidatingAdmissionPolicyBinding Where a ValidatingAdmissionPolicy holds.
        admissionregistration/v1.MutatingAdmissionPolicy Rules by which objects are changed before they are stored.
        admissionregistration/v1.MutatingAdmissionPolicyBinding Where a MutatingAdmissionPolicy holds.
        apiextensions/v1.CustomResourceDefinition A kind that is not built in.
        apiextensions/v1.CustomResourceDefinitionSpec.group Its API group.
        apiextensions/v1.CustomResourceDefinitionSpec.names What it is called.
        apiextensions/v1.CustomResourceDefinitionSpec.scope Namespaced or Cluster.
        apiextensions/v1.CustomResourceDefinitionSpec.versions Its versions with their schemas.
        apiregistration/v1.APIService A version of an API group, and who serves it.
        metrics/v1beta1.PodMetrics What the containers of a Pod use.
        metrics/v1beta1.NodeMetrics What a node uses.

        """
}
