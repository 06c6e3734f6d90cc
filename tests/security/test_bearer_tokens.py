"""`Authorization: Bearer` at the gateway: which tokens of an identity provider and of service accounts hold, and which do not."""

import base64
import json
import socket
import threading
import time

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.gateway import Gateway
from support.issuer import Authority, Issuer, Key, encode, mac
from support.waiting import eventually

ANNA = ("anna@example.com", ["team"])


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer()
    issuer.keys = [Key("RS256", "rsa"), Key("ES256", "p256"), Key("ES384", "p384"), Key("RS512", "rsa512"),
                   Key("ES512", "p521"), Key("PS256", "pss"), Key("PS512", "pss512"), Key("EdDSA", "ed")]
    yield issuer
    issuer.go_away()


@pytest.fixture(scope="module")
def gateway(platform, issuer, tmp_path_factory):
    with Gateway(platform, tmp_path_factory.mktemp("bearer") / "state", "--oidc-issuer", issuer.url,
                 "--oidc-client-id", "martlet", "--oidc-audiences", "pipelines,kubernetes") as running:
        yield running


# -- ID tokens --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(8))
def test_tokens_of_each_kind_of_key_hold(gateway, issuer, number):
    assert gateway.who(issuer.token(issuer.keys[number])) == ANNA


@pytest.mark.parametrize("audience", ["martlet", "pipelines", ["kubernetes"], ["martlet", "pipelines"]])
def test_audiences_that_are_settings_hold(gateway, issuer, audience):
    assert gateway.who(issuer.token(aud=audience)) == ANNA


