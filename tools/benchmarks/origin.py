"""A server for what a proxy is measured with and nginx does not do: takes uploads, keeps WebSockets open, sends nothing.

usage: origin.py ADDRESS PORT
"""

import asyncio
import sys


class Origin(asyncio.BufferedProtocol):
    """One connection: reads a head; answers an upgrade and stays, or reads the announced body and tells its length."""

    def __init__(self):
        self.buffer = bytearray(1 << 18)
        self.head = b""
        self.left = self.length = None

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, _):
        return self.buffer

    def buffer_updated(self, count):
        if self.left is None:
            self.head += self.buffer[:count]
            head, end, rest = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            if b"upgrade" in lines:
                self.transport.write(
                    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                self.buffer = bytearray(256)  # a thousand of these are to fit beside what is measured
                self.left = sys.maxsize
                return
            self.length = int(lines.get(b"content-length", 0))
            self.left = self.length
            count = len(rest)
        self.left -= count
        if self.left == 0:
            text = str(self.length).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
            self.head, self.left = b"", None


async def main(address, port):
    server = await asyncio.get_running_loop().create_server(Origin, address, port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
