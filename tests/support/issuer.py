"""An OpenID Connect issuer that misbehaves on request, for tests of how tokens are verified; nobody signs in by it."""

import base64
import datetime
import http.server
import json
import ssl
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils


def encode(data):
    if not isinstance(data, bytes):
        data = json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, length=None):
    return encode(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


class Key:
    """A key pair that signs as some algorithm says."""

    CURVES = {"ES256": (ec.SECP256R1, "P-256", 32), "ES384": (ec.SECP384R1, "P-384", 48), "ES512": (ec.SECP521R1, "P-521", 66)}
    HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}

    def __init__(self, algorithm="RS256", kid="k1", bits=2048):
        self.algorithm, self.kid = algorithm, kid
        if algorithm.startswith("ES"):
            self.private = ec.generate_private_key(self.CURVES[algorithm][0]())
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    @property
    def jwk(self):
        jwk = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        if self.algorithm == "EdDSA":
            return jwk | {"kty": "OKP", "crv": "Ed25519", "x": encode(self.private.public_key().public_bytes_raw())}
        public = self.private.public_key().public_numbers()
        if self.algorithm.startswith("ES"):
            _, curve, length = self.CURVES[self.algorithm]
            return jwk | {"kty": "EC", "crv": curve, "x": number(public.x, length), "y": number(public.y, length)}
        return jwk | {"kty": "RSA", "n": number(public.n), "e": number(public.e)}

    @property
    def pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def signature(self, text, algorithm=None):
        algorithm = algorithm or self.algorithm
        if self.algorithm == "EdDSA":
            return self.private.sign(text.encode())
        digest = self.HASHES[algorithm[2:]]()
        if algorithm.startswith("ES"):
            length = self.CURVES[self.algorithm][2]
            r, s = utils.decode_dss_signature(self.private.sign(text.encode(), ec.ECDSA(digest)))
            return r.to_bytes(length, "big") + s.to_bytes(length, "big")
        if algorithm.startswith("PS"):
            return self.private.sign(text.encode(), padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return self.private.sign(text.encode(), padding.PKCS1v15(), digest)

    def token(self, claims, header=None, algorithm=None):
        full = {"alg": algorithm or self.algorithm, "typ": "JWT", "kid": self.kid} | (header or {})
        text = encode({k: v for k, v in full.items() if v is not None}) + "." + encode(claims)
        return text + "." + encode(self.signature(text, algorithm))


def mac(text, key, name="256"):
    code = hmac.HMAC(key, Key.HASHES[name]())
    code.update(text.encode())
    return code.finalize()


class Authority:
    """Signs certificates of servers."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
        self.certificate = self.sign(self.name, self.key, x509.BasicConstraints(ca=True, path_length=None))

    def sign(self, subject, key, *extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder(
            self.name, subject, key.public_key(), x509.random_serial_number(), now - datetime.timedelta(hours=1),
            now + datetime.timedelta(hours=1))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def write(self, file):
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def server_context(self, folder, host):
        """What a server of that name shows."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.sign(x509.Name([]), key, x509.SubjectAlternativeName([x509.DNSName(host)]))
        file = folder / f"{host}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


class Issuer:
    """Publishes keys; tests change `keys`, or `answer`, which then answers for the address of the keys, and add `routes`."""

    def __init__(self, audience="martlet", tls=None):
        self.audience = audience
        self.keys = [Key()]
        self.answer = None
        # Answers for other paths, by path.
        self.routes = {}
        self.fetches = []
        self.waiting = threading.Event()
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                issuer.fetches.append(self.path)
                if self.path in issuer.routes:
                    issuer.routes[self.path](self)
                elif self.path == "/.well-known/openid-configuration":
                    self.send(json.dumps(issuer.document).encode())
                elif issuer.answer:
                    issuer.answer(self)
                else:
                    self.send(json.dumps({"keys": [key.jwk for key in issuer.keys]}).encode())

            def do_POST(self):
                issuer.fetches.append(self.path)
                issuer.routes[self.path](self)

            def send(self, body, status=200, **headers):
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
                    self.send_header(name.replace("_", "-"), str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.handler = Handler
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
            self.url = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def document(self):
        return {"issuer": self.url, "authorization_endpoint": self.url + "/authorize", "token_endpoint": self.url + "/token",
                "jwks_uri": self.url + "/keys"}

    def go_away(self):
        self.server.shutdown()
        self.server.server_close()

    def claims(self, **changes):
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.audience, "sub": "42", "email": "anna@example.com", "iat": now,
                  "exp": now + 600, "groups": ["team"], **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key=None, header=None, **changes):
        return (key or self.keys[0]).token(self.claims(**changes), header)
