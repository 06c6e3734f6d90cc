import ClusterRules
import Foundation
import KubeModel
import Testing

@Suite("Built-in kinds")
struct KindTests {
    /// What the API does with a new object; answers the object and what is wrong with it as `field: message`.
    static func create(_ type: ResourceType, _ text: String) throws -> (object: JSON, issues: [String]) {
        let kind = try #require(BuiltinKinds.find(type))
        var object = try JSON(parsing: text)
        _ = try kind.decode(&object)
        kind.prepareForCreate(&object)
        kind.applyDefaults(&object)
        let issues = MetadataRules.validate(object, old: nil, kind: kind) + kind.validate(object, nil)
        return (object, issues.map { "\($0.field): \($0.message)" })
    }

    static func update(_ type: ResourceType, _ object: JSON, _ change: (inout JSON) -> Void) throws -> (JSON, [String])
    {
        let kind = try #require(BuiltinKinds.find(type))
        var new = object
        change(&new)
        _ = try kind.decode(&new)
        kind.prepareForUpdate(&new, object)
        kind.applyDefaults(&new)
        let issues = MetadataRules.validate(new, old: object, kind: kind) + kind.validate(new, object)
        return (new, issues.map { "\($0.field): \($0.message)" })
    }

    private static let pod =
        #"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"n"},"spec":{"containers":[{"name":"c","image":"busybox"}]}}"#
    private static let template =
        #"{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c","image":"busybox:1.36"}]}}"#

    @Test("every kind has as many cells as columns, and a merge table")
    func tables() {
        for kind in BuiltinKinds.all {
            #expect(kind.cells(["metadata": ["name": "a"]], Date()).count == kind.columns.count, "\(kind.type.kind)")
            #expect(kind.mergeKeys != nil, "\(kind.type.kind)")
        }
    }

    @Test("a Pod gets the server's defaults")
    func podDefaults() throws {
        let (pod, issues) = try Self.create(.pods, Self.pod)
        #expect(issues == [])
        #expect(pod.value(at: "spec", "restartPolicy") == "Always")
        #expect(pod.value(at: "spec", "terminationGracePeriodSeconds") == 30)
        let container = pod.value(at: "spec", "containers")?[0]
        #expect(container?["imagePullPolicy"] == "Always")
        #expect(container?["resources"] == [:])
        #expect(pod["status"] == ["phase": "Pending", "qosClass": "BestEffort"])
    }

