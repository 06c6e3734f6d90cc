"""Requests as bytes, for what no client library would send."""

import socket
import urllib.parse


def send(gateway, data, source=None, timeout=20, more=()):
    """Sends bytes to a server and returns all that it answers until it closes or says nothing more for a while."""
    address = urllib.parse.urlsplit(gateway)
    connection = socket.create_connection(
        (address.hostname, address.port), timeout=timeout, source_address=(source, 0) if source else None)
    with connection:
        connection.sendall(data)
        for piece in more:
            connection.sendall(piece)
        answer = b""
        while True:
            try:
                piece = connection.recv(65536)
            except (TimeoutError, ConnectionResetError):
                return answer
            if not piece:
                return answer
            answer += piece


def ask(gateway, target, method="GET", headers=(), body=b"", host=None, source=None):
    """One request with its target as it is written, then the end: (status, whole answer)."""
    host = host or urllib.parse.urlsplit(gateway).netloc
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    answer = send(gateway, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body, source)
    return status(answer), answer


def status(answer):
    """The status of the first answer; 0 where the connection was simply closed."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def cookies(session):
    """A session's cookies as one header line."""
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
