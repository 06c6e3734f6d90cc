"""Pretending to be somebody else: headers, tokens, cookies, names."""

import base64
import hmac
import json
import re
import stat

import pytest
import requests

from support import audit, people, tokens, wire
from support.tenants import ADMIN, OWNER, STRANGER, TENANT

HEADERS = [
    "kubeflow-userid", "Kubeflow-UserID", "KUBEFLOW_USERID", "kubeflow_userid", "kubeflow-groups", "X-Forwarded-User",
    "X-Forwarded-Email", "X-Auth-Request-User", "X-Auth-Request-Email", "X-Remote-User", "Remote-User", "Impersonate-User",
    "Impersonate-Group", "X-Goog-Authenticated-User-Email", "X_Forwarded_User", "Forwarded", "X-Real-IP",
]


def who(person, **options):
    return person.ask("/api/me", **options).json()


@pytest.mark.parametrize("header", HEADERS)
def test_a01_a_name_without_a_proof_is_nobodys(world, header):
    for path in ("/api/me", "/kfam/v1/bindings", f"/notebook/{TENANT}/echo/", "/api/k8s/api/v1/namespaces", "/"):
        world.nobody.refused(path, status=401, headers={header: ADMIN})


def test_a03_a_token_without_a_name_is_refused_whatever_the_header_says(world):
    signer = tokens.Signer.of_gateway(world.platform)
    said = {"kubeflow-userid": ADMIN, "kubeflow-groups": "system:masters"}
    world.ask_kfam("/v1/bindings", token=signer.sign(tokens.claims(OWNER)), headers=said)
    for missing in (tokens.claims(None), tokens.claims(""), tokens.claims(None, email=ADMIN), tokens.claims(["admin"]),
                    tokens.claims({"name": ADMIN})):
        world.ask_kfam("/v1/bindings", status=401, token=signer.sign(missing), headers=said)
    # The token's word stands, not the header's: its bearer administers nothing.
    token = signer.sign(tokens.claims(STRANGER))
    assert world.ask_kfam("/v1/role/clusteradmin", token=token, headers=said).text == "false"
    world.ask_kfam(f"/v1/bindings?namespace={TENANT}", status=403, token=token, headers=said)


def test_a04_no_spelling_of_the_header_changes_who_one_is(world, notebooks):
    session = world.owner.session
    for lines in (
        [("kubeflow-userid", ADMIN), ("kubeflow-userid", OWNER)], [("Kubeflow-UserId", f"{ADMIN}  ")],
        [("kubeflow-userid", f"{OWNER},{ADMIN}")], [("kubeflow_userid", ADMIN)], [("KUBEFLOW_USERID", ADMIN)],
        [("kubeflow-userid", ADMIN), ("Connection", "kubeflow-userid, close")],
        [("Connection", "kubeflow-userid, X-Forwarded-For, close")],
    ):
        headers = [("Cookie", wire.cookies(session)), *lines]
        code, answer = wire.ask(world.platform.gateway, "/api/me", headers=headers)
        assert code == 200 and json.loads(answer.split(b"\r\n\r\n", 1)[1])["user"] == OWNER
        code, answer = wire.ask(world.platform.gateway, notebooks, headers=headers)
        came = json.loads(answer.split(b"\r\n\r\n", 1)[1])["headers"]
        told = [value for name, value in came if name.lower().replace("_", "-") in ("kubeflow-userid", "kubeflow-groups")]
        assert told == [OWNER], came
    # What cannot be a header is no header.
    for line in ("kubeflow-userid : admin", " kubeflow-userid: admin", "kubeflow-userid\t: admin", "kubeflow-userid"):
        data = f"GET /api/me HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n".encode()
        assert wire.status(wire.send(world.platform.gateway, data)) in (400, 421, 0)


