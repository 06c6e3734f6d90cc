import KubeModel

// Prints how long it takes to parse and to write a Pod of 1.4 KB, the size of what the API server handles most.

let pod: JSON = [
    "apiVersion": "v1", "kind": "Pod",
    "metadata": [
        "name": "lab-0", "generateName": "lab-", "namespace": "kubeflow-user-example-com",
        "uid": "5f0c8d2e-9a4b-4b5e-8f0e-3d1f5a0c7b11", "resourceVersion": "184467",
        "creationTimestamp": "2026-01-04T10:11:12Z",
        "labels": [
            "app": "lab", "notebook-name": "lab", "statefulset": "lab",
            "controller-revision-hash": "lab-6b8f9d7c5d", "statefulset.kubernetes.io/pod-name": "lab-0",
        ],
        "ownerReferences": [
            [
                "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "lab",
                "uid": "0d1e2f3a-4b5c-6d7e-8f90-a1b2c3d4e5f6", "controller": true, "blockOwnerDeletion": true,
            ]
        ],
    ],
    "spec": [
        "containers": [
            [
                "name": "lab", "image": "kubeflownotebookswg/jupyter-scipy:v1.9.2",
                "ports": [["name": "notebook-port", "containerPort": 8888, "protocol": "TCP"]],
                "env": [["name": "NB_PREFIX", "value": "/notebook/kubeflow-user-example-com/lab"]],
                "resources": [
                    "limits": ["cpu": "600m", "memory": "1.2Gi"], "requests": ["cpu": "0.5", "memory": "1Gi"],
                ],
                "volumeMounts": [
                    ["name": "workspace", "mountPath": "/home/jovyan"], ["name": "dshm", "mountPath": "/dev/shm"],
                ],
                "terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent",
            ]
        ],
        "volumes": [
            ["name": "workspace", "persistentVolumeClaim": ["claimName": "lab-workspace"]],
            ["name": "dshm", "emptyDir": ["medium": "Memory"]],
        ],
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "serviceAccountName": "default-editor",
    ],
    "status": ["phase": "Running", "podIP": "10.244.7.12"],
]

/// Microseconds of one call: the median of `rounds` rounds of `calls` calls.
func microseconds(rounds: Int = 201, calls: Int = 200, _ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    var times: [Duration] = []
    for _ in 0..<rounds {
        let start = clock.now
        for _ in 0..<calls { try body() }
        times.append(clock.now - start)
    }
    times.sort()
    let median = times[rounds / 2]
    return Double(median.components.attoseconds) / 1e12 / Double(calls)
}

/// Two digits after the point.
func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

let text = pod.bytes
var total = 0
let parse = try microseconds { total &+= try JSON(parsing: text).object?.count ?? 0 }
var buffer: [UInt8] = []
let write = microseconds {
    buffer.removeAll(keepingCapacity: true)
    pod.write(into: &buffer)
    total &+= buffer.count
}
print("JSON, a Pod of \(text.count) bytes: parse \(rounded(parse)) us, write \(rounded(write)) us")
precondition(total > 0, "nothing was measured")
