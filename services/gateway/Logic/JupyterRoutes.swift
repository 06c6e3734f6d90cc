import Foundation
import HTTPKit
import KubeClient
import KubeModel
import Logging

/// `/jupyter/api`: the routes of the Jupyter web app, each acting as the user.
struct JupyterRoutes: Sendable {
    typealias Action = @Sendable (Caller, RouteParameters) async throws -> JSON

    static let stopAnnotation = "kubeflow-resource-stopped"

    let core: GatewayCore

    func register(on router: inout Router) {
        add(&router, "GET", "/jupyter/api/config") { _, _ in ["config": core.spawner.current.json] }
        add(&router, "GET", "/jupyter/api/gpus") { _, _ in ["vendors": try await gpuVendors()] }
        add(&router, "GET", "/jupyter/api/namespaces") { caller, _ in ["namespaces": try await namespaces(caller)] }
        add(&router, "GET", "/jupyter/api/storageclasses") { _, _ in
            ["storageClasses": .array(try await core.client.list(.storageClasses).items.map { .string($0.name) })]
        }
        add(&router, "GET", "/jupyter/api/storageclasses/default") { _, _ in
            let classes = try await core.client.list(.storageClasses).items
            let standard = classes.first { $0.annotations["storageclass.kubernetes.io/is-default-class"] == "true" }
            return ["defaultStorageClass": .string(standard?.name ?? "")]
        }
        let namespace = "/jupyter/api/namespaces/{ns}"
        add(&router, "GET", namespace + "/pvcs") { caller, values in ["pvcs": try await volumes(caller, values["ns"])] }
        add(&router, "GET", namespace + "/poddefaults") { caller, values in
            ["poddefaults": try await podDefaults(caller, values["ns"])]
        }
        let notebooks = namespace + "/notebooks"
        add(&router, "GET", notebooks) { caller, values in ["notebooks": try await list(caller, values["ns"])] }
        add(&router, "POST", notebooks) { caller, values in try await create(caller, values["ns"]) }
        add(&router, "GET", notebooks + "/{name}") { caller, values in
            ["notebook": try await read(caller, values["ns"], values["name"])]
        }
        add(&router, "PATCH", notebooks + "/{name}") { caller, values in
            try await change(caller, values["ns"], values["name"])
        }
        add(&router, "DELETE", notebooks + "/{name}") { caller, values in
            try await caller.client.delete(
                .notebooks, values["name"], namespace: values["ns"], propagation: "Foreground")
            return ["message": .string("Notebook \(values["name"]) successfully deleted.")]
        }
        add(&router, "GET", notebooks + "/{name}/pod") { caller, values in
            ["pod": try await pod(caller, values["ns"], values["name"]).json]
        }
        add(&router, "GET", notebooks + "/{name}/pod/{pod}/logs") { caller, values in
            ["logs": try await logs(caller, values["ns"], values["name"], pod: values["pod"])]
        }
        add(&router, "GET", notebooks + "/{name}/events") { caller, values in
            let events = try await events(caller, values["ns"], values["name"])
            return ["events": .array(events.map(\.json))]
        }
    }

    /// Adds a route whose answer goes into the envelope of the web apps: `{status, success, user, ...}`.
    private func add(_ router: inout Router, _ method: String, _ pattern: String, _ action: @escaping Action) {
        router.add(method, pattern) { [core] request, values in
            var user = ""
            do {
                let caller = try await core.caller(of: request)
                user = caller.identity.user
                var envelope: JSON = ["status": 200, "success": true, "user": .string(user)]
                for (key, value) in try await action(caller, values).object ?? [:] { envelope[key] = value }
                return .json(envelope)
            } catch let problems as FormProblems {
                return Self.failure(problems.code, problems.message, user: user, fields: problems.json)
            } catch let error as APIError {
                // A 404 of the API server is told as the web apps do; ours have a sentence of their own.
                return Self.failure(error.code, error.message, user: user)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                core.logger.error(
                    "request failed", metadata: ["error": "\(error)", "path": "\(request.path)", "id": "\(request.id)"])
                return Self.failure(500, "An error occured in the backend.", user: user)
            }
        }
    }

    private static func failure(_ code: Int, _ message: String, user: String, fields: JSON? = nil) -> HTTPResponse {
        var body: JSON = [
            "success": false, "log": .string(message), "status": .int(Int64(code)),
            "user": user.isEmpty ? .null : .string(user),
        ]
        body["fields"] = fields
        return .json(body, status: code)
    }

    // MARK: What the form needs

    private func gpuVendors() async throws -> JSON {
        let configured = (core.spawner.current.value("gpus")?["vendors"]?.array ?? []).compactMap {
            $0["limitsKey"]?.string
        }
        if configured.isEmpty { return [] }
        let nodes = try await core.client.list(.nodes).items
        return .array(
            configured.filter { key in
                nodes.contains { Quantity($0.status["capacity"]?[key]).map { $0 > .zero } ?? false }
            }.map(JSON.string))
    }