def forged_tokens(world):
    """Tokens that name the administrator, each wrong in one way."""
    true, other = tokens.Signer.of_gateway(world.platform), tokens.Signer()
    good = tokens.claims(ADMIN)
    thief = {"jwk": json.loads(json.dumps({
        "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"})), "jku": f"{world.platform.gateway}/keys", "x5u": "http://x/"}
    signed = true.sign(good)
    head, body, end = signed.split(".")
    return {
        "none": tokens.unsigned(good), "None": tokens.unsigned(good, "None"), "nOnE": tokens.unsigned(good, "nOnE"),
        "no algorithm": (tokens.encode({"kid": true.kid}) + b"." + tokens.encode(good) + b".").decode(),
        "public key as secret": tokens.hmac_signed(good, true.public_pem, kid=true.kid),
        "empty secret": tokens.hmac_signed(good, b"", kid=true.kid),
        "another key": other.sign(good), "another key under its name": other.sign(good, kid=true.kid),
        "key in the token": other.sign(good, kid=true.kid, **thief), "kid as a path": other.sign(good, kid="../../dev/null"),
        "kid as a list": other.sign(good, kid=[true.kid]), "unknown extension": true.sign(good, crit=["exp"]),
        "wrong issuer": true.sign({**good, "iss": "accounts.example"}), "no issuer": true.sign({**good, "iss": None}),
        "wrong audience": true.sign(tokens.claims(ADMIN, audience="ml-pipeline")),
        "no audience": true.sign(tokens.claims(ADMIN, audience=None)),
        "audience as prefix": true.sign(tokens.claims(ADMIN, audience="profiles-kfam.example.com")),
        "expired": true.sign(tokens.claims(ADMIN, lifetime=-1)), "endless": true.sign({**good, "exp": None}),
        "expiry as text": true.sign({**good, "exp": "9999999999"}),
        "not yet": true.sign(tokens.claims(ADMIN, nbf=good["iat"] + 3600)),
        "changed": ".".join([head, tokens.encode({**good, "sub": "x"}).decode(), end]),
        "signature cut": signed[:-4], "no signature": f"{head}.{body}.", "four parts": signed + ".x", "padding": signed + "==",
        "two in one": f"{signed}, {signed}", "huge": "a" * 40_000, "nested": "." * 200, "empty": ".."}


def test_a05_forged_tokens_are_refused_everywhere(world):
    true = tokens.Signer.of_gateway(world.platform)
    assert world.ask_kfam("/v1/role/clusteradmin", token=true.sign(tokens.claims(ADMIN))).text == "true"
    for token in forged_tokens(world).values():
        world.ask_kfam("/v1/role/clusteradmin", status=401, token=token)
        world.nobody.refused("/api/me", status=401, headers={"Authorization": f"Bearer {token}"})
        world.ask_api("/api/v1/namespaces", 401, token)
    # A token for a service says nothing to the gateway or to Kubernetes.
    good = true.sign(tokens.claims(ADMIN))
    world.nobody.refused("/api/me", status=401, headers={"Authorization": f"Bearer {good}"})
    world.ask_api("/api/v1/secrets", 401, good)
    # More than one proof is none.
    both = [("Authorization", f"Bearer {good}"), ("Authorization", "Bearer x")]
    assert wire.ask(world.kfam.removesuffix("/kfam"), "/kfam/v1/bindings", headers=both)[0] == 401


def test_a05_a_pods_token_for_somebody_else_is_not_replayed_here(world):
    """A service account's token with another audience was made for another service."""
    assert world.ask_kfam("/v1/role/clusteradmin", token=world.token()).text == "false"
    for account in ("default-editor", "default"):
        token = world.token(TENANT, account, "--audience=https://elsewhere.example")
        world.ask_kfam("/v1/role/clusteradmin", status=401, token=token)
        world.ask_api(f"/api/v1/namespaces/{TENANT}/pods", 401, token)


