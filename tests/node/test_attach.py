"""Typing into a container that runs, with and without a terminal."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios

import pytest

from support.pods import pod


class Terminal:
    """A kubectl that believes to have a person before it."""

    def __init__(self, platform, *arguments, size=(24, 80)):
        self.master, slave = pty.openpty()
        self.resize(*size, tell=False)
        self.process = subprocess.Popen(
            ["kubectl", "--kubeconfig", platform.kubeconfig, *arguments], stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True)
        os.close(slave)
        self.text = ""

    def resize(self, rows, columns, tell=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def type(self, text):
        os.write(self.master, text.encode())

    def read_until(self, wanted, timeout=60, again=None):
        while wanted not in self.text:
            ready, _, _ = select.select([self.master], [], [], 1 if again else timeout)
            timeout -= 0 if ready else 1
            if again and not ready and timeout > 0:
                self.type(again)
                continue
            assert ready, self.text
            try:
                self.text += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                assert wanted in self.text, self.text
        before, _, self.text = self.text.partition(wanted)
        return before

    def close(self):
        self.process.kill()
        self.process.wait(10)
        os.close(self.master)


@pytest.fixture
def terminals():
    opened = []
    yield lambda *arguments, **options: opened.append(Terminal(*arguments, **options)) or opened[-1]
    for terminal in opened:
        terminal.close()


def test_a_terminal_is_attached_typed_into_and_resized(platform, namespace, terminals):
    platform.apply(pod("shell", namespace, "stty -echo; exec sh", container={"stdin": True, "tty": True},
                       terminationGracePeriodSeconds=0))
    platform.wait("--for=condition=Ready", "pod/shell", "-n", namespace)
    terminal = terminals(platform, "attach", "-it", "shell", "-n", namespace, size=(31, 117))
    terminal.type("echo so$((40+2))far; test -t 0 && echo is-$((1))tty\n")
    terminal.read_until("so42far")
    terminal.read_until("is-1tty")
    terminal.type("until [ \"$(stty size)\" = '31 117' ]; do sleep 0.1; done; echo first$((1))\n")
    terminal.read_until("first1")
    terminal.resize(44, 90)
    terminal.type("until [ \"$(stty size)\" = '44 90' ]; do sleep 0.1; done; echo second$((2))\n")
    terminal.read_until("second2")
    terminal.type("exit\n")
    assert terminal.process.wait(60) == 0
    platform.wait("--for=jsonpath={.status.phase}=Succeeded", "pod/shell", "-n", namespace)
    assert "so42far\n" in platform.kubectl("logs", "shell", "-n", namespace).stdout


def test_a_terminal_of_exec_follows_the_window(platform, namespace, terminals):
    platform.apply(pod("host", namespace, "exec sleep 3600", terminationGracePeriodSeconds=0))
    platform.wait("--for=condition=Ready", "pod/host", "-n", namespace)
    terminal = terminals(platform, "exec", "-it", "host", "-n", namespace, "--", "sh", size=(33, 111))
    terminal.type("until [ \"$(stty size)\" = '33 111' ]; do sleep 0.1; done; echo first$((1))\n")
    terminal.read_until("first1")
    terminal.resize(20, 70)
    terminal.type("until [ \"$(stty size)\" = '20 70' ]; do sleep 0.1; done; echo second$((2))\n")
    terminal.read_until("second2")
    terminal.type("exit 5\n")
    assert terminal.process.wait(60) == 5


def test_an_input_ends_with_the_first_who_typed(platform, namespace):
    platform.apply(pod("reader", namespace, "wc -c; echo end", container={"stdin": True, "stdinOnce": True}))
    platform.wait("--for=condition=Ready", "pod/reader", "-n", namespace)
    done = platform.kubectl("attach", "-i", "reader", "-n", namespace, input="x" * 300_000)
    assert done.stdout.split() == ["300000", "end"]
    platform.wait("--for=jsonpath={.status.phase}=Succeeded", "pod/reader", "-n", namespace)


def test_an_input_that_stays_open_is_typed_into_by_many(platform, namespace):
    platform.apply(pod("lines", namespace, "while read line; do echo \"<$line>\"; [ \"$line\" = bye ] && exit; done",
                       container={"stdin": True}))
    platform.wait("--for=condition=Ready", "pod/lines", "-n", namespace)
    watcher = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "logs", "-f", "lines", "-n", namespace],
        stdout=subprocess.PIPE, text=True)
    try:
        for word in ("one", "two"):
            writer = subprocess.Popen(
                ["kubectl", "--kubeconfig", platform.kubeconfig, "attach", "-i", "lines", "-n", namespace],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
            writer.stdin.write(f"{word}\n")
            writer.stdin.flush()
            assert watcher.stdout.readline() == f"<{word}>\n"
            writer.kill()
            writer.wait(10)
            writer.stdin.close()
        platform.kubectl("attach", "-i", "lines", "-n", namespace, input="bye\n")
        assert watcher.stdout.read() == "<bye>\n"
    finally:
        watcher.kill()
        watcher.stdout.close()


def test_run_it_and_remove_it(platform, namespace, terminals):
    terminal = terminals(platform, "run", "brief", "-it", "--rm", "--image=busybox", "--restart=Never", "-n", namespace,
                         "--", "sh", "-c", "stty -echo; read word; echo got-$word; exit 3")
    # What is typed before kubectl has taken the terminal over is lost, with every server: typed again, as people do.
    terminal.read_until("got-it", again="it\n")
    assert terminal.process.wait(60) == 3
    platform.wait("--for=delete", "pod/brief", "-n", namespace)
