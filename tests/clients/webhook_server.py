"""An admission webhook as a thread of the test: HTTPS with a certificate of its own, answers by functions."""

import base64
import http.server
import json
import ssl
import subprocess
import threading


class WebhookServer:
    """Serves `/<name>` with what `answers[name](request)` returns: the `response` of the review, without its uid."""

    def __init__(self, folder):
        self.answers, self.requests = {}, []
        certificate, key = folder / "webhook.crt", folder / "webhook.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=webhook", "-addext",
             "subjectAltName=IP:127.0.0.1,DNS:hook.default.svc", "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True)
        self.ca_bundle = base64.b64encode(certificate.read_bytes()).decode()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = self.path.split("?")[0].strip("/")
                request = review["request"]
                owner.requests.append((name, request))
                response = owner.answers[name](request)
                if response is None:
                    self.send_response(500)
                    body = b"broken"
                else:
                    self.send_response(200)
                    body = json.dumps({"kind": "AdmissionReview", "apiVersion": review["apiVersion"],
                                       "response": {"uid": request["uid"], **response}}).encode()
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def hook(self, name, namespace=None, **changes):
        """A webhook of a configuration that calls `/<name>` about ConfigMaps."""
        hook = {
            "name": f"{name}.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": f"https://127.0.0.1:{self.port}/{name}", "caBundle": self.ca_bundle},
            "rules": [{"operations": ["CREATE", "UPDATE"], "apiGroups": [""], "apiVersions": ["v1"],
                       "resources": ["configmaps"]}],
        }
        if namespace:
            hook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        hook.update(changes)
        return hook


def allow(_):
    return {"allowed": True}


def patch(*operations):
    encoded = base64.b64encode(json.dumps(list(operations)).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}
