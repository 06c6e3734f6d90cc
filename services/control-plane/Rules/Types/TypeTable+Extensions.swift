extension TypeTable {
    /// Reviews, certificates, admission webhooks, custom resource definitions and API services.
    static let extensions = """
        TokenReview: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=TokenReviewSpec~ status=TokenReviewStatus~
        TokenReviewSpec: token=s- audiences=[s]
        TokenReviewStatus: authenticated=b- user=UserInfo~ audiences=[s] error=s-
        UserInfo: username=s- uid=s- groups=[s] extra={[s]}
        SelfSubjectReview: apiVersion=s- kind=s- metadata=ObjectMeta~ status=SelfSubjectReviewStatus~
        SelfSubjectReviewStatus: userInfo=UserInfo~
        SubjectAccessReview: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=SubjectAccessReviewSpec~ status=SubjectAccessReviewStatus~
        SelfSubjectAccessReview: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=SelfSubjectAccessReviewSpec~ status=SubjectAccessReviewStatus~
        LocalSubjectAccessReview: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=SubjectAccessReviewSpec~ status=SubjectAccessReviewStatus~
        ResourceAttributes: namespace=s- verb=s- group=s- version=s- resource=s- subresource=s- name=s- fieldSelector=FieldSelectorAttributes labelSelector=LabelSelectorAttributes
        LabelSelectorAttributes: rawSelector=s- requirements=[LabelSelectorRequirement]
        FieldSelectorAttributes: rawSelector=s- requirements=[FieldSelectorRequirement]
        NonResourceAttributes: path=s- verb=s-
        SubjectAccessReviewSpec: resourceAttributes=ResourceAttributes nonResourceAttributes=NonResourceAttributes user=s- groups=[s] extra={[s]} uid=s-
        SelfSubjectAccessReviewSpec: resourceAttributes=ResourceAttributes nonResourceAttributes=NonResourceAttributes
        SubjectAccessReviewStatus: allowed=b~ denied=b- reason=s- evaluationError=s-
        SelfSubjectRulesReview: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=SelfSubjectRulesReviewSpec~ status=SubjectRulesReviewStatus~
        SelfSubjectRulesReviewSpec: namespace=s-
        SubjectRulesReviewStatus: resourceRules=[ResourceRule]~ nonResourceRules=[NonResourceRule]~ incomplete=b~ evaluationError=s-
        ResourceRule: verbs=[s]~ apiGroups=[s] resources=[s] resourceNames=[s]
        NonResourceRule: verbs=[s]~ nonResourceURLs=[s]
        FieldSelectorRequirement: key=s~ operator=s~ values=[s]
        CertificateSigningRequest: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=CertificateSigningRequestSpec~ status=CertificateSigningRequestStatus~
        CertificateSigningRequestSpec: request=y~ signerName=s~ expirationSeconds=i usages=[s] username=s- uid=s- groups=[s] extra={[s]}
        CertificateSigningRequestStatus: conditions=[CertificateSigningRequestCondition] certificate=y
        CertificateSigningRequestCondition: type=s~ status=s~ reason=s- message=s- lastUpdateTime=t~ lastTransitionTime=t~
        ValidatingWebhookConfiguration: apiVersion=s- kind=s- metadata=ObjectMeta~ webhooks=[ValidatingWebhook]@name
        MutatingWebhookConfiguration: apiVersion=s- kind=s- metadata=ObjectMeta~ webhooks=[MutatingWebhook]@name
        ValidatingWebhook: name=s~ clientConfig=WebhookClientConfig~ rules=[RuleWithOperations] failurePolicy=s matchPolicy=s namespaceSelector=LabelSelector objectSelector=LabelSelector sideEffects=s timeoutSeconds=i admissionReviewVersions=[s]~ matchConditions=[MatchCondition]@name
        MutatingWebhook: name=s~ clientConfig=WebhookClientConfig~ rules=[RuleWithOperations] failurePolicy=s matchPolicy=s namespaceSelector=LabelSelector objectSelector=LabelSelector sideEffects=s timeoutSeconds=i admissionReviewVersions=[s]~ reinvocationPolicy=s matchConditions=[MatchCondition]@name
        RuleWithOperations: operations=[s] apiGroups=[s] apiVersions=[s] resources=[s] scope=s
        WebhookClientConfig: url=s service=ServiceReference caBundle=y-
        ServiceReference: namespace=s~ name=s~ path=s port=i
        MatchCondition: name=s~ expression=s~
        CustomResourceDefinitionSpec: group=s~ names=CustomResourceDefinitionNames~ scope=s~ versions=[CustomResourceDefinitionVersion]~+ conversion=CustomResourceConversion preserveUnknownFields=b-
        CustomResourceConversion: strategy=s~ webhook=WebhookConversion
        WebhookConversion: clientConfig=WebhookClientConfig conversionReviewVersions=[s]~+
        CustomResourceDefinitionVersion: name=s~ served=b~ storage=b~ deprecated=b- deprecationWarning=s schema=CustomResourceValidation subresources=CustomResourceSubresources additionalPrinterColumns=[CustomResourceColumnDefinition] selectableFields=[SelectableField]
        SelectableField: jsonPath=s~
        CustomResourceColumnDefinition: name=s~ type=s~ format=s- description=s- priority=i- jsonPath=s~
        CustomResourceDefinitionNames: plural=s~ singular=s- shortNames=[s] kind=s~ listKind=s- categories=[s]
        CustomResourceDefinitionCondition: type=s~ status=s~ lastTransitionTime=t~ reason=s- message=s- observedGeneration=l-
        CustomResourceDefinitionStatus: conditions=[CustomResourceDefinitionCondition]~+ acceptedNames=CustomResourceDefinitionNames~ storedVersions=[s]~+ observedGeneration=l-
        CustomResourceDefinition: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=CustomResourceDefinitionSpec~ status=CustomResourceDefinitionStatus~
        CustomResourceValidation: openAPIV3Schema=JSONSchemaProps
        CustomResourceSubresources: status=CustomResourceSubresourceStatus scale=CustomResourceSubresourceScale
        CustomResourceSubresourceScale: specReplicasPath=s~ statusReplicasPath=s~ labelSelectorPath=s
        JSONSchemaProps: id=s- $schema=s- $ref=s description=s- type=s- format=s- title=s- default=* maximum=f exclusiveMaximum=b- minimum=f exclusiveMinimum=b- maxLength=l minLength=l pattern=s- maxItems=l minItems=l uniqueItems=b- multipleOf=f enum=[*] maxProperties=l minProperties=l required=[s] items=JSONSchemaPropsOrArray allOf=[JSONSchemaProps] oneOf=[JSONSchemaProps] anyOf=[JSONSchemaProps] not=JSONSchemaProps properties={JSONSchemaProps} additionalProperties=JSONSchemaPropsOrBool patternProperties={JSONSchemaProps} dependencies={JSONSchemaPropsOrStringArray} additionalItems=JSONSchemaPropsOrBool definitions={JSONSchemaProps} externalDocs=ExternalDocumentation example=* nullable=b- x-kubernetes-preserve-unknown-fields=b x-kubernetes-embedded-resource=b- x-kubernetes-int-or-string=b- x-kubernetes-list-map-keys=[s] x-kubernetes-list-type=s x-kubernetes-map-type=s x-kubernetes-validations=[ValidationRule]@rule
        ValidationRule: rule=s~ message=s- messageExpression=s- reason=s fieldPath=s- optionalOldSelf=b
        ExternalDocumentation: description=s- url=s-
        APIServiceReference: namespace=s- name=s- port=i
        APIServiceSpec: service=APIServiceReference group=s- version=s- insecureSkipTLSVerify=b- caBundle=y- groupPriorityMinimum=i~ versionPriority=i~
        APIServiceCondition: type=s~ status=s~ lastTransitionTime=t~ reason=s- message=s-
        APIServiceStatus: conditions=[APIServiceCondition]@type
        APIService: apiVersion=s- kind=s- metadata=ObjectMeta~ spec=APIServiceSpec~ status=APIServiceStatus~

        """
}