    @Test(
        "mistakes in Pods are named with field and reason",
        arguments: [
            (#"{"containers":[]}"#, "spec.containers: Required value"),
            (#"{"containers":[{"name":"c"}]}"#, "spec.containers[0].image: Required value"),
            (
                #"{"containers":[{"name":"c","image":"i"},{"name":"c","image":"i"}]}"#,
                #"spec.containers[1].name: Duplicate value: "c""#
            ),
            (
                #"{"containers":[{"name":"c","image":"i","imagePullPolicy":"Sometimes"}]}"#,
                #"spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never""#
            ),
            (
                #"{"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"v","mountPath":"/v"}]}]}"#,
                #"spec.containers[0].volumeMounts[0].name: Not found: "v""#
            ),
            (
                #"{"containers":[{"name":"c","image":"i","ports":[{"containerPort":70000}]}]}"#,
                "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"
            ),
            (
                #"{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"500m"},"requests":{"cpu":"1"}}}]}"#,
                #"spec.containers[0].resources.requests: Invalid value: "1": must be less than or equal to cpu limit of 500m"#
            ),
            (
                #"{"containers":[{"name":"c","image":"i","livenessProbe":{}}]}"#,
                "spec.containers[0].livenessProbe: Required value: must specify a handler type"
            ),
            (
                #"{"containers":[{"name":"c","image":"i"}],"volumes":[{"name":"v","emptyDir":{},"hostPath":{"path":"/"}}]}"#,
                "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"
            ),
        ])
    func podMistakes(spec: String, message: String) throws {
        let text = #"{"metadata":{"name":"a","namespace":"n"},"spec":\#(spec)}"#
        #expect(try Self.create(.pods, text).issues == [message])
    }

    @Test("quantities are written canonically, nulls and empty lists vanish, unknown fields are found")
    func decoding() throws {
        let text =
            #"{"metadata":{"name":"a","namespace":"n","labels":null,"who":1},"spec":{"containers":[{"name":"c","image":"i","env":[],"resources":{"limits":{"memory":"1024Mi","cpu":0.5}},"typo":true}]}}"#
        let json = try JSON(parsing: text)
        #expect(UnknownFields.find(in: json, kind: .pods) == ["metadata.who", "spec.containers[0].typo"])
        let (pod, _) = try Self.create(.pods, text)
        #expect(pod.value(at: "metadata", "labels") == nil)
        let container = pod.value(at: "spec", "containers")?[0]
        #expect(container?["env"] == nil)
        #expect(container?["typo"] == nil)
        #expect(container?.value(at: "resources", "limits") == ["memory": "1Gi", "cpu": "500m"])
        #expect(container?.value(at: "resources", "requests") == ["memory": "1Gi", "cpu": "500m"])
    }

    @Test(
        "values of the wrong type are a bad request",
        arguments: [
            (
                ResourceType.deployments, #"{"spec":{"replicas":"three"}}"#,
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
            ),
            (
                .configMaps, #"{"data":{"a":1}}"#,
                "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
            ),
            (.secrets, #"{"data":{"a":"x y"}}"#, "illegal base64 data at input byte 1"),
            (
                .pods, #"{"spec":{"containers":{}}}"#,
                "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"
            ),
        ])
    func wrongTypes(type: ResourceType, text: String, message: String) throws {
        let kind = try #require(BuiltinKinds.find(type))
        var object = try JSON(parsing: text)
        #expect {
            _ = try kind.decode(&object)
        } throws: { error in
            guard let error = error as? APIError else { return false }
            return error.code == 400 && error.message.hasSuffix(message)
        }
    }

    @Test("a Pod's spec may only change in a few places")
    func podChanges() throws {
        let (pod, _) = try Self.create(.pods, Self.pod)
        let (_, fine) = try Self.update(.pods, pod) { pod in
            pod.set([["name": "c", "image": "other"]], at: "spec", "containers")
        }
        #expect(fine.count == 0)
        let (_, bad) = try Self.update(.pods, pod) { $0.set("Never", at: "spec", "restartPolicy") }
        #expect(bad.count == 1)
        #expect(bad.first?.hasPrefix("spec: Forbidden: pod updates may not change fields other than") == true)
    }

    @Test("a Service keeps what was allocated, and its address may not change")
    func services() throws {
        let (service, issues) = try Self.create(
            .services, #"{"metadata":{"name":"s","namespace":"n"},"spec":{"selector":{"a":"b"},"ports":[{"port":80}]}}"#
        )
        #expect(issues == [])
        #expect(service.value(at: "spec", "ports") == [["port": 80, "protocol": "TCP", "targetPort": 80]])
        #expect(service.value(at: "spec", "type") == "ClusterIP")
        var allocated = service
        allocated.set("10.96.0.7", at: "spec", "clusterIP")
        allocated.set(["10.96.0.7"], at: "spec", "clusterIPs")
        let (kept, fine) = try Self.update(.services, allocated) { new in
            new.set(nil, at: "spec", "clusterIP")
            new.set(nil, at: "spec", "clusterIPs")
        }
        #expect(fine == [])
        #expect(kept.value(at: "spec", "clusterIP") == "10.96.0.7")
        let (_, bad) = try Self.update(.services, allocated) { $0.set("10.96.0.8", at: "spec", "clusterIP") }
        #expect(bad == [#"spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set"#])
    }

    @Test("workloads need a selector that matches their template")
    func selectors() throws {
        let text =
            #"{"metadata":{"name":"d","namespace":"n"},"spec":{"selector":{"matchLabels":{"app":"b"}},"template":\#(Self.template)}}"#
        let (deployment, issues) = try Self.create(.deployments, text)
        #expect(
            issues == [
                #"spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`"#
            ])
        #expect(deployment.value(at: "spec", "strategy", "rollingUpdate", "maxSurge") == "25%")
        let missing = #"{"metadata":{"name":"d","namespace":"n"},"spec":{"template":\#(Self.template)}}"#
        #expect(
            try Self.create(.deployments, missing).issues == [
                "spec.selector: Required value",
                #"spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`"#,
            ])
    }