def test_a_token_needs_no_csrf_token_and_gives_no_cookie(gateway, issuer):
    answer = requests.post(f"{gateway.url}/api/k8s/apis/authentication.k8s.io/v1/selfsubjectreviews", timeout=30,
                           headers={"Authorization": f"Bearer {issuer.token()}"},
                           json={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    assert answer.json()["status"]["userInfo"]["username"] == "anna@example.com"
    assert "set-cookie" not in answer.headers


def now(seconds):
    return int(time.time()) + seconds


@pytest.mark.parametrize("changes", [
    {"exp": -31}, {"exp": None}, {"exp": "9999999999"}, {"exp": True}, {"exp": [9999999999]}, {"nbf": 60}, {"iat": 60},
    {"iss": "https://evil.example"}, {"iss": None}, {"iss": ["x"]}, {"aud": "other"}, {"aud": None}, {"aud": []},
    {"aud": {"martlet": 1}}, {"aud": ["martlet", "other"]}, {"aud": ["martlet"], "azp": "other"}, {"azp": 7},
    {"email": None}, {"email": ""}, {"email": ["anna@example.com"]}, {"email": "system:admin"},
    {"email": "system:serviceaccount:kubeflow:gateway"}, {"email": "*"}, {"email": "a,b"}, {"email": "a b"},
    {"email": "аnna@example.com"}, {"email": "anna@example.com\n"}, {"email_verified": False}, {"email_verified": "no"},
], ids=str)
def test_claims_that_do_not_hold(gateway, issuer, changes):
    times = {name: now(value) for name, value in changes.items() if name in ("exp", "nbf", "iat") and type(value) is int}
    assert gateway.who(issuer.token(**(changes | times))) is None


@pytest.mark.parametrize("changes", [{"exp": -20}, {"nbf": 20}, {"iat": 20}], ids=str)
def test_clocks_may_be_off_a_little(gateway, issuer, changes):
    assert gateway.who(issuer.token(**{name: now(value) for name, value in changes.items()})) == ANNA


def test_groups_that_would_be_too_much_are_left_out(gateway, issuer):
    token = issuer.token(groups=["system:masters", "a,b", "", "*", 7, None, ["x"], "ok", "ok", "two words", " blank"])
    assert gateway.who(token) == ("anna@example.com", ["ok", "two words"])
    assert gateway.who(issuer.token(groups="one")) == ("anna@example.com", ["one"])
    assert gateway.who(issuer.token(groups={"system:masters": 1})) == ("anna@example.com", [])


def test_the_algorithm_is_not_the_tokens_choice(gateway, issuer):
    rsa, p256 = issuer.keys[0], issuer.keys[1]
    claims = encode(issuer.claims())
    bad = []
    for name in ("none", "None", "NONE", "nOnE", "", None, 7, ["RS256"], "rs256", "HS256"):
        text = encode({"alg": name, "kid": "rsa"}) + "." + claims
        bad += [text + ".", text + "." + encode(rsa.signature(text)), text]
    for name in ("256", "384", "512"):
        for key in (rsa.pem, rsa.pem.strip(), b"", json.dumps(rsa.jwk).encode(), base64.urlsafe_b64decode(rsa.jwk["n"] + "==")):
            text = encode({"alg": "HS" + name, "kid": "rsa"}) + "." + claims
            bad.append(text + "." + encode(mac(text, key, name)))
    bad.append(rsa.token(issuer.claims(), algorithm="PS256"))  # not with this key, which is for RS256
    bad.append(rsa.token(issuer.claims(), algorithm="RS384"))
    pss = issuer.keys[5]
    bad += [pss.token(issuer.claims(), algorithm=name) for name in ("RS256", "PS384", "PS512")]
    bad.append(pss.token(issuer.claims(), {"alg": "PS256"}, algorithm="RS256"))  # the padding of another one
    short = padding.PSS(padding.MGF1(hashes.SHA256()), 20)  # a salt that is not as long as the hash
    text = encode({"alg": "PS256", "kid": "pss"}) + "." + claims
    bad.append(text + "." + encode(pss.private.sign(text.encode(), short, hashes.SHA256())))
    bad += [issuer.keys[7].token(issuer.claims(), {"alg": name}) for name in ("ED25519", "Ed448", "eddsa", "ES256", "PS256")]
    bad.append(p256.token(issuer.claims(), {"kid": "rsa"}))
    bad.append(rsa.token(issuer.claims(), {"kid": "p256"}))
    bad.append(p256.token(issuer.claims(), {"kid": "p384"}))
    # A first `alg` for one reader, a last one for another.
    text = encode(b'{"alg":"none","alg":"RS256","kid":"rsa"}') + "." + claims
    bad += [text + ".", text + "." + encode(b"x" * 256)]
    assert [token[:80] for token in bad if gateway.who(token) is not None] == []


def test_only_the_providers_keys_count(gateway, issuer):
    stranger = Key("RS256", "rsa")
    certificate = {"x5c": [base64.b64encode(b"x").decode()], "x5u": issuer.url + "/cert", "x5t": "x"}
    own = [{}, {"jwk": stranger.jwk}, {"jku": issuer.url + "/other-keys"}, certificate, {"crit": ["exp"]}, {"b64": False}]
    before = len(issuer.fetches)
    assert [header for header in own if gateway.who(stranger.token(issuer.claims(), header)) is not None] == []
    right = issuer.keys[0]
    for kid in ("../../../../dev/null", "rsa' OR 1=1 --", "RSA", "rsa ", "\u0000", "http://evil", "x" * 4000, 1, ["rsa"], {}):
        assert gateway.who(right.token(issuer.claims(), {"kid": kid})) is None, kid
    assert {path for path in issuer.fetches[before:]} <= {"/.well-known/openid-configuration", "/keys"}
    assert len(issuer.fetches) - before <= 4, "made-up ids do not make the gateway ask again and again"


def test_a_right_token_with_keys_and_addresses_in_its_header_is_still_only_checked_by_our_key(gateway, issuer):
    header = {"jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/cert", "jwk": Key().jwk}
    assert gateway.who(issuer.keys[0].token(issuer.claims(), header)) == ANNA
    assert gateway.who(issuer.keys[0].token(issuer.claims(), {"crit": ["x"], "x": 1})) is None


def test_tokens_that_were_changed_or_are_none(gateway, issuer):
    for key in issuer.keys:
        head, body, signature = issuer.token(key).split(".")
        other = encode(issuer.claims(email="root@example.com"))
        raw = base64.urlsafe_b64decode(signature + "==")
        half = len(raw) // 2
        bad = [
            f"{head}.{other}.{signature}", f"{head}.{body}.", f"{head}.{body}", f"{head}..{signature}", f".{body}.{signature}",
            f"{head}.{body}.{signature}.", f"{head}.{body}.{signature}A", f"{head}.{body}.{signature}==",
            f"{head}.{body}.{encode(raw[:-1])}", f"{head}.{body}.{encode(raw + b'x')}", f"{head}.{body}.{encode(bytes(len(raw)))}",
            f"{head}.{body}.{encode(b'x' + raw[1:])}", f"{head}.{body}.{encode(raw[half:] + raw[:half])}",
            f"{head}.{body}.{encode(bytes(half) + raw[half:])}", f"{head}.{body}.{encode(raw[:half] + bytes(half))}",
            f"{head} .{body}.{signature}", f"{head}\t.{body}.{signature}", f"{head}.{body}.{signature[:-1]}%3D",
        ]
        if key.algorithm.startswith("ES"):
            order = {"ES256": 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551}.get(key.algorithm)
            if order:
                r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
                edges = [value.to_bytes(32, "big") for value in (0, 1, order - 1, order, 2**256 - 1)]
                pairs = [(a, b) for a in [*edges, raw[:32]] for b in [*edges, raw[32:]] if a + b != raw]
                bad += [f"{head}.{body}.{encode(a + b)}" for a, b in pairs]
                bad.append(f"{head}.{body}.{encode(utils.encode_dss_signature(r, s))}")
        assert [token for token in bad if gateway.who(token) is not None] == [], key.algorithm
    for token in ("", ".", "..", "a.b.c", "null", "Bearer", "é", encode(b"\xff\xfe") * 3, "[]", "." * 1000, encode({}) * 2):
        assert gateway.get("/api/me", headers={"Authorization": b"Bearer " + token.encode()}).status_code == 401


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b'"x"', b"{", b'{"iss":1}', b"\xff", b"{}" * 10, b'{"a":' * 3000])
def test_signed_nonsense_is_refused(gateway, issuer, payload):
    key = issuer.keys[0]
    text = encode({"alg": "RS256", "kid": "rsa"}) + "." + encode(payload)
    assert gateway.who(text + "." + encode(key.signature(text))) is None


