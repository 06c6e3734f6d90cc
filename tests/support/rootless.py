"""A platform of an ordinary user, with the numbers that such a user has."""

import os
import pathlib
import pwd
import secrets
import shutil
import subprocess

from .platform import MARTLET, Platform

# Usually everybody may use the device; where only root may, this process and its children see one that all may use.
# A program may be hidden from them, too.
VIEW = r"""
set -e
test -z "$2" || mount --bind /dev/null "$2"
mkdir -p "$1"; mount -t tmpfs -o dev,mode=755,size=64k tmpfs "$1"
mknod -m 666 "$1/tun" c 10 200
mount --bind "$1/tun" /dev/net/tun
shift 2; exec "$@"
"""


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
        kept = [f"{name}={value}" for name, value in os.environ.items()
                if name.endswith(("_CERT", "_CERT_FILE", "_CERT_DIR", "_BUNDLE", "_URL")) or name in ("PATH", "LANG")]
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups", "env", "-i", f"HOME={self.home}",
                f"USER={self.name}", *kept, *variables, *map(str, words)]

    def remove(self):
        subprocess.run(["userdel", "--remove", self.name], capture_output=True, timeout=60)
        shutil.rmtree(self.home, ignore_errors=True)
        if os.path.isdir(self.device):
            os.rmdir(self.device)


class RootlessPlatform(Platform):
    """`martlet up` as that user."""

    def __init__(self, account, *arguments):
        super().__init__(account.home / "data", account.home, *arguments)
        self.account = account
        self.hidden = ""

    def command(self, *arguments):
        return self.as_user("up", "--data-dir", self.data, "--port", "0", "--api-port", "0", *self.arguments, *arguments)

    def as_user(self, *arguments):
        """A command line of martlet, as the user types it."""
        view = ["unshare", "--mount", "sh", "-c", VIEW, "sh", self.account.device, self.hidden]
        return [*view, *self.account.command(MARTLET, *arguments)]

    def cli(self, *arguments, check=True, **options):
        done = subprocess.run(
            self.as_user(*arguments), capture_output=True, text=True, timeout=90,
            cwd=self.account.home, **options)
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def destroy(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        if self.data.exists():
            self.cli("reset", "--yes", "--data-dir", str(self.data), check=False)
