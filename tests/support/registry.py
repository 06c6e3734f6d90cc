"""A registry of container images (the distribution API v2, reading only), with faults when asked."""

import base64
import http.server
import json
import ssl
import threading

from support.images import INDEX, MANIFEST, Image, digest


class Registry:
    """Serves images on loopback.

    `credentials` is `(user, password)` that the token service wants, or None when everybody may read. `requests` keeps
    what was asked for; `answer` may take a request over: called with the handler and the path, true when it has answered.
    """

    def __init__(self, credentials=None, certificate=None):
        self.credentials = credentials
        self.manifests = {}
        self.blobs = {}
        self.requests = []
        self.answer = lambda handler, path: False
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"registry": self}))
        self.server.daemon_threads = True
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        self.name = f"localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def push(self, reference, image: Image):
        """Puts an image at `repository:tag`; its whole reference."""
        repository, tag = reference.split(":")
        self.blobs.update(image.blobs)
        for key in (tag, image.digest):
            self.manifests[repository, key] = (image.media_type, image.manifest)
        return f"{self.name}/{reference}"

    def push_index(self, reference, **images):
        """Puts an index of images by architecture there."""
        repository, tag = reference.split(":")
        entries = []
        for architecture, image in images.items():
            self.push(f"{repository}:{architecture}", image)
            entries.append({"mediaType": MANIFEST, "digest": image.digest, "size": len(image.manifest),
                            "platform": {"os": "linux", "architecture": architecture}})
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        for key in (tag, digest(body)):
            self.manifests[repository, key] = (INDEX, body)
        return f"{self.name}/{reference}", digest(body)

    def asked_for(self, text):
        return [path for path in self.requests if text in path]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def reply(self, status, body=b"", media_type="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def refuse(self, status, code, message):
        self.reply(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode())

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        registry, path = self.registry, self.path.split("?")[0]
        registry.requests.append(path)
        if registry.answer(self, path):
            return
        if path == "/token":
            return self.token()
        if registry.credentials and self.headers.get("Authorization") != "Bearer let-me-in":
            realm = f"{registry.scheme}://{registry.name}/token"
            self.send_response(401)
            self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="registry",scope="repository:any:pull"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path == "/v2/":
            return self.reply(200, b"{}")
        repository, kind, key = path.removeprefix("/v2/").rsplit("/", 2)
        if kind == "manifests" and (repository, key) in registry.manifests:
            media_type, body = registry.manifests[repository, key]
            return self.reply(200, body, media_type, Docker_Content_Digest=digest(body))
        if kind == "blobs" and key in registry.blobs:
            return self.reply(200, registry.blobs[key], "application/octet-stream")
        self.refuse(404, "MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN", f"{kind[:-1]} unknown")

    def token(self):
        sent = self.headers.get("Authorization", "")
        wanted = "Basic " + base64.b64encode(":".join(self.registry.credentials or ("", "")).encode()).decode()
        if self.registry.credentials and sent != wanted:
            return self.refuse(401, "UNAUTHORIZED", "authentication required")
        self.reply(200, b'{"token": "let-me-in"}')

    def log_message(self, *_):
        pass