def test_huge_tokens_are_not_looked_at(gateway, issuer):
    assert gateway.who(issuer.token(padding="x" * 8000)) == ANNA
    for size in (17_000, 60_000):
        assert gateway.get("/api/me", issuer.token(padding="x" * size)).status_code in (401, 431)


def test_two_credentials_are_refused(gateway, issuer):
    session = requests.Session()
    url = f"{gateway.url}/api/me"
    raw = f"GET /api/me HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {issuer.token()}\r\nAuthorization: Bearer x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(raw.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")
    # A token that does not hold is not made up for by a cookie that does.
    signed_in = gateway.platform.session()
    assert signed_in.get(f"{gateway.platform.gateway}/api/me", headers={"Authorization": "Bearer x"}, timeout=30).status_code == 401
    assert session.get(url, headers={"Authorization": "Basic eDp5"}, timeout=30).status_code == 401


# -- keys that change, are slow, huge, or gone -------------------------------------------------------------------------------


@pytest.fixture
def own(platform, tmp_path):
    """An issuer and a gateway of the test's own."""
    issuer = Issuer()
    with Gateway(platform, tmp_path / "state", "--oidc-issuer", issuer.url, "--oidc-client-id", "martlet") as gateway:
        yield issuer, gateway
    issuer.go_away()