    @Test("a StatefulSet's spec is mostly fixed")
    func statefulSets() throws {
        let text =
            #"{"metadata":{"name":"s","namespace":"n"},"spec":{"serviceName":"s","selector":{"matchLabels":{"app":"a"}},"template":\#(Self.template)}}"#
        let (set, issues) = try Self.create(.statefulSets, text)
        #expect(issues == [])
        #expect(try Self.update(.statefulSets, set) { $0.set(0, at: "spec", "replicas") }.1 == [])
        let (_, bad) = try Self.update(.statefulSets, set) { $0.set("t", at: "spec", "serviceName") }
        #expect(bad.first?.hasPrefix("spec: Forbidden: updates to statefulset spec for fields other than") == true)
    }

    @Test("a Job selects its Pods by its uid and runs them to their end")
    func jobs() throws {
        let text =
            #"{"metadata":{"name":"j","namespace":"n","uid":"u-1"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}"#
        let (job, issues) = try Self.create(.jobs, text)
        #expect(issues == [])
        #expect(job.value(at: "spec", "selector", "matchLabels") == ["batch.kubernetes.io/controller-uid": "u-1"])
        #expect(job.value(at: "spec", "template", "metadata", "labels", "job-name") == "j")
        #expect(job.value(at: "spec", "backoffLimit") == 6)
        let (_, bad) = try Self.update(.jobs, job) { $0.set("x", at: "spec", "template", "spec", "nodeName") }
        #expect(bad.first?.hasSuffix("field is immutable") == true)
    }

    @Test("a claim asks for storage, and only grows")
    func claims() throws {
        let text =
            #"{"metadata":{"name":"c","namespace":"n"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"10Gi"}}}}"#
        let (claim, issues) = try Self.create(.persistentVolumeClaims, text)
        #expect(issues == [])
        #expect(claim.value(at: "status", "phase") == "Pending")
        #expect(try Self.update(.persistentVolumeClaims, claim) { $0.set("v", at: "spec", "volumeName") }.1 == [])
        let (_, smaller) = try Self.update(.persistentVolumeClaims, claim) {
            $0.set("1Gi", at: "spec", "resources", "requests", "storage")
        }
        #expect(smaller.first?.hasPrefix("spec: Forbidden: spec is immutable after creation") == true)
        let (_, bad) = try Self.update(.persistentVolumeClaims, claim) {
            $0.set(["ReadWriteMany"], at: "spec", "accessModes")
        }
        #expect(bad.first?.hasPrefix("spec: Forbidden: spec is immutable after creation") == true)
    }

