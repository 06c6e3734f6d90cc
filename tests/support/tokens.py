"""JSON web tokens, right ones and forged ones."""

import base64
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils


def encode(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=")


class Signer:
    """Signs as the gateway does, with its key or another one."""

    def __init__(self, pem=None, kid="forged"):
        self.key = (serialization.load_pem_private_key(pem, None) if pem else ec.generate_private_key(ec.SECP256R1()))
        self.kid = kid

    @classmethod
    def of_gateway(cls, platform):
        """Whoever has this key is the gateway: tests that need what only the gateway can say."""
        published = platform.get("configmap", "martlet-gateway-keys", "-n", "kubeflow")["data"]
        return cls((platform.data / "gateway" / "service.key").read_bytes(), next(iter(published)))

    @property
    def public_pem(self):
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims, **header):
        text = encode({"alg": "ES256", "typ": "JWT", "kid": self.kid, **header}) + b"." + encode(claims)
        r, s = utils.decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
        return (text + b"." + encode(r.to_bytes(32) + s.to_bytes(32))).decode()


def claims(user="admin@example.com", lifetime=60, audience="profiles-kfam", **more):
    """What the gateway says about somebody; None takes a claim out."""
    now = int(time.time())
    all_claims = {"iss": "martlet-gateway", "sub": user, "aud": audience, "iat": now, "exp": now + lifetime, **more}
    return {key: value for key, value in all_claims.items() if value is not None}


def unsigned(said, algorithm="none"):
    return (encode({"alg": algorithm, "typ": "JWT"}) + b"." + encode(said) + b".").decode()


def hmac_signed(said, secret, **header):
    text = encode({"alg": "HS256", "typ": "JWT", **header}) + b"." + encode(said)
    return (text + b"." + encode(hmac.digest(secret, text, "sha256"))).decode()