def test_new_keys_are_found_and_old_ones_forgotten(own):
    issuer, gateway = own
    old, new = issuer.keys[0], Key("ES256", "new")
    before = issuer.token(old)
    assert gateway.who(before) == ANNA
    issuer.keys = [new]
    assert eventually(lambda: gateway.who(issuer.token(new))) == ANNA
    assert gateway.who(before) is None, "also a token that was found right before"
    swapped = Key("ES256", "new")
    assert gateway.who(swapped.token(issuer.claims())) is None


def test_a_token_without_kid_holds_where_one_key_fits(own):
    issuer, gateway = own
    assert gateway.who(issuer.token(header={"kid": None})) == ANNA
    issuer.keys.append(Key("RS256", "second"))
    assert eventually(lambda: gateway.who(issuer.token(issuer.keys[1]))) == ANNA
    assert gateway.who(issuer.token(header={"kid": None})) is None


def test_keys_that_are_slow_huge_broken_or_elsewhere_stop_nothing(own):
    issuer, gateway = own
    known = issuer.token()
    assert gateway.who(known) == ANNA
    release = threading.Event()

    def slow(handler):
        release.wait(30)
        handler.send(b'{"keys":[]}')

    def huge(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        try:
            handler.wfile.write(b'{"keys":["')
            for _ in range(64):
                handler.wfile.write(b"x" * (1 << 20))
        except OSError:
            pass
        handler.close_connection = True

    answers = {
        "slow": slow, "huge": huge, "empty": lambda handler: handler.send(b""),
        "no JSON": lambda handler: handler.send(b"<html>"), "an error": lambda handler: handler.send(b"{}", 500),
        "no keys": lambda handler: handler.send(b'{"keys":[]}'), "deep": lambda handler: handler.send(b"[" * 100_000),
        "elsewhere": lambda handler: handler.send(b"", 302, Location=issuer.url + "/stolen"),
        "other keys": lambda handler: handler.send(json.dumps({"keys": [
            {"kty": "oct", "k": "AAAA", "kid": "o"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "weak"}, 7, None]}).encode()),
    }
    for name, answer in answers.items():
        issuer.answer = answer
        fetches = len(issuer.fetches)
        unknown = Key("RS256", "unknown").token(issuer.claims())
        asking = threading.Thread(target=lambda: eventually(
            lambda: gateway.who(unknown) is None and len(issuer.fetches) > fetches + 1))
        asking.start()
        if name == "slow":
            eventually(lambda: len(issuer.fetches) > fetches + 1)
            assert gateway.who(known) == ANNA, "who is known does not wait"
            release.set()
        asking.join(60)
        assert not asking.is_alive()
        assert gateway.who(known) == ANNA, name
    assert "/stolen" not in issuer.fetches


def test_an_issuer_that_goes_away_is_missed_by_nobody_who_is_known(own):
    issuer, gateway = own
    known = issuer.token()
    assert gateway.who(known) == ANNA
    issuer.go_away()
    assert gateway.who(issuer.token()) == ANNA
    assert gateway.who(Key("RS256", "unknown").token(issuer.claims())) is None


def test_without_an_issuer_tokens_are_put_off_not_refused(platform, tmp_path):
    issuer = Issuer()
    issuer.go_away()
    with Gateway(platform, tmp_path / "state", "--oidc-issuer", issuer.url, "--oidc-client-id", "martlet") as gateway:
        answer = gateway.get("/api/me", issuer.token())
        assert answer.status_code == 503 and answer.headers["Retry-After"]


@pytest.mark.parametrize("change", [
    {"issuer": "https://evil.example"}, {"jwks_uri": "file:///etc/passwd"}, {"jwks_uri": None}, {"token_endpoint": "ldap://x"},
    {"jwks_uri": "http://user@127.0.0.1/keys"},
], ids=str)
def test_a_provider_that_is_set_up_wrongly_is_not_used(platform, tmp_path, change):
    class Odd(Issuer):
        @property
        def document(self):
            return {name: value for name, value in (super().document | change).items() if value is not None}

    issuer = Odd()
    with Gateway(platform, tmp_path / "state", "--oidc-issuer", issuer.url, "--oidc-client-id", "martlet") as gateway:
        assert gateway.get("/api/me", issuer.token()).status_code == 503
        assert gateway.get("/login/oidc").status_code == 502
    issuer.go_away()

# -- encryption ---------------------------------------------------------------------------------------------------------------


def test_an_issuer_with_a_certificate_that_is_not_trusted_is_not_asked(platform, tmp_path):
    authority, other = Authority(), Authority()
    issuer = Issuer(tls=authority.server_context(tmp_path, "localhost"))
    flags = ["--oidc-issuer", issuer.url, "--oidc-client-id", "martlet", "--oidc-ca-file"]
    with Gateway(platform, tmp_path / "right", *flags, authority.write(tmp_path / "ca.pem")) as gateway:
        assert gateway.who(issuer.token()) == ANNA
    with Gateway(platform, tmp_path / "wrong", *flags, other.write(tmp_path / "other.pem")) as gateway:
        assert gateway.get("/api/me", issuer.token()).status_code == 503
    issuer.go_away()
    named_otherwise = Issuer(tls=authority.server_context(tmp_path, "idp.example.com"))
    flags[1] = named_otherwise.url
    with Gateway(platform, tmp_path / "named", *flags, authority.write(tmp_path / "ca.pem")) as gateway:
        assert gateway.get("/api/me", named_otherwise.token()).status_code == 503
    named_otherwise.go_away()


# -- service accounts --------------------------------------------------------------------------------------------------------


def test_service_accounts_are_who_they_are_and_no_more(platform, gateway, namespace):
    platform.kubectl("create", "serviceaccount", "robot", "-n", namespace)
    token = platform.kubectl("create", "token", "robot", "-n", namespace).stdout.strip()
    user, groups = gateway.who(token)
    assert user == f"system:serviceaccount:{namespace}:robot"
    assert set(groups) == {"system:serviceaccounts", f"system:serviceaccounts:{namespace}"}
    pods = f"/api/k8s/api/v1/namespaces/{namespace}/pods"
    assert gateway.get(pods, token).status_code == 403
    platform.kubectl("create", "rolebinding", "robot", "-n", namespace, "--clusterrole=view", f"--serviceaccount={namespace}:robot")
    assert gateway.get(pods, token).status_code == 200
    assert gateway.get("/api/sessions", token).status_code == 403
    assert gateway.get("/api/tokens", token).status_code == 403
    for changed in (token[:-4] + "AAAA", token + "x"):
        assert gateway.get(pods, changed).status_code == 401
    foreign = platform.kubectl("create", "token", "robot", "-n", namespace, "--audience", "elsewhere").stdout.strip()
    assert gateway.who(foreign) is None


def test_audiences_of_service_accounts_are_a_setting(platform, namespace, tmp_path):
    platform.kubectl("create", "serviceaccount", "robot", "-n", namespace)
    own, standard = (platform.kubectl("create", "token", "robot", "-n", namespace, *flags).stdout.strip()
                     for flags in (["--audience", "pipelines.kubeflow.org"], []))
    with Gateway(platform, tmp_path / "state", "--token-audiences", "pipelines.kubeflow.org") as gateway:
        assert gateway.who(own)[0] == f"system:serviceaccount:{namespace}:robot"
        assert gateway.who(standard) is None


def test_tokens_between_our_services_open_no_door(platform, gateway):
    """What the gateway signs for services is not taken by the gateway."""
    pem = (gateway.state / "service.key").read_bytes()
    key = Key("ES256", "x")
    key.private = load_pem_private_key(pem, None)
    for audience in ("profiles-kfam", "martlet", "martlet-gateway"):
        claims = {"iss": "martlet-gateway", "sub": "user@example.com", "aud": audience, "exp": now(60), "iat": now(0)}
        assert gateway.who(key.token(claims)) is None
