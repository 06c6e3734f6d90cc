import Foundation
import KubeModel
import KubeYAML
import Logging
import Testing

@testable import NodeAgent

@Suite("Environments")
struct EnvironmentTests {
    private func catalogue() throws -> EnvironmentCatalogue {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("deploy/local/environments.yaml").path
        let text = try #require(FileTools.text(file))
        return try EnvironmentCatalogue(try YAML.parse(text), file: "environments.yaml")
    }

    @Test(
        "the shipped list knows the images of Kubeflow and the common ones",
        arguments: [
            ("ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-scipy:v1.10.0", "jupyter-scipy"),
            ("jupyter-scipy", "jupyter-scipy"),
            ("ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter:v1.10.0", "jupyter-minimal"),
            ("python:3.12-slim", "python"), ("docker.io/library/python:3.11", "python"), ("python", "python"),
            ("ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch:v1.10.0", "jupyter-pytorch"),
            ("ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch-full:latest", "jupyter-pytorch-full"),
            ("ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch-cuda:latest", "jupyter-pytorch-cuda"),
            ("ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-tensorflow:latest", "jupyter-tensorflow"),
            (
                "ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-tensorflow-cuda-full:1",
                "jupyter-tensorflow-cuda-full"
            ),
            ("quay.io/jupyter/r-notebook:latest", "jupyter-r"), ("jupyter-full", "jupyter-full"),
            ("busybox", "shell"), ("registry.example.com/alpine:3", "shell"), ("debian:12@sha256:abc", "shell"),
        ])
    func matching(image: String, name: String) throws {
        #expect(try catalogue().environment(for: image)?.name == name)
    }

    @Test("an image without an environment is answered with what to add and where")
    func advice() throws {
        let catalogue = try catalogue()
        #expect(catalogue.environment(for: "example.com/a/b:1") == nil)
        let advice = catalogue.advice(for: "example.com/a/b:1")
        #expect(
            advice.contains("example.com/a/b:1") && advice.contains("environments.yaml")
                && advice.contains("jupyter-scipy"))
    }

    @Test(
        "patterns",
        arguments: [
            ("python:*", "python:3", true), ("*/x:*", "a/b/x:1", true), ("*/x:*", "x:1", false), ("*", "", true),
            ("a*b*c", "aXbYbc", true),
        ])
    func patterns(pattern: String, text: String, fits: Bool) {
        #expect(EnvironmentCatalogue.matches(pattern: Array(pattern.utf8)[...], Array(text.utf8)[...]) == fits)
    }

    @Test("a faulty list says which entry is wrong")
    func faults() {
        #expect(throws: NodeError("f: environment \"a\" has no images")) {
            try EnvironmentCatalogue(["environments": [["name": "a"]]], file: "f")
        }
        #expect(throws: NodeError("f: environment \"a\" lists packages but no python")) {
            try EnvironmentCatalogue(["environments": [["name": "a", "images": ["a"], "packages": ["x"]]]], file: "f")
        }
    }

    @Test("progress counts downloads by size")
    func progress() {
        let progress = UVProgress()
        #expect(progress.take("Resolved 106 packages in 544ms")?.percent == 10)
        #expect(progress.take("Downloading scipy (30.0MiB)")?.what == "downloading scipy")
        _ = progress.take("Downloading numpy (10.0MiB)")
        #expect(progress.take(" Downloaded scipy")?.percent == 58)
        #expect(progress.take(" Downloaded numpy")?.percent == 75)
        #expect(progress.take("Prepared 105 packages in 1.81s")?.percent == 78)
        #expect(progress.take("noise") == nil)
    }

    @Test("failures of uv become one line")
    func complaints() {
        let text =
            "Using Python 3.11\nerror: Failed to fetch: `https://index.example/simple/x/`\n  Caused by: dns error\n\nhint: more\n"
        #expect(
            EnvironmentBuild.complaint(text).hasPrefix(
                "error: Failed to fetch: `https://index.example/simple/x/` Caused by: dns error"))
        #expect(EnvironmentBuild.complaint("error: x\n  No space left on device (os error 28)") == "the disk is full")
    }

    @Test("lists in the list of packages are shared lists; what the machine must have is named with its package")
    func packagesAndNeeds() throws {
        let entry: JSON = [
            "name": "x", "images": ["x"], "python": "3", "packages": ["a", ["b", "c"]], "systemPackages": true,
            "needs": [
                ["program": "nothing-of-that-name", "package": "p"], ["path": "/nowhere", "package": "p"],
                ["path": "/", "package": "q"],
            ],
        ]
        let read = try EnvironmentCatalogue(["environments": [entry]], file: "f").environments[0]
        #expect(read.packages == ["a", "b", "c"])
        #expect(read.usesSystemPackages)
        #expect(
            EnvironmentNeed.advice(read)
                == "environment \"x\" needs the program nothing-of-that-name, /nowhere on this machine: "
                + "install with apt-get install p")
        for need: JSON in [["path": "relative", "package": "p"], ["path": "/x"], [:], ["program": "a", "path": "/b"]] {
            var wrong = entry
            wrong["needs"] = [need]
            #expect(throws: NodeError.self) { try EnvironmentCatalogue(["environments": [wrong]], file: "f") }
        }
    }

    @Test("environments that nobody used for long are removed, on a full disk those that were not used lately")
    func garbage() throws {
        let root = NSTemporaryDirectory() + "environments-\(UUID())"
        defer { FileTools.remove(root) }
        let use = EnvironmentUse(
            directory: root + "/built", podsDirectory: root + "/pods", logger: Logger(label: "test"))
        let now = Date()
        func make(_ name: String, usedAgo seconds: Double) throws {
            try FileTools.makeDirectory("\(root)/built/\(name)")
            try FileTools.write("x", to: "\(root)/built/\(name)/environment.lock")
            use.renew(name, now: now.addingTimeInterval(-seconds))
        }
        let day = 86_400.0
        for (name, age) in [("young", 60), ("week", 7 * day), ("old", 31 * day), ("running", 40 * day)] {
            try make(name, usedAgo: age)
        }
        for (run, isOver) in [("running", false), ("old", true)] {
            let folder = "\(root)/pods/p/containers/\(run)/0"
            try FileTools.makeDirectory(folder)
            try FileTools.write(run, to: folder + "/environment")
            if isOver { try FileTools.write("0", to: folder + "/exit") }
        }
        func left() -> [String] {
            FileTools.names(in: root + "/built").filter { FileTools.isDirectory("\(root)/built/\($0)") }.sorted()
        }
        use.collectGarbage(isDiskShort: { _ in false }, now: now)
        #expect(left() == ["running", "week", "young"])
        use.collectGarbage(isDiskShort: { _ in true }, now: now)
        #expect(left() == ["running", "young"])
        #expect(FileTools.names(in: root + "/built").filter { $0.hasSuffix(".used") }.count == 2)
    }

    @Test("the content of an environment has one identity, whatever its name or the order of packages")
    func identity() {
        var first = EnvironmentDefinition(name: "a", images: ["a"])
        first.python = "3"
        first.packages = ["x", "y"]
        var second = EnvironmentDefinition(name: "b", images: ["b"])
        second.python = "3"
        second.packages = ["y", "x"]
        #expect(EnvironmentStore.contentID(first) == EnvironmentStore.contentID(second))
        second.usesSystemPackages = true
        #expect(EnvironmentStore.contentID(first) != EnvironmentStore.contentID(second))
        second.packages = ["y"]
        #expect(EnvironmentStore.contentID(first) != EnvironmentStore.contentID(second))
        #expect(EnvironmentStore.contentID(first).count == 32)
    }
}