def test_a06_keys_are_made_here_and_no_known_one_opens_anything(world):
    state = world.platform.data / "gateway"
    key = (state / "session.key").read_bytes()
    for name in ("session.key", "service.key"):
        assert stat.S_IMODE((state / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700 and len(set(key)) > 8
    cookie = world.admin.session.cookies["martlet_session"]
    body = cookie.rpartition(".")[0]
    secrets = [b"", b"\0" * 32, b"secret", b"7d16fee92f8d11b8940b081b3f8b8acb", base64.b64encode(key), key[::-1]]
    for secret in secrets:
        code = base64.urlsafe_b64encode(hmac.digest(secret, body.encode(), "sha256")).rstrip(b"=").decode()
        world.nobody.refused("/api/me", status=401, headers={"Cookie": f"martlet_session={body}.{code}"})
    for user, password in [("user@example.com", "12341234"), ("admin@example.com", "password"), ("admin", "admin")]:
        form = requests.Session()
        page = form.get(f"{world.platform.gateway}/login", timeout=30).text
        code = re.search(r'name="form" value="([^"]+)"', page).group(1)
        answer = form.post(f"{world.platform.gateway}/login", timeout=30, data={
            "form": code, "user": user, "password": password})
        assert answer.status_code == 401 and "martlet_session" not in form.cookies


def test_a29_nothing_is_cut_out_of_names(world):
    """With a prefix that is removed anywhere, `ali:ce` would be `alice`."""
    for name in (f"own:er@{OWNER.partition('@')[2]}", f":{OWNER}"):
        people.add(world.platform, name)
        session = people.sign_in(world.platform, name)
        assert session.get(f"{world.platform.gateway}/api/me", timeout=30).json()["user"] == name
        assert session.get(f"{world.platform.gateway}/kfam/v1/bindings", params={"namespace": TENANT},
                           timeout=30).status_code == 403
    assert who(world.owner)["user"] == OWNER


@pytest.mark.parametrize("group", [
    "system:masters", "SYSTEM:masters", "system:serviceaccounts", "a,system:masters", "", " ", "*", "a\nImpersonate-Group: x"])
def test_a36_groups_that_would_say_more_than_one_thing_are_refused(world, group):
    done = world.platform.cli("login", "add", "grouped@attacks.example", "--group", group, "--data-dir",
                              str(world.platform.data), check=False, input=people.PASSWORD + "\n")
    assert done.returncode != 0 and done.stderr
    assert "grouped@attacks.example" not in world.platform.cli("login", "list", "--data-dir", str(world.platform.data)).stdout


def test_a36_groups_in_headers_are_nobodys(world):
    for value in ("system:masters", "a,system:masters", ",", ""):
        mine = who(world.stranger, headers={"kubeflow-groups": value, "Impersonate-Group": value})
        assert mine["groups"] == [] and mine["isAdmin"] is False
        world.stranger.refused_by_api("/api/v1/secrets", headers={"kubeflow-groups": value, "Impersonate-Group": value})


# -- cookies and sessions -------------------------------------------------------------------------------------------


def test_cookies_that_are_not_ours_open_nothing(world):
    cookie = world.owner.session.cookies["martlet_session"]
    version, identifier, issued, expires, code = cookie.split(".")
    for forged in (
        f"v1.{identifier}.{issued}.{expires}.{code}", f"{version}.{identifier}.{issued}.99999999999.{code}",
        f"{version}.../../session.{issued}.{expires}.{code}", f"{version}.{identifier}.{issued}.{expires}.", cookie[:-1],
        cookie + "x", f"{version}.{identifier}.{issued}.{expires}.{code}.{code}", "x" * 5000, "....", f'"{cookie}"'):
        world.nobody.refused("/api/me", status=401, headers={"Cookie": f"martlet_session={forged}"})


def test_a_session_cannot_be_fixed_before_signing_in(world):
    """Whatever cookie a browser brings to the sign-in, it leaves with a new one, and the old one is worth nothing."""
    browser = requests.Session()
    url = world.platform.gateway
    stolen = world.stranger.session.cookies["martlet_session"].rpartition(".")[0] + ".AAAA"
    browser.cookies.set("martlet_session", stolen, domain="127.0.0.1", path="/")
    page = browser.get(f"{url}/login", timeout=30).text
    code = re.search(r'name="form" value="([^"]+)"', page).group(1)
    form = {"form": code, "user": OWNER, "password": people.PASSWORD}
    browser.post(f"{url}/login", data=form, timeout=30)
    first = browser.cookies["martlet_session"]
    assert first != stolen
    browser.post(f"{url}/login", data=form, timeout=30)
    assert browser.cookies["martlet_session"] != first
    world.nobody.refused("/api/me", status=401, headers={"Cookie": f"martlet_session={first}"})


def test_an_ended_session_stays_ended(world):
    session = people.sign_in(world.platform, STRANGER)
    cookie = session.cookies["martlet_session"]
    assert session.post(f"{world.platform.gateway}/logout", timeout=30).status_code == 204
    world.nobody.refused("/api/me", status=401, headers={"Cookie": f"martlet_session={cookie}"})


def test_sessions_of_others_are_neither_seen_nor_ended(world):
    mine = {one["id"] for one in world.owner.ask("/api/sessions").json()["sessions"]}
    assert not mine & {one["id"] for one in world.stranger.ask("/api/sessions").json()["sessions"]}
    for identifier in mine:
        world.stranger.ask(f"/api/sessions/{identifier}", "DELETE", 404)
    for odd in ("..%2f..%2fsession.key", "%2e%2e", "a" * 5000, "%00"):
        assert world.stranger.ask(f"/api/sessions/{odd}", "DELETE", None).status_code in (400, 404)
    assert who(world.owner)["user"] == OWNER and (world.platform.data / "gateway" / "session.key").exists()


def test_a_sign_in_link_works_once_and_for_nothing_else(world):
    link = world.platform.fresh_sign_in_url()
    first, second = requests.Session(), requests.Session()
    assert first.head(link, timeout=30).status_code == 204, "a preview does not use it up"
    assert first.get(link, timeout=30).ok and "martlet_session" in first.cookies
    request_id = audit.request_id()
    answer = second.get(link, timeout=30, headers={"X-Request-Id": request_id})
    assert answer.status_code == 401 and "martlet_session" not in second.cookies
    line = audit.gateway(world.platform, id=request_id)
    assert line["path"] == "/login" and link.partition("token=")[2] not in json.dumps(line), "no token in any log"
    for token in ("", "x" * 129, "../session.key", "%00", "*"):
        assert second.get(f"{world.platform.gateway}/login", params={"token": token}, timeout=30).status_code in (200, 401)
        assert "martlet_session" not in second.cookies


# -- guessing -------------------------------------------------------------------------------------------------------


class Guesser:
    """Somebody at another address who tries passwords."""

    def __init__(self, world, address):
        self.gateway, self.address = world.platform.gateway, address
        _, page = wire.ask(self.gateway, "/login", source=address)
        self.cookie = re.search(rb"martlet_form=([^;]+)", page).group(1).decode()
        self.code = re.search(rb'name="form" value="([^"]+)"', page).group(1).decode()

    def guess(self, user, password, **headers):
        body = f"form={self.code}&user={requests.utils.quote(user)}&password={requests.utils.quote(password)}".encode()
        self.request_id = audit.request_id()
        given = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"martlet_form={self.cookie}",
                 "X-Request-Id": self.request_id, **headers}
        return wire.ask(self.gateway, "/login", "POST", given.items(), body, source=self.address)


def test_unknown_and_known_names_are_answered_alike(world):
    """Time is alike too, since the same hash is computed; what can be compared here are the answers."""
    guesser = Guesser(world, "127.1.0.1")

    def parts(user):
        code, answer = guesser.guess(user, "wrong password")
        head, body = answer.split(b"\r\n\r\n", 1)
        body = re.sub(rb'nonce="[^"]+"|name="form" value="[^"]+"', b"", body.replace(user.encode(), b"NAME"))
        return code, sorted(line.split(b":")[0] for line in head.split(b"\r\n")[1:]), body

    assert parts(OWNER) == parts("nobody@attacks.example")
    assert audit.gateway(world.platform, id=guesser.request_id)["code"] == 401


def test_guessing_is_locked_out_and_cannot_evade_it(world):
    victim = "victim@attacks.example"
    people.add(world.platform, victim)
    guesser = Guesser(world, "127.1.0.2")
    names = [victim, victim.upper(), victim.title(), victim, victim.replace("v", "V")]
    for name in names:
        assert guesser.guess(name, "wrong password")[0] == 401
    # Another spelling, another claimed address, another form, the right password: all the same.
    for headers in ({}, {"X-Forwarded-For": "10.9.8.7"}, {"X-Real-IP": "10.9.8.7"}, {"Forwarded": "for=10.9.8.7"}):
        code, answer = guesser.guess(victim.swapcase(), people.PASSWORD, **headers)
        assert code == 429 and b"retry-after" in answer.lower()
    line = audit.gateway(world.platform, id=guesser.request_id)
    assert (line["code"], line["address"]) == (429, "127.1.0.2")
    assert Guesser(world, "127.1.0.2").guess(victim, people.PASSWORD)[0] == 429
    # The victim, elsewhere, is not kept out by it.
    assert people.sign_in(world.platform, victim)


def test_many_names_from_one_address_are_locked_out_too(world):
    guesser = Guesser(world, "127.1.0.3")
    codes = [guesser.guess(f"name-{number}@attacks.example", "wrong password")[0] for number in range(22)]
    assert codes[:19] == [401] * 19 and codes[-1] == 429
    assert who(world.owner)["user"] == OWNER


def test_a_form_from_elsewhere_signs_nobody_in(world):
    """Signing a victim in as the attacker needs the form's code, which goes with a cookie of the same browser."""
    guesser = Guesser(world, "127.1.0.4")
    for change in ({"Cookie": "martlet_form=AAAAAAAAAAAAAAAAAAAAAAAA"}, {"Origin": "http://evil.example"},
                   {"Sec-Fetch-Site": "cross-site"}):
        code, answer = guesser.guess(STRANGER, people.PASSWORD, **change)
        assert code == 403 and b"martlet_session" not in answer
        assert audit.gateway(world.platform, id=guesser.request_id)["code"] == 403
    assert guesser.guess(STRANGER, people.PASSWORD)[0] == 303