    @Test("text of a Secret is encoded, an immutable ConfigMap stays as it is")
    func configuration() throws {
        let (secret, _) = try Self.create(
            .secrets, #"{"metadata":{"name":"s","namespace":"n"},"stringData":{"a":"lab"}}"#)
        #expect(secret["data"] == ["a": "bGFi"])
        #expect(secret["type"] == "Opaque")
        let (map, _) = try Self.create(
            .configMaps, #"{"metadata":{"name":"m","namespace":"n"},"immutable":true,"data":{"a":"b"}}"#)
        let (_, bad) = try Self.update(.configMaps, map) { $0.set("c", at: "data", "a") }
        #expect(bad == ["data: Forbidden: field is immutable when `immutable` is set"])
    }

    @Test(
        "schedules of CronJobs",
        arguments: [
            ("*/5 * * * *", true), ("@hourly", true), ("0 9-17 * jan mon-fri", true), ("@every 1h30m", true),
            ("61 * * * *", false),
            ("* * * *", false), ("TZ=UTC * * * * *", false), ("@never", false), ("*/0 * * * *", false),
        ])
    func schedules(schedule: String, isFine: Bool) throws {
        let text =
            #"{"metadata":{"name":"j","namespace":"n"},"spec":{"schedule":"\#(schedule)","jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}}}"#
        #expect(try Self.create(ResourceType("batch", "v1", "cronjobs", "CronJob"), text).issues.isEmpty == isFine)
    }

    @Test("Events have two names and one form in the store")
    func events() throws {
        let kind = try #require(BuiltinKinds.find(ResourceType("events.k8s.io", "v1", "events", "Event")))
        let core: JSON = [
            "apiVersion": "v1", "kind": "Event", "message": "m", "involvedObject": ["kind": "Pod"], "count": 2,
        ]
        let new = kind.fromStored(core)
        #expect(new["note"] == "m")
        #expect(new["regarding"] == ["kind": "Pod"])
        #expect(kind.toStored(new) == core)
        #expect(kind.storedAs == .events)
    }

    @Test("names of metadata are checked")
    func metadata() throws {
        let (_, issues) = try Self.create(
            .configMaps,
            #"{"metadata":{"name":"Map","namespace":"n","labels":{"a b":"c"},"ownerReferences":[{"kind":"Pod"}]}}"#)
        #expect(issues.count == 5)
        #expect(
            issues.contains { $0.hasPrefix(#"metadata.name: Invalid value: "Map": a lowercase RFC 1123 subdomain"#) })
        #expect(issues.contains { $0.hasPrefix(#"metadata.labels: Invalid value: "a b": name part must consist of"#) })
        let (map, _) = try Self.create(.configMaps, #"{"metadata":{"name":"m","namespace":"n","uid":"1"}}"#)
        let (_, changed) = try Self.update(.configMaps, map) { $0.set("2", at: "metadata", "uid") }
        #expect(changed == [#"metadata.uid: Invalid value: "2": field is immutable"#])
    }
}

@Suite("Table cells")
struct CellTests {
    private static func pod(_ status: String, deleted: Bool = false) throws -> [String] {
        let kind = try #require(BuiltinKinds.find(.pods))
        var pod: JSON = [
            "metadata": ["name": "a"], "spec": ["containers": [["name": "c"]], "initContainers": [["name": "i"]]],
        ]
        pod["status"] = try JSON(parsing: status)
        if deleted { pod.set("2026-01-01T00:00:00Z", at: "metadata", "deletionTimestamp") }
        return kind.cells(pod, Date(timeIntervalSince1970: 1000)).compactMap(\.string)
    }

    @Test(
        "a Pod's status in one word",
        arguments: [
            (#"{"phase":"Pending"}"#, "0/1", "Pending", "0"),
            (
                #"{"phase":"Running","containerStatuses":[{"ready":true,"restartCount":0,"state":{"running":{}}}]}"#,
                "1/1", "Running", "0"
            ),
            (
                #"{"phase":"Running","containerStatuses":[{"ready":false,"restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"finishedAt":"1970-01-01T00:15:00Z"}}}]}"#,
                "0/1", "CrashLoopBackOff", "3 (100s ago)"
            ),
            (
                #"{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"running":{}}}]}"#, "0/1",
                "Init:0/1", "0"
            ),
            (
                #"{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":2}}}]}"#,
                "0/1",
                "Init:ExitCode:2", "0"
            ),
            (
                #"{"phase":"Succeeded","containerStatuses":[{"state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]}"#,
                "0/1",
                "Completed", "0"
            ),
        ])
    func podStatus(status: String, ready: String, word: String, restarts: String) throws {
        #expect(try Array(Self.pod(status)[1...3]) == [ready, word, restarts])
    }

    @Test("a Pod that is being deleted says so")
    func terminating() throws {
        #expect(try Self.pod(#"{"phase":"Running"}"#, deleted: true)[2] == "Terminating")
    }

    @Test(
        "durations as a person reads them",
        arguments: [
            (0, "0s"), (119, "119s"), (120, "2m"), (599, "9m59s"), (600, "10m"), (10_799, "179m"), (10_800, "3h"),
            (25_500, "7h5m"),
            (28_800, "8h"), (172_799, "47h"), (172_800, "2d"), (615_600, "7d3h"), (691_200, "8d"), (63_072_000, "2y"),
            (94_780_800, "3y2d"), (-5, "<invalid>"),
        ])
    func durations(seconds: Int64, text: String) {
        #expect(Cell.duration(seconds: seconds) == text)
    }
}
