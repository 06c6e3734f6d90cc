// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Products of other packages, by the short names used below.
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let algorithms = Target.Dependency.product(name: "AsyncAlgorithms", package: "swift-async-algorithms")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

/// A C library of the system: its module map lies in `shared/<name>`.
func cLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "shared/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// A C target of ours for what Swift cannot say (variadic calls, code between fork and exec).
func cTarget(_ name: String, path: String) -> Target {
    .target(name: name, path: path)
}

/// A library at `path` (default `shared/<name>`), without tests.
func library(_ name: String, at path: String? = nil, uses: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: uses, path: path ?? "shared/\(name)", swiftSettings: settings)
}

/// The unit tests of `name`, in `tests/<name>Tests`.
func tests(of name: String, uses: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name), "TestSupport"] + uses, path: "tests/\(name)Tests",
        swiftSettings: settings)
}

/// `services/<folder>`: library `name` from Logic/ and the binary `folder` from Main/.
func service(
    _ folder: String, _ name: String, uses: [Target.Dependency], main: [Target.Dependency] = []
) -> [Target] {
    [
        library(name, at: "services/\(folder)/Logic", uses: uses),
        .executableTarget(
            name: folder,
            dependencies: [.target(name: name), "ServiceKit", arguments, logging, lifecycle, signals] + main,
            path: "services/\(folder)/Main", swiftSettings: settings),
    ]
}

