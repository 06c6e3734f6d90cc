import Foundation
import KubeClient
import KubeModel
import TestSupport
import Testing

@testable import Gateway

@Suite("Form of a new notebook")
struct NotebookFormTests {
    private static let image = "ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-scipy:latest"

    private func configuration(_ change: (inout JSON) -> Void = { _ in }) throws -> SpawnerConfiguration {
        let path = spawnerConfigPath
        var json = try SpawnerConfiguration(yaml: String(contentsOfFile: path, encoding: .utf8)).json
        change(&json)
        return SpawnerConfiguration(json)
    }

    private func body(_ change: (inout JSON) -> Void = { _ in }) -> JSON {
        var body: JSON = [
            "name": "lab", "namespace": "ns", "serverType": "jupyter", "image": .string(Self.image),
            "imagePullPolicy": "IfNotPresent", "cpu": "0.5", "cpuLimit": "", "memory": "1.0Gi", "memoryLimit": "",
            "gpus": ["num": "none", "vendor": ""], "tolerationGroup": "none", "affinityConfig": "none",
            "configurations": ["access-x"], "shm": true, "environment": [:], "datavols": [],
            "workspace": [
                "mount": "/home/jovyan",
                "newPvc": [
                    "metadata": ["name": "{notebook-name}-workspace"],
                    "spec": ["resources": ["requests": ["storage": "5Gi"]], "accessModes": ["ReadWriteOnce"]],
                ],
            ],
        ]
        change(&body)
        return body
    }

    private func problems(_ body: JSON, _ configuration: SpawnerConfiguration) -> FormProblems? {
        do throws(FormProblems) {
            _ = try NotebookForm(body, namespace: "ns", user: "anna", configuration: configuration)
            return nil
        } catch {
            return error
        }
    }

    @Test("becomes a notebook and a claim")
    func objects() throws {
        let form = try NotebookForm(body(), namespace: "ns", user: "anna", configuration: configuration())
        let claim = try #require(form.claims.first?.claim)
        #expect(claim.name == "lab-workspace")
        #expect(claim.namespace == "ns")
        #expect(claim.spec.value(at: "resources", "requests", "storage") == "5Gi")
        #expect(form.notebook.labels == ["app": "lab", "access-x": "true"])
        #expect(form.notebook.annotations["notebooks.kubeflow.org/creator"] == "anna")
        let spec = try #require(form.notebook.spec["template"]?["spec"])
        #expect(spec["serviceAccountName"] == "default-editor")
        let container = try #require(spec["containers"]?[0])
        #expect(container["resources"]?["requests"] == ["cpu": "0.5", "memory": "1.0Gi"])
        #expect(container["resources"]?["limits"] == ["cpu": "0.6", "memory": "1.2Gi"])
        #expect(container["volumeMounts"]?[0]?["mountPath"] == "/home/jovyan")
        #expect(spec["volumes"]?.array?.count == 2)
        #expect(spec["volumes"]?[1] == ["name": "dshm", "emptyDir": ["medium": "Memory"]])
    }

