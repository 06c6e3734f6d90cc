"""Opens watches and reads until each has seen a number of events.

usage: watch_client.py URL TOKEN VERSION WATCHES EVENTS

Prints `ready` once all watches are answered, and at the end the time of the system's monotonic clock.
"""

import selectors
import socket
import ssl
import sys
import time
import urllib.parse

url, token, version = sys.argv[1:4]
count, events = map(int, sys.argv[4:6])
target = urllib.parse.urlparse(url)
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
selector = selectors.EpollSelector()
head = (f"GET {target.path}?watch=true&resourceVersion={version} HTTP/1.1\r\nHost: {target.netloc}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n").encode()
buffer = bytearray(1 << 18)
view = memoryview(buffer)


class Watch:
    def __init__(self):
        plain = socket.create_connection((target.hostname, target.port))
        self.socket = context.wrap_socket(plain)
        self.socket.sendall(head)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self.socket.recv(4096)
            assert part, f"the server closed the connection after {answer}"
            answer += part
        assert answer.startswith(b"HTTP/1.1 200"), answer
        self.left, self.last = events, 0
        self.socket.setblocking(False)

    def read(self):
        """Takes what is there; true once all events were seen. Each ends with `}` and a line feed."""
        while True:
            try:
                size = self.socket.recv_into(buffer)
            except (ssl.SSLWantReadError, BlockingIOError):
                return self.left == 0
            if size == 0:
                raise SystemExit("a watch was ended early")
            self.left -= buffer.count(b"}\n", 0, size)
            if self.last == 0x7D and buffer[0] == 0x0A:
                self.left -= 1
            self.last = buffer[size - 1]


watches = [Watch() for _ in range(count)]
for watch in watches:
    selector.register(watch.socket, selectors.EVENT_READ, watch)
print("ready", flush=True)
open_watches = count
while open_watches:
    for key, _ in selector.select():
        if key.data.read():
            selector.unregister(key.data.socket)
            open_watches -= 1
assert all(watch.left == 0 for watch in watches)
print(time.monotonic(), flush=True)
sys.stdin.read()