let targets: [Target] =
    [
        cLibrary("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        cLibrary("CJWT", pkgConfig: "libjwt", apt: "libjwt-dev"),
        cLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        cLibrary("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        .systemLibrary(name: "CMalloc", path: "shared/CMalloc"),
        library("KubeModel"),
        library("CEL", uses: ["KubeModel"]),
        library("KubeYAML", uses: ["KubeModel", yams]),
        library("KubeClient", uses: ["KubeModel", "KubeYAML", httpClient, nio, nioHTTP1, nioPosix, nioSSL, logging]),
        library(
            "ControllerKit", uses: ["KubeModel", "KubeClient", "HTTPKit", logging, lifecycle, signals, algorithms]),
        library(
            "HTTPKit",
            uses: ["KubeModel", nio, nioPosix, nioHTTP1, nioHTTP2, nioHPACK, nioTLS, nioSSL, logging, lifecycle]),
        library("Certificates", uses: ["COpenSSL"]),
        library("Identity", uses: ["KubeModel", "KubeClient", "HTTPKit", "COpenSSL", "CJWT", nioHTTP1]),
        library("ServiceKit", uses: [logging]),
        library("WebClient", uses: ["CCurl"]),
        library("TestSupport", uses: ["KubeModel", "KubeClient", nio, nioPosix]),

        library("ClusterStore", at: "services/control-plane/Store", uses: ["KubeModel"]),
        library("ClusterRules", at: "services/control-plane/Rules", uses: ["KubeModel", "CEL"]),
        library(
            "ClusterAPI", at: "services/control-plane/API",
            uses: [
                "KubeModel", "CEL", "KubeYAML", "KubeClient", "ClusterStore", "ClusterRules", "HTTPKit", "Identity",
                "Certificates", "CMalloc", "CZlib", nio, nioHTTP1, nioSSL, nioPosix, nioWebSocket, httpClient, logging,
                lifecycle,
            ]),
        library(
            "ClusterControllers", at: "services/control-plane/Controllers",
            uses: ["KubeModel", "KubeClient", "ControllerKit", nio, logging, lifecycle]),
    ]
    + service(
        "control-plane", "ControlPlane",
        uses: [
            "KubeModel", "KubeClient", "ControllerKit", "ClusterStore", "ClusterRules", "ClusterAPI",
            "ClusterControllers", "Certificates", "Identity", "HTTPKit", nio, logging, lifecycle,
        ])
    + [
        cTarget("CNode", path: "services/node-agent/CNode"),
        cTarget("CPrivileges", path: "shared/CPrivileges"),
        .executableTarget(name: "container-shim", path: "services/node-agent/Shim"),
    ]
    + service(
        "node-agent", "NodeAgent",
        uses: [
            "KubeModel", "KubeYAML", "KubeClient", "ControllerKit", "HTTPKit", "CNode", "COpenSSL", nio, nioPosix,
            nioHTTP1, nioSSL, httpClient, logging, lifecycle, subprocess, system,
        ])
    + service(
        "profile-controller", "ProfileController",
        uses: [
            "KubeModel", "KubeYAML", "KubeClient", "ControllerKit", "HTTPKit", "Identity", "Certificates", nio,
            nioHTTP1, logging, lifecycle, algorithms,
        ])
    + service(
        "notebook-controller", "NotebookController",
        uses: ["KubeModel", "KubeClient", "ControllerKit", "HTTPKit", logging, lifecycle, algorithms])
    + service(
        "gateway", "Gateway",
        uses: [
            "KubeModel", "KubeYAML", "KubeClient", "ControllerKit", "HTTPKit", "Identity", "WebClient", nio, nioPosix,
            nioHTTP1, nioSSL, logging, lifecycle,
        ], main: ["GatewayOptions"])
    + [
        library("GatewayOptions", at: "services/gateway/Options", uses: ["Gateway", arguments]),
        .executableTarget(
            name: "martlet",
            dependencies: [
                "KubeModel", "KubeYAML", "KubeClient", "ControllerKit", "HTTPKit", "ControlPlane", "ProfileController",
                "NotebookController", "Gateway", "GatewayOptions", "ServiceKit", "ClusterStore", "CPrivileges",
                arguments, logging, lifecycle, signals, nio, nioHTTP1, httpClient,
            ], path: "tools/martlet", swiftSettings: settings),
        .executableTarget(
            name: "bench-json", dependencies: ["KubeModel"], path: "tools/bench-json", swiftSettings: settings),
        library(
            "FuzzTargets", at: "tools/fuzz/Targets", uses: ["KubeModel", "KubeYAML", "ClusterRules", "ClusterStore"]),
        tests(of: "FuzzTargets", uses: ["KubeModel", "KubeYAML", "ClusterRules"]),
        tests(of: "KubeModel", uses: ["KubeYAML"]),
        tests(of: "CEL", uses: ["KubeModel"]),
        tests(of: "ClusterStore"),
        tests(of: "ClusterRules"),
        tests(of: "ClusterAPI", uses: ["ClusterRules", "KubeModel", nio]),
        tests(of: "ClusterControllers", uses: ["ControlPlane", "HTTPKit", "KubeClient", "KubeModel", logging]),
        tests(of: "Identity", uses: ["KubeModel", "KubeClient", "Certificates"]),
        tests(of: "HTTPKit", uses: ["KubeModel", "Certificates", nio, nioHTTP1, nioPosix, nioSSL, logging]),
        tests(of: "WebClient", uses: ["HTTPKit", nio, nioHTTP1, logging]),
        tests(of: "KubeClient", uses: ["HTTPKit", "Certificates", nio, nioHTTP1, nioSSL, logging]),
        tests(of: "ControllerKit"),
        tests(of: "NodeAgent"),
        tests(
            of: "ProfileController",
            uses: ["KubeModel", "KubeClient", "HTTPKit", "Identity", "Certificates", nio, logging]),
        tests(of: "NotebookController"),
        tests(
            of: "Gateway",
            uses: ["KubeModel", "KubeYAML", "KubeClient", "HTTPKit", "Identity", nio, nioHTTP1, nioPosix, logging]),
    ]

/// With `MARTLET_FUZZ` set: the fuzzer, which needs all code compiled for libFuzzer (`make fuzz`).
let fuzzers: [Target] =
    Context.environment["MARTLET_FUZZ"] == nil
    ? []
    : [
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzTargets"], path: "tools/fuzz/Main", swiftSettings: settings)
    ]

let package = Package(
    name: "martlet",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.14.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-async-algorithms.git", from: "1.1.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess.git", from: "1.0.0"),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.0"),
    ],
    targets: targets + fuzzers
)
