import HTTPKit
import KubeModel

extension Workspace {
    /// Kinds by the first segment of their paths.
    enum Kind: String, Sendable, CaseIterable { case notebook, tensorboard, pvcviewers }
}

extension Workspace.Kind {
    /// True for paths that lead into a workspace, or would if it were there.
    static func covers(_ path: String) -> Bool { of(path) != nil }

    /// The kind by the first segment of a path.
    static func of(_ path: String) -> Workspace.Kind? { allCases.first { path.hasPrefix("/\($0.rawValue)/") } }

    /// What RBAC is asked about.
    var type: ResourceType {
        switch self {
        case .notebook: .notebooks
        case .tensorboard: .tensorboards
        case .pvcviewers: .pvcViewers
        }
    }

    /// What visitors must be allowed to do with the object. Whoever opens a notebook runs code with its account and reads its Secrets,
    /// and a viewer takes files: both are for those who may change them. A Tensorboard only shows.
    var verb: String { self == .tensorboard ? "get" : "update" }

    /// What people call one.
    var noun: String {
        switch self {
        case .notebook: "notebook"
        case .tensorboard: "Tensorboard"
        case .pvcviewers: "volume viewer"
        }
    }

    /// What starts when one starts.
    var server: String { self == .notebook ? "notebook server" : noun }

    /// The name of the Service of one, and of the Deployment, where there is one.
    func service(of name: String) -> String { self == .pvcviewers ? "pvcviewer-\(name)" : name }

    /// Why somebody may not open one.
    var reserve: String {
        switch self {
        case .notebook: "Only those who may change a notebook may open it, since it runs whatever they type."
        case .tensorboard: "Only those who may see a namespace's Tensorboards may open them."
        case .pvcviewers: "Only those who may change a volume viewer may open it, since they can change files by it."
        }
    }

    /// Labels of its Pods: which are of this kind, and which of one by its name.
    var podLabels: (kind: (key: String, value: String)?, name: String) {
        switch self {
        case .notebook: (nil, "notebook-name")
        case .tensorboard: ((Self.podLabel, "tensorboard"), "tensorboard-name")
        case .pvcviewers: ((Self.podLabel, "pvcviewer"), "app.kubernetes.io/name")
        }
    }

    /// On the Pods of all workspaces that Deployments serve.
    static let podLabel = "martlet.dev/workspace"
}

extension Workspace {
    /// Where the page shows it, or what it belongs to.
    var details: (text: String, target: String) {
        let place = PercentEncoding.encode(namespace)
        return switch kind {
        case .notebook: ("Show its details", "/notebooks/\(place)/\(name)?ns=\(place)")
        case .tensorboard: ("To the dashboard", "/?ns=\(place)")
        case .pvcviewers: ("All volumes", "/volumes?ns=\(place)")
        }
    }

    /// Where all of its kind are.
    var all: (text: String, target: String) {
        switch kind {
        case .notebook: ("All notebooks", "/")
        case .tensorboard, .pvcviewers: details
        }
    }
}