    /// All namespaces for who may list them, else those that one has a part in.
    private func namespaces(_ caller: Caller) async throws -> JSON {
        if try await core.reviews.allows(caller.identity, to: "list", .namespaces) {
            return .array(try await caller.client.list(.namespaces).items.map { .string($0.name) })
        }
        try await core.memberships.waitUntilSynced()
        return .array(core.memberships.namespaces(of: caller.identity).map { .string($0.namespace) })
    }

    private func volumes(_ caller: Caller, _ namespace: String) async throws -> JSON {
        let claims = try await caller.client.list(.persistentVolumeClaims, namespace: namespace).items
        let notebooks = try await caller.client.list(.notebooks, namespace: namespace).items
        return .array(claims.map { NotebookRow.volume($0, notebooks: notebooks) })
    }

    private func podDefaults(_ caller: Caller, _ namespace: String) async throws -> JSON {
        let items: [KubeObject]
        do {
            items = try await caller.client.list(.podDefaults, namespace: namespace).items
        } catch let error as APIError where error.code == 404 {
            return []  // the kind is not installed
        }
        return .array(
            items.map { item in
                var json = item.json
                json["label"] = .string(item.spec.value(at: "selector", "matchLabels")?.object?.keys.first ?? "")
                json["desc"] = item.spec["desc"] ?? .string(item.name)
                return json
            })
    }

    // MARK: Notebooks

    private func list(_ caller: Caller, _ namespace: String) async throws -> JSON {
        let notebooks = try await caller.client.list(.notebooks, namespace: namespace).items
        let events = EventTime.byNotebook(
            try await caller.client.list(
                .events, namespace: namespace, fieldSelector: "involvedObject.kind=Notebook"
            ).items)
        return .array(notebooks.map { NotebookRow.json($0, events: events[$0.name] ?? []) })
    }

    private func read(_ caller: Caller, _ namespace: String, _ name: String) async throws -> JSON {
        let notebook = try await caller.client.get(.notebooks, name, namespace: namespace)
        return NotebookRow.detail(notebook, events: try await events(caller, namespace, name))
    }

    private func create(_ caller: Caller, _ namespace: String) async throws -> JSON {
        let form = try NotebookForm(
            try await caller.json(), namespace: namespace, user: caller.identity.user,
            configuration: core.spawner.current)
        let creation = NotebookCreation(client: caller.client, form: form, logger: core.logger)
        try await creation.run()
        return ["message": "Notebook created successfully."]
    }

    private func change(_ caller: Caller, _ namespace: String, _ name: String) async throws -> JSON {
        guard let stopped = try await caller.json()["stopped"]?.bool else {
            throw APIError(.badRequest, "Request body must include at least one supported key: ['stopped']")
        }
        let notebook = try await caller.client.get(.notebooks, name, namespace: namespace)
        let isStopped = notebook.annotations[Self.stopAnnotation] != nil
        if stopped, isStopped {
            throw APIError(.conflict, "Notebook \(namespace)/\(name) is already stopped.")
        }
        if stopped != isStopped {
            let value: JSON = stopped ? .string(Timestamp.now.text) : .null
            _ = try await caller.client.patch(
                .notebooks, name, namespace: namespace,
                .merge(["metadata": ["annotations": [Self.stopAnnotation: value]]]))
        }
        return [:]
    }

    private func pod(_ caller: Caller, _ namespace: String, _ name: String) async throws -> KubeObject {
        let pods = try await caller.client.list(
            .pods, namespace: namespace, labelSelector: "notebook-name=\(name)"
        ).items
        guard let pod = pods.first(where: { !$0.isBeingDeleted }) ?? pods.first else {
            throw APIError(.notFound, "No pod detected.")
        }
        return pod
    }

    private func logs(_ caller: Caller, _ namespace: String, _ name: String, pod: String) async throws -> JSON {
        let response = try await caller.client.logs(pod: pod, namespace: namespace, container: name, tailLines: 5000)
        let bytes = try await response.collect(upTo: 8 << 20)
        guard response.status < 400 else {
            throw APIError(status: (try? JSON(parsing: bytes)) ?? [:], code: response.status)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        return .array(text.split(separator: "\n", omittingEmptySubsequences: false).map { .string(String($0)) })
    }

    private func events(_ caller: Caller, _ namespace: String, _ name: String) async throws -> [KubeObject] {
        EventTime.sorted(
            try await caller.client.list(
                .events, namespace: namespace,
                fieldSelector: "involvedObject.kind=Notebook,involvedObject.name=\(name)"
            ).items)
    }
}