    /// Field, what is sent there, and the field of the message.
    static let wrong: [(field: String, value: String, at: String)] = [
        ("name", #""""#, "name"), ("name", #""Lab""#, "name"), ("name", #""1lab""#, "name"),
        ("name", #""a--""#, "name"),
        ("name", #""a23456789b123456789c123456789d123456789e123456789f123""#, "name"),
        ("namespace", #""other""#, "namespace"), ("serverType", #""vm""#, "serverType"), ("image", #""""#, "image"),
        ("imagePullPolicy", #""Often""#, "imagePullPolicy"), ("cpu", #""nan""#, "cpu"), ("cpu", #""-1""#, "cpu"),
        ("cpu", #""0""#, "cpu"), ("memory", #""much""#, "memory"), ("cpuLimit", #""0.1""#, "cpuLimit"),
        ("memoryLimit", #""1Mi""#, "memoryLimit"), ("gpus", #"{"num":"1","vendor":"evil.com/gpu"}"#, "gpus"),
        ("gpus", #"{"num":"x","vendor":"nvidia.com/gpu"}"#, "gpus"),
        ("tolerationGroup", #""secret""#, "tolerationGroup"),
        ("affinityConfig", #""x""#, "affinityConfig"), ("configurations", #"["a b"]"#, "configurations"),
        ("environment", #"{"A=B":"x"}"#, "environment"),
        (
            "workspace", #"{"mount":"home","existingSource":{"persistentVolumeClaim":{"claimName":"a"}}}"#,
            "workspace.mount"
        ),
        (
            "workspace", #"{"mount":"/a/../b","existingSource":{"persistentVolumeClaim":{"claimName":"a"}}}"#,
            "workspace.mount"
        ),
        ("workspace", #"{"mount":"/a","existingSource":{"hostPath":{"path":"/"}}}"#, "workspace"),
        ("workspace", #"{"mount":"/a","existingSource":{"persistentVolumeClaim":{"claimName":""}}}"#, "workspace.name"),
        ("workspace", #"{"mount":"/a"}"#, "workspace"),
        (
            "datavols", #"[{"mount":"/home/jovyan","existingSource":{"persistentVolumeClaim":{"claimName":"a"}}}]"#,
            "datavols[0].mount"
        ),
        (
            "datavols", #"[{"mount":"/x","existingSource":{"persistentVolumeClaim":{"claimName":"lab-workspace"}}}]"#,
            "datavols[0].name"
        ),
    ]

    @Test("what is wrong is said at the field", arguments: wrong)
    func fields(field: String, text: String, at: String) throws {
        let value = try JSON(parsing: text)
        let problems = problems(body { $0[field] = value }, try configuration())
        #expect(problems?.fields.map(\.name) == [at])
    }

    @Test("images beyond the offer need permission")
    func images() throws {
        let strict = try configuration { $0["allowCustomImage"] = false }
        let open = try configuration()
        let custom = body {
            $0["image"] = "python:3"
            $0["customImage"] = "python:3"
            $0["customImageCheck"] = true
        }
        #expect(problems(custom, strict)?["customImage"] != nil)
        #expect(problems(custom, open) == nil)
        #expect(problems(body { $0["image"] = "python:3" }, strict)?["image"] != nil)
        #expect(problems(body(), strict) == nil)
    }

    @Test("what is fixed must not be sent, and counts")
    func readOnly() throws {
        let fixed = try configuration {
            $0.set(true, at: "cpu", "readOnly")
            $0.set("2", at: "cpu", "value")
        }
        #expect(problems(body(), fixed)?["cpu"] == "'cpu' is readonly but a value was provided")
        let form = try NotebookForm(
            body {
                $0["cpu"] = nil
                $0["cpuLimit"] = nil
            }, namespace: "ns", user: "anna", configuration: fixed)
        let resources = form.notebook.spec.value(at: "template", "spec", "containers")?[0]?["resources"]
        #expect(resources?["requests"]?["cpu"] == "2")
        #expect(resources?["limits"]?["cpu"] == "2.4")
    }

    @Test("making it is all or nothing")
    func rollback() async throws {
        try await withGateway { gateway in
            let (cookie, csrf) = try await gateway.signIn("anna")
            let headers = "content-type: application/json\r\nx-xsrf-token: \(csrf)\r\n"
            gateway.cluster.objects.fail { request in
                request.method == "POST" && request.target.contains("notebooks")
                    ? APIError(.forbidden, "exceeded quota") : nil
            }
            let target = "/jupyter/api/namespaces/ns/notebooks"
            let refused = try await gateway.ask("POST", target, cookie: cookie, headers: headers, body: body().text)
            #expect(refused.head.hasPrefix("HTTP/1.1 403 "))
            #expect(refused.body.contains("exceeded quota"))
            #expect(try await gateway.cluster.objects.client.list(.persistentVolumeClaims).items.isEmpty)
            gateway.cluster.objects.fail { _ in nil }
            let made = try await gateway.ask("POST", target, cookie: cookie, headers: headers, body: body().text)
            #expect(try JSON(parsing: made.body)["message"] == "Notebook created successfully.")
            let again = try await gateway.ask("POST", target, cookie: cookie, headers: headers, body: body().text)
            #expect(again.head.hasPrefix("HTTP/1.1 409 "))
            let invalid = try await gateway.ask(
                "POST", target, cookie: cookie, headers: headers, body: body { $0["name"] = "X" }.text)
            #expect(try JSON(parsing: invalid.body)["fields"]?["name"]?.string != nil)
        }
    }
}
