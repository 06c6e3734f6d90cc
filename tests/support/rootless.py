"""A platform of an ordinary user, with the numbers that such a user has."""

import os
import pathlib
import pwd
import re
import secrets
import shutil
import subprocess

from .platform import Platform

# Usually everybody may use the device; where only root may, this process and its children see one that all may use.
# Other files may stand in for the machine's, too.
VIEW = r"""
set -e
mkdir -p "$1"; mount -t tmpfs -o dev,mode=755,size=64k tmpfs "$1"
mknod -m 666 "$1/tun" c 10 200
mount --bind "$1/tun" /dev/net/tun
for pair in $2; do mount --bind "${pair%%=*}" "${pair#*=}"; done
shift 2; exec "$@"
"""
# Of root's environment, what tells where packages are and what a test has set.
KEPT = re.compile(r"(PATH|LANG|LD_PRELOAD|.*(_CERT|_CERT_FILE|_CERT_DIR|_BUNDLE|_URL|_INDEX)|CLOCK_OFFSET)$")


class Account:
    """A user who is made for a test, with a range of subordinate numbers."""

    def __init__(self):
        self.name = f"martlet-{secrets.token_hex(4)}"
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", self.name], check=True, timeout=60)
        entry = pwd.getpwnam(self.name)
        self.uid, self.gid, self.home = entry.pw_uid, entry.pw_gid, pathlib.Path(entry.pw_dir)
        ranges = [line.split(":") for line in pathlib.Path("/etc/subuid").read_text().splitlines()]
        self.first = next(int(first) for name, first, _ in ranges if name == self.name)
        self.device = f"/run/{self.name}"

    def owns(self, uid):
        """True for the user's own number and those that are subordinate to it."""
        return uid == self.uid or self.first <= uid < self.first + 65536

    def processes(self):
        """All processes with numbers of the user, as (process, command line)."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    uid = int(pathlib.Path(f"/proc/{entry}/status").read_text().split("Uid:\t")[1].split()[1])
                    line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except (OSError, IndexError):
                    continue
                if self.owns(uid):
                    found.append((int(entry), line))
        return found

    def command(self, *words, variables=()):
        """A command line that runs as the user, with nothing of root's environment."""
        kept = [f"{name}={value}" for name, value in os.environ.items() if KEPT.match(name)]
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups", "env", "-i", f"HOME={self.home}",
                f"USER={self.name}", *kept, *variables, *map(str, words)]

    def typed(self, words, instead=None, network=None):
        """A command line as the user types it, with a view of files and a network that differ from the machine's."""
        pairs = " ".join(f"{other}={path}" for path, other in (instead or {}).items())
        inside = ["nsenter", f"--net=/run/netns/{network}"] if network else []
        return [*inside, "unshare", "--mount", "sh", "-c", VIEW, "sh", self.device, pairs, *self.command(*words)]

    def give_environments(self, source, target):
        """Copies built environments with their owners, as this user's root has them."""
        if not source.is_dir():
            return
        subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True, timeout=120)
        for folder, _, files in os.walk(target):
            for path in (folder, *(os.path.join(folder, name) for name in files)):
                info = os.lstat(path)
                os.lchown(path, self.first + info.st_uid, self.first + info.st_gid)

    def take(self, folder):
        """Gives the user a folder that is not there, or what is root's."""
        if not folder.exists():
            folder.mkdir(parents=True)
        if folder.stat().st_uid == 0:
            os.chown(folder, self.uid, self.gid)

    def remove(self):
        subprocess.run(["userdel", "--remove", self.name], capture_output=True, timeout=60)
        shutil.rmtree(self.home, ignore_errors=True)
        if os.path.isdir(self.device):
            os.rmdir(self.device)


class RootlessPlatform(Platform):
    """`martlet up` as that user, with all its files in the home directory."""

    def __init__(self, account, *arguments):
        super().__init__(account.home / "data", account.home, *arguments)
        self.account = account

    def command(self, *arguments):
        return self.typed("up", "--data-dir", self.data, "--port", "0", "--api-port", "0", *self.arguments, *arguments)

    def cli(self, *arguments, **options):
        return super().cli(*arguments, cwd=self.account.home, **options)


class Cable:
    """A network namespace that is a machine without a network, until it is joined to this one."""

    def __init__(self):
        number = secrets.randbelow(250)
        self.name, self.here, self.there = f"mt{secrets.token_hex(4)}", f"10.199.{number}.1", f"10.199.{number}.2"
        self.ip("netns", "add", self.name)
        self.ip("-n", self.name, "link", "set", "lo", "up")

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, timeout=30)

    def plug_in(self):
        self.ip("link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        self.ip("address", "add", f"{self.here}/24", "dev", self.name)
        self.ip("link", "set", self.name, "up")
        self.ip("-n", self.name, "address", "add", f"{self.there}/24", "dev", "eth0")
        self.ip("-n", self.name, "link", "set", "eth0", "up")
        self.ip("-n", self.name, "route", "add", "default", "via", self.here)

    def run(self, *words):
        """What a program there says."""
        return subprocess.run(["ip", "netns", "exec", self.name, *words], capture_output=True, text=True, timeout=60).stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ip("netns", "del", self.name)
        subprocess.run(["ip", "link", "del", self.name], capture_output=True, timeout=30)
