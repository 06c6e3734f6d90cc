"""What Pods use up of the machine, as the node agent of one platform sees it."""

import collections
import os
import pathlib
import re
import subprocess


class Machine:
    def __init__(self, platform):
        self.platform = platform
        data = str(platform.data)
        self.agent = next(
            int(entry) for entry in os.listdir("/proc") if entry.isdigit() and self.is_agent(entry, data))
        self.bridge = self.value("--pod-cidr")

    @staticmethod
    def arguments(process):
        try:
            return pathlib.Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return []

    @classmethod
    def is_agent(cls, process, data):
        arguments = cls.arguments(process)
        return arguments[0].endswith("node-agent") and data in arguments

    def value(self, flag):
        arguments = self.arguments(self.agent)
        return arguments[arguments.index(flag) + 1]

    def inside(self, *command, users=True, **options):
        """Runs a command on the files and the network of the agent, as the user that it is; else as the machine's root."""
        kinds = [("mount", "mnt"), ("net", "net")] + ([("user", "user")] if users and self.platform.account else [])
        spaces = [f"--{name}=/proc/{self.agent}/ns/{kind}" for name, kind in kinds]
        return subprocess.run(["nsenter", *spaces, *command], capture_output=True, text=True, **options)

    def used(self):
        data = str(self.platform.data)
        mounts = pathlib.Path(f"/proc/{self.agent}/mounts").read_text().splitlines()
        network = self.value("--pod-cidr").rsplit(".", 1)[0] + "."
        links = self.inside("ip", "-o", "link", "show", "type", "veth").stdout
        bridge = next(line.split()[1].split("@")[0] for line in self.inside(
            "ip", "-o", "-4", "addr", "show").stdout.splitlines() if network in line)
        groups = [root for root, _, _ in os.walk("/sys/fs/cgroup") if f"/martlet-{bridge}/" in root]
        return {
            "processes": sorted(" ".join(self.arguments(entry))[:120] for entry in os.listdir("/proc")
                                if entry.isdigit() and any(f"{data}/pods/" in part for part in self.arguments(entry))),
            "sleepers": sum("3600.25" in self.arguments(entry) for entry in os.listdir("/proc") if entry.isdigit()),
            "mounts": sorted(line for line in mounts if f"{data}/pods/" in line or "/run/netns/" in line),
            "namespaces": sorted(self.inside("ls", "/run/netns").stdout.split()),
            "devices": sorted(line.split()[1] for line in links.splitlines() if f"master {bridge} " in line),
            "cgroups": sorted(groups),
            "folders": sorted(os.listdir(f"{data}/pods")),
        }

    def descriptors(self):
        """Open files of the agent by kind, without its connections to the API server, which come and go."""
        kinds = collections.Counter()
        for entry in os.listdir(f"/proc/{self.agent}/fd"):
            try:
                kinds[re.sub(r"\d+", "", os.readlink(f"/proc/{self.agent}/fd/{entry}"))] += 1
            except OSError:
                pass  # closed meanwhile
        del kinds["socket:[]"]
        return kinds
