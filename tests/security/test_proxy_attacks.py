"""What the gateway passes on, and to whom: paths, framing, headers, hosts, sockets."""

import json
import socket
import subprocess
import urllib.parse

import pytest

from support import audit, wire
from support.waiting import eventually
from support.tenants import ADMIN, FOREIGN, OWNER, STRANGER, TENANT, echo

# Asks every address for every port, each by HTTP with the header that would make one an administrator.
PROBE = r"""
import json, socket, sys, threading
found, user = [], sys.argv[1]
def ask(host, port):
    try:
        with socket.create_connection((host, port), timeout=1.5) as connection:
            connection.sendall(f"GET /kfam/v1/bindings HTTP/1.1\r\nHost: {host}\r\nkubeflow-userid: {user}\r\nConnection: close\r\n\r\n".encode())
            found.append([host, port, connection.recv(200).decode("latin-1")])
    except OSError:
        pass
targets = [target.rsplit(":", 1) for target in sys.argv[2:]]
threads = [threading.Thread(target=ask, args=(host, int(port))) for host, port in targets]
[t.start() for t in threads]
[t.join() for t in threads]
print(json.dumps(found))
"""


def probe(world, namespace, *targets):
    done = world.platform.kubectl("exec", "echo-0", "-n", namespace, "--", "python3", "-c", PROBE, ADMIN, *targets)
    return json.loads(done.stdout)


def told(answer):
    """What the notebook's server says reached it."""
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])


def as_person(person, *headers):
    return [("Cookie", wire.cookies(person.session)), ("X-XSRF-TOKEN", person.session.cookies["XSRF-TOKEN"]), *headers]


def test_a02_services_are_out_of_reach_of_pods_and_believe_no_header(world, notebooks):
    address = subprocess.run(["ip", "-j", "addr"], capture_output=True, text=True, check=True).stdout
    hosts = {info["local"] for link in json.loads(address) for info in link["addr_info"] if info["family"] == "inet"}
    ports = {urllib.parse.urlsplit(url).port for url in (world.platform.gateway, world.kfam)}
    ports.add(urllib.parse.urlsplit(world.platform.get(
        "mutatingwebhookconfiguration", "martlet-poddefaults")["webhooks"][0]["clientConfig"]["url"]).port)
    targets = [f"{host}:{port}" for host in hosts for port in ports | {8080, 8081, 8082, 5000, 4443}]
    for namespace in (TENANT, FOREIGN):
        assert probe(world, namespace, *targets) == []
    # On the machine itself KFAM can be reached, around the gateway: a header is no proof.
    for header in ("kubeflow-userid", "X-Goog-Authenticated-User-Email", "Impersonate-User"):
        world.ask_kfam("/v1/bindings", status=401, headers={header: ADMIN})
        world.ask_kfam(f"/v1/profiles/{TENANT}", "DELETE", 401, headers={header: ADMIN})


def test_a02_a_pod_asks_kubernetes_as_itself_only(world, notebooks):
    script = r"""
import json, ssl, sys, urllib.error, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
context = ssl.create_default_context(cafile=folder + "ca.crt")
def ask(path, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request("https://kubernetes.default.svc" + path, headers={
        "Authorization": "Bearer " + open(folder + "token").read(), **headers})
    try:
        return urllib.request.urlopen(request, context=context, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code
admin = sys.argv[1]
print(json.dumps([ask("/api/v1/namespaces/%s/pods" % sys.argv[2]), ask("/api/v1/secrets", Impersonate_User=admin),
    ask("/api/v1/secrets", kubeflow_userid=admin), ask("/api/v1/secrets", X_Remote_User=admin, X_Remote_Group="system:masters"),
    ask("/api/v1/secrets", Impersonate_Group="system:masters")]))
"""
    done = world.platform.kubectl("exec", "echo-0", "-n", FOREIGN, "--", "python3", "-c", script, ADMIN, TENANT)
    assert json.loads(done.stdout) == [403, 403, 403, 403, 400], "a group alone is no name"
    account = f"system:serviceaccount:{FOREIGN}:default"
    line = audit.api(world.platform, user=account, resource="pods", namespace=TENANT, decision="forbid")
    assert line["code"] == 403


ESCAPES = [
    "/dex/../api/me", "/oauth2/..;/api/me", "/oauth2/callback/..%2f..%2fapi/me", "//api/me", "/./api/me", "/api//me",
    "/%61pi/me", "/api%2fme", "/API/me", "/api/me/", "/api/me;x", "/api\\me", "/assets/../api/me", "/assets/%2e%2e/api/me",
    "/healthz/../api/me", "/login/../api/me", "/kfam/../api/me", "/kfam%2f..%2fapi/me", "/api/me%00", "/api/me%20",
    "/api/k8s/../me", "/api/k8s/api/../../me", "/metrics/../api/me", "/index.html/../../../../etc/passwd",
    "/..%2f..%2f..%2fetc/passwd", "/assets/..%5c..%5cetc/passwd", "/%c0%ae%c0%ae/etc/passwd", "/dashboard_lib.bundle.js/../api/me",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_a07_no_spelling_of_a_path_leads_around_the_proof(world, path):
    code, answer = wire.ask(world.platform.gateway, path, headers=[("kubeflow-userid", ADMIN)])
    assert code in (301, 308, 400, 401, 404), (code, answer[:200])
    assert ADMIN.encode() not in answer and b"root:" not in answer and b'"namespaces"' not in answer


def test_a07_other_forms_of_a_target_are_refused(world):
    gateway = world.platform.gateway
    cookie = [("Cookie", wire.cookies(world.owner.session))]
    for target in (f"{gateway}/api/me", "http://evil.example/api/me", "https://kubernetes.default.svc/api", "*", "", "api/me",
                   "?x", "evil.example:443"):
        request_id = audit.request_id()
        code, answer = wire.ask(gateway, target, headers=[*cookie, ("X-Request-Id", request_id)])
        assert code == 400 and OWNER.encode() not in answer, target
    assert audit.gateway(world.platform, code=400, user="system:anonymous", reason="the request target must be a path")
    assert wire.ask(gateway, "kubernetes.default.svc:443", "CONNECT", cookie)[0] in (400, 405)
    for method in ("TRACE", "PROPFIND", "get"):
        code, answer = wire.ask(gateway, "/api/me", method, cookie)
        assert code in (400, 403, 404, 405, 501) and wire.cookies(world.owner.session).encode() not in answer


def test_a20_a_notebooks_own_headers_do_not_open_it_nor_name_anybody(world, notebooks, made):
    headers = {"kubeflow-userid": OWNER, "Kubeflow_Userid": OWNER, "X-Forwarded-User": OWNER, "Host": "evil.example",
               "Cookie": "martlet_session=x", "Content-Length": "7", "Transfer-Encoding": "chunked", "Upgrade": "h2c",
               "X-Split": "a\r\nkubeflow-userid: " + ADMIN, "X-Split\r\nkubeflow-userid": ADMIN, "kubeflow-groups": "system:masters",
               "Impersonate-User": ADMIN, "X-Mine": "mine", "X Y": "z", "": "empty"}
    made(echo("open", FOREIGN, {
        "notebooks.kubeflow.org/http-headers-request-set": json.dumps(headers),
        "notebooks.kubeflow.org/http-rewrite-uri": "/kfam/../../../api/me"}))
    world.platform.kubectl("wait", "--for=create", "pod/open-0", "-n", FOREIGN, "--timeout=60s")
    world.platform.wait("--for=condition=Ready", "pod/open-0", "-n", FOREIGN)
    world.owner.refused(f"/notebook/{FOREIGN}/open/")
    world.platform.wait_for_http(f"{world.platform.gateway}/notebook/{FOREIGN}/open/x", world.stranger.session)
    code, answer = wire.ask(world.platform.gateway, f"/notebook/{FOREIGN}/open/lab?a=1", headers=as_person(world.stranger))
    came = told(answer)
    names = [name.lower().replace("_", "-") for name, _ in came["headers"]]
    values = dict(came["headers"])
    assert code == 200 and came["path"] == "/kfam/../../../api/me/lab?a=1", "it goes to its own server, whatever it is called"
    assert names.count("kubeflow-userid") == 1 and values["kubeflow-userid"] == STRANGER
    assert values.get("X-Mine") == "mine"
    for name in ("kubeflow-groups", "x-forwarded-user", "impersonate-user", "upgrade", "transfer-encoding", "x-split", "x y"):
        assert name not in names, came
    assert ADMIN not in json.dumps(came) and "martlet_session" not in json.dumps(came) and "evil" not in json.dumps(came)


@pytest.mark.parametrize("path", [
    "/notebook/{f}/echo/../../{t}/echo/", "/notebook/{f}/echo/..%2f..%2f{t}/echo/", "/notebook/{f}/echo/%2e%2e/%2e%2e/{t}/echo/",
    "/notebook/{f}/echo/..;/..;/{t}/echo/", "/notebook/{f}/echo//../../{t}/echo/", "/notebook/{f}/echo\\..\\..\\{t}\\echo/",
    "/notebook/{f}/echo/?x=/../../{t}/echo/"])
def test_a21_paths_below_a_notebook_stay_with_it(world, notebooks, path):
    """What another server would fold away reaches the stranger's own notebook as it is, or nothing."""
    target = path.format(f=FOREIGN, t=TENANT)
    code, answer = wire.ask(world.platform.gateway, target, headers=as_person(world.stranger))
    if code == 200:
        came = told(answer)
        assert came["path"] == target and ["kubeflow-userid", STRANGER] in came["headers"]
        assert dict(came["headers"])["x-forwarded-prefix"] == f"/notebook/{FOREIGN}/echo/"
    else:
        assert code in (400, 404)


@pytest.mark.parametrize("path", [
    "/notebook/../{t}/echo/", "/notebook/{t}/../{t}/echo/", "/notebook//{t}/echo/", "/notebook/{t}//echo/", "/notebook/{t}/ECHO/",
    "/notebook/%61ttacked/echo/", "/notebook/{t}%2fecho/", "/notebook/{t}/echo%2f..%2fecho/", "/notebook/{t}/echo;/",
    "/Notebook/{t}/echo/", "/notebook/{t}/echo:80/", "/notebook/{t}/echo.svc.cluster.local/", "/notebook/{t}/echo@kubernetes/",
    "/notebook/{t}./echo/", "/x/../notebook/{t}/echo/", "//notebook/{t}/echo/", "/notebook/{t}/echo"])
def test_a21_no_spelling_opens_the_notebook_of_others(world, notebooks, path):
    for headers in ([], as_person(world.stranger)):
        code, answer = wire.ask(world.platform.gateway, path.format(t=TENANT), headers=headers)
        # `/Notebook/...` and the like are addresses of the page.
        assert code in (400, 401, 403, 404) or b"text/html" in answer and b"<script" in answer, (code, answer[:300])
        assert b'"headers"' not in answer
    # The same for services that are no notebook's.
    for name in ("profiles-kfam", "gateway", "kubernetes"):
        world.stranger.refused(f"/notebook/kubeflow/{name}/")
        world.admin.ask(f"/notebook/kubeflow/{name}/", status=404)


def test_a21_names_that_would_be_paths_are_no_names(world):
    for name in ("a/b", "..", "a%2fb", "a b", "a;b", "A", "a.b", "-a", "a" * 64, "ä", "a\nb", ""):
        body = {"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": name},
                "spec": {"template": {"spec": {"containers": [{"name": "x", "image": "python:3.11"}]}}}}
        answer = world.owner.ask(f"/api/k8s/apis/kubeflow.org/v1/namespaces/{TENANT}/notebooks", "POST", None, json=body)
        if answer.status_code == 201:  # a name of Kubernetes', but no notebook's: nothing is made of it
            world.owner.ask(f"/api/k8s/apis/kubeflow.org/v1/namespaces/{TENANT}/notebooks/{name}", "DELETE")
        else:
            assert answer.status_code in (400, 422), name
        form = {"name": name, "image": "jupyter-minimal", "cpu": "0.1", "memory": "0.1Gi"}
        assert world.owner.ask(f"/jupyter/api/namespaces/{TENANT}/notebooks", "POST", None, json=form).status_code == 400


@pytest.mark.parametrize("kind", ["networking.istio.io/v1/{ns}virtualservices", "networking.istio.io/v1/{ns}gateways",
                                  "security.istio.io/v1/{ns}authorizationpolicies", "gateway.networking.k8s.io/v1/{ns}httproutes"])
def test_a22_nobody_but_administrators_writes_routes_and_mesh_policies(world, kind):
    path = "/apis/" + kind.format(ns=f"namespaces/{TENANT}/")
    for person in (world.owner, world.contributor):
        person.refused_by_api(path, "POST", json={"metadata": {"name": "all"}, "spec": {"hosts": ["*"]}})
    # An Ingress may be made, and leads nowhere: the gateway reads none.
    ingress = {"metadata": {"name": "all"}, "spec": {"rules": [{"http": {"paths": [{
        "path": "/kfam", "pathType": "Prefix", "backend": {"service": {"name": "echo", "port": {"number": 80}}}}]}}]}}
    place = f"/api/k8s/apis/networking.k8s.io/v1/namespaces/{TENANT}/ingresses"
    world.owner.ask(place, "POST", 201, json=ingress)
    assert world.owner.ask("/kfam/").text == "Hello World!"
    world.owner.ask(f"{place}/all", "DELETE")


def test_a23_pods_of_others_answer_nothing_at_all(world, notebooks):
    address = world.platform.get("pod", "echo-0", "-n", TENANT)["status"]["podIP"]
    service = world.platform.get("service", "echo", "-n", TENANT)["spec"]["clusterIP"]
    targets = [f"{address}:8888", f"{service}:80", f"echo.{TENANT}.svc.cluster.local:80"]
    assert len(probe(world, TENANT, *targets)) == 3, "they do answer in their own namespace"
    assert probe(world, FOREIGN, *targets) == []
    for path in ("metrics", "healthz", "wait-for-drain", "api/kernels"):
        world.stranger.refused(f"/notebook/{TENANT}/echo/{path}")


def test_a23_addresses_that_somebody_wrote_down_lead_nowhere(world, notebooks, made):
    """The gateway reaches every Pod. A notebook of one's own whose addresses are another tenant's Pod would open that one."""
    victim = world.platform.get("pod", "echo-0", "-n", TENANT)["status"]["podIP"]
    place = f"/api/v1/namespaces/{FOREIGN}"
    ways = {"metadata": {"name": "bridge"}, "subsets": [{
        "addresses": [{"ip": victim, "targetRef": {"kind": "Pod", "name": "bridge-0", "namespace": FOREIGN}}],
        "ports": [{"name": "http-bridge", "port": 8888}]}]}
    for path, body in (("/endpoints", ways), ("/pods/echo-0/status", {"status": {"podIP": victim}})):
        for person in (world.stranger, world.owner):
            person.refused_by_api(place + path, "POST" if path == "/endpoints" else "PATCH", json=body, headers={
                "Content-Type": "application/json" if path == "/endpoints" else "application/merge-patch+json"})
    world.stranger.refused_by_api(f"/apis/discovery.k8s.io/v1/namespaces/{FOREIGN}/endpointslices", "POST", json={
        "metadata": {"name": "bridge"}, "addressType": "IPv4", "endpoints": []})
    # Even where another role lets somebody write them.
    meta = {"name": "bridge", "namespace": FOREIGN}
    made({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"name": "http-bridge", "port": 80}]}},
         {"apiVersion": "v1", "kind": "Endpoints", **ways, "metadata": meta},
         {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bridge-0", "namespace": FOREIGN, "labels": {"notebook-name": "bridge"}},
          "spec": {"nodeSelector": {"no": "where"}, "containers": [{"name": "x", "image": "busybox"}]}}, echo("bridge", FOREIGN))
    eventually(lambda: world.stranger.ask(f"/notebook/{FOREIGN}/bridge/", status=None).status_code != 404)
    for _ in range(20):
        answer = world.stranger.ask(f"/notebook/{FOREIGN}/bridge/", status=None)
        assert answer.status_code == 503 and "headers" not in answer.text


def test_a30_parameters_of_paths_are_names(world):
    for part in ("..", "%2e%2e", ".", "%2e", "..%2f..", "a%2fb", "%00", "a%0d%0ab", "%ff%fe", "*", "a%20b"):
        for path in (f"/jupyter/api/namespaces/{part}/notebooks", f"/jupyter/api/namespaces/{TENANT}/notebooks/{part}",
                     f"/api/activities/{part}", f"/api/logs/{part}/x/y", f"/api/logs/{TENANT}/{part}/y",
                     f"/api/logs/{TENANT}/x/{part}", f"/api/workgroup/get-contributors/{part}",
                     f"/kfam/v1/profiles/{part}", f"/api/k8s/api/v1/namespaces/{part}/secrets",
                     f"/api/k8s/api/v1/namespaces/{FOREIGN}/pods/{part}/log"):
            code, answer = wire.ask(world.platform.gateway, path, headers=as_person(world.stranger))
            body = answer.split(b"\r\n\r\n", 1)[1]
            assert code in (400, 401, 403, 404, 405), (path, code, body[:200])
            assert b'"items"' not in body
    for target in (f"/api/k8s/api/v1/namespaces/{FOREIGN}/../{TENANT}/secrets", "/api/k8s//api/v1/secrets",
                   f"/api/k8s/api/v1/namespaces/{FOREIGN}/secrets/..%2f..%2f{TENANT}%2fsecrets",
                   "/api/k8s/metrics", "/api/k8s/logs/", "/api/k8s/debug/pprof/", "/api/k8s/healthz", "/api/k8s/"):
        code, answer = wire.ask(world.platform.gateway, target, headers=as_person(world.stranger))
        assert code in (400, 403, 404), (target, code, answer[-200:])


@pytest.mark.parametrize("part", ["proxy", "exec", "attach", "portforward", "%70roxy", "pro%78y"])
def test_pages_and_shells_of_pods_are_not_served_below_our_origin(world, notebooks, part):
    pod, service = f"namespaces/{TENANT}/pods/echo-0", f"namespaces/{TENANT}/services/echo:80"
    for path in (f"{pod}/{part}", f"{pod}/{part}/", f"{service}/{part}/x", f"proxy/{pod}/", f"nodes/martlet/{part}/"):
        for person in (world.owner, world.admin):
            code, answer = wire.ask(world.platform.gateway, f"/api/k8s/api/v1/{path}", headers=as_person(person))
            assert code in (400, 403, 404) and b'"headers"' not in answer, (path, code)
    request_id = audit.request_id()
    wire.ask(world.platform.gateway, f"/api/k8s/api/v1/{pod}/{part}", headers=as_person(world.owner, ("X-Request-Id", request_id)))
    assert audit.gateway(world.platform, id=request_id)["user"] == OWNER


# -- framing --------------------------------------------------------------------------------------------------------

SMUGGLED = b"GET /api/sessions HTTP/1.1\r\nHost: x\r\n\r\n"

FRAMES = {
    "CL and TE": [b"Content-Length: 4", b"Transfer-Encoding: chunked"],
    "TE and CL": [b"Transfer-Encoding: chunked", b"Content-Length: 4"],
    "two lengths": [b"Content-Length: 0", b"Content-Length: 41"],
    "two equal lengths": [b"Content-Length: 41", b"Content-Length: 41"],
    "list of lengths": [b"Content-Length: 0, 41"],
    "signed length": [b"Content-Length: +41"], "negative length": [b"Content-Length: -1"],
    "hexadecimal length": [b"Content-Length: 0x29"], "length with a blank": [b"Content-Length: 4 1"],
    "length that overflows": [b"Content-Length: 18446744073709551657"],
    "empty length": [b"Content-Length:"],
    "length with underscore": [b"Content-Length: 4_1"],
    "space before colon": [b"Content-Length : 41"], "obs-fold": [b"Content-Length:", b" 41"],
    "folded encoding": [b"Transfer-Encoding:", b" chunked"],
    "unknown encoding": [b"Transfer-Encoding: xchunked"], "two encodings": [b"Transfer-Encoding: gzip, chunked"],
    "chunked twice": [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
    "identity": [b"Transfer-Encoding: identity"], "encoding with tab": [b"Transfer-Encoding:\tchunked\x0b"],
    "encoding with a null": [b"Transfer-Encoding: chunked\x00"], "quoted": [b'Transfer-Encoding: "chunked"'],
    "bare CR": [b"X: a\rTransfer-Encoding: chunked"], "null in a name": [b"X\x00: a"], "no colon": [b"Transfer-Encoding chunked"],
}


@pytest.mark.parametrize("lines", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("place", ["api", "notebook", "kfam"])
def test_requests_whose_end_is_in_doubt_are_refused(world, notebooks, lines, place):
    path = {"api": "/api/me", "notebook": notebooks, "kfam": "/kfam/v1/bindings"}[place]
    head = [f"POST {path} HTTP/1.1".encode(), f"Host: {urllib.parse.urlsplit(world.platform.gateway).netloc}".encode(),
            f"Cookie: {wire.cookies(world.owner.session)}".encode(), *lines]
    answer = wire.send(world.platform.gateway, b"\r\n".join(head) + b"\r\n\r\n" + b"0\r\n\r\n" + SMUGGLED, timeout=3)
    assert wire.status(answer) in (0, 400, 501), answer[:300]
    assert answer.count(b"HTTP/1.1 ") <= 1 and b'"sessions"' not in answer and b"421" not in answer


def test_refused_frames_are_in_the_log(world):
    for address, lines, reason in (("127.3.0.1", "Content-Length: 1\r\nContent-Length: 2", "the request is not valid HTTP/1.1"),
                                   ("127.3.0.2", "Host: b", "a request has exactly one Host header")):
        wire.send(world.platform.gateway, f"POST /api/quota HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n".encode(), source=address, timeout=3)
        line = audit.gateway(world.platform, address=address, code=400)
        assert line["reason"] == reason and line["decision"] == "forbid" and line["user"] == "system:anonymous"


@pytest.mark.parametrize("chunks", [
    b"5;ext=1\r\nhello\r\n0\r\n\r\n", b"5 ; a=b\r\nhello\r\n0\r\n\r\n", b"5;\nx\r\nhello\r\n0\r\n\r\n", b"5\nhello\n0\n\n",
    b"0x5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"5_0\r\nhello\r\n0\r\n\r\n", b"-1\r\nhello\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n", b"6\r\nhello\r\n0\r\n\r\n",
    b"5;" + b"x" * 100_000 + b"\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nContent-Length: 3\r\nCookie: a=b\r\n\r\n"])
def test_odd_chunks_hide_no_request(world, notebooks, chunks):
    """What comes through is a body that the notebook sees whole, or nothing; never a second request."""
    head = (f"POST {notebooks} HTTP/1.1\r\nHost: {urllib.parse.urlsplit(world.platform.gateway).netloc}\r\n"
            f"Cookie: {wire.cookies(world.owner.session)}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
    answer = wire.send(world.platform.gateway, head + chunks + SMUGGLED, timeout=3)
    assert b'"sessions"' not in answer and answer.count(b"HTTP/1.1 200") <= 1
    assert wire.status(answer) in (0, 200, 400, 413, 502, 503), answer[:300]


def test_a_body_is_not_the_next_request(world, notebooks):
    """On a kept connection to a notebook, a GET's body goes with the GET."""
    host = urllib.parse.urlsplit(world.platform.gateway).netloc
    inner = f"GET {notebooks}?stolen HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    for length in (len(inner), len(inner) - 1):
        head = (f"GET {notebooks}?first HTTP/1.1\r\nHost: {host}\r\nCookie: {wire.cookies(world.owner.session)}\r\n"
                f"Content-Length: {length}\r\nConnection: close\r\n\r\n").encode()
        answer = wire.send(world.platform.gateway, head + inner, timeout=3)
        assert answer.count(b"HTTP/1.1 200") == 1 and b"stolen" in told(answer)["body"].encode() and b"?first" in answer


# -- hosts, origins, sockets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "kubernetes.default.svc", "0.0.0.0",
    "[::ffff:127.0.0.1]", "169.254.169.254", "2130706433", "127.1", "evil.example#127.0.0.1", "[::1", ""])
def test_other_names_for_this_machine_are_not_answered(world, host):
    """A page of evil.example whose name points to 127.0.0.1 has the user's network, and no answer."""
    request_id = audit.request_id()
    for path in ("/api/me", "/", "/login", f"/notebook/{TENANT}/echo/", "/kfam/"):
        code, answer = wire.ask(world.platform.gateway, path, headers=as_person(world.owner, ("X-Request-Id", request_id)),
                                host=host or " ")
        assert code in (400, 421) and OWNER.encode() not in answer, (host, path, code)
    if code == 421:
        assert audit.gateway(world.platform, id=request_id)["code"] == 421


def test_host_headers_are_one_and_lead_nowhere(world):
    gateway = world.platform.gateway
    netloc = urllib.parse.urlsplit(gateway).netloc
    for lines in (f"Host: {netloc}\r\nHost: evil.example", f"Host: {netloc}, evil.example", f"Host: evil.example@{netloc}",
                  "X: y", f"Host: {netloc}\r\n evil.example"):
        answer = wire.send(gateway, f"GET /api/me HTTP/1.1\r\n{lines}\r\nConnection: close\r\n\r\n".encode(), timeout=3)
        assert wire.status(answer) in (400, 421), (lines, answer[:200])
    for name in ("X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"):
        answer = world.nobody.ask("/", status=401, headers={name: "http://evil.example/"})
        assert "evil.example" not in answer.text and "evil.example" not in str(answer.headers)
        world.nobody.refused("/api/me", status=401, headers={name: "/login"})
    answer = world.owner.ask(f"/notebook/{TENANT}/echo?x=//evil.example", status=308, headers={"X-Forwarded-Host": "evil.example"})
    assert answer.headers["location"] == f"/notebook/{TENANT}/echo/?x=//evil.example"


def test_sockets_are_opened_by_our_own_pages_only(world, notebooks):
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
               ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")]
    gateway = world.platform.gateway

    def shake(person, *headers):
        netloc = urllib.parse.urlsplit(gateway).netloc
        lines = [f"GET {notebooks} HTTP/1.1", f"Host: {netloc}", *(f"{n}: {v}" for n, v in (
            *upgrade, *as_person(person), *headers))]
        return wire.send(gateway, "\r\n".join(lines).encode() + b"\r\n\r\n", timeout=3)

    assert wire.status(shake(world.owner, ("Origin", gateway))) == 101
    for origin in ("http://evil.example", "null", gateway + ".evil.example", "http://127.0.0.1", "http://localhost:1", "file://"):
        request_id = audit.request_id()
        assert wire.status(shake(world.owner, ("Origin", origin), ("X-Request-Id", request_id))) == 403, origin
        assert audit.gateway(world.platform, id=request_id)["user"] == OWNER
    assert wire.status(shake(world.owner, ("Sec-Fetch-Site", "cross-site"))) == 403
    assert wire.status(shake(world.stranger, ("Origin", gateway))) == 403
    # An upgrade of something else, or to something else, is no way in.
    code, _ = wire.ask(gateway, "/api/me", headers=[*as_person(world.owner), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQ")])
    assert code == 200
    assert b"101" not in wire.send(gateway, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", timeout=3)[:20]


# -- using things up ------------------------------------------------------------------------------------------------


def test_heads_and_bodies_have_an_end(world, notebooks):
    gateway = world.platform.gateway
    netloc = urllib.parse.urlsplit(gateway).netloc.encode()
    start = b"GET /api/me HTTP/1.1\r\nHost: " + netloc + b"\r\n"
    for head in (start + b"X: " + b"a" * 200_000 + b"\r\n\r\n", start + b"X: a\r\n" * 40_000 + b"\r\n",
                 b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: " + netloc + b"\r\n\r\n", start + b"a" * 200_000):
        assert wire.status(wire.send(gateway, head, timeout=5)) in (0, 400, 414, 431)
    big = b'{"contributor": "' + b"a" * (2 << 20) + b'"}'
    headers = as_person(world.owner, ("Content-Type", "application/json"))
    assert wire.ask(gateway, f"/api/workgroup/add-contributor/{TENANT}", "POST", headers, big)[0] == 413
    assert wire.ask(gateway, "/kfam/v1/bindings", "POST", headers, big)[0] == 413
    for deep in (b"[" * 100_000, b'{"a":' * 100_000, b'{"a":1' + b',"a":1' * 100_000 + b"}", b"\xff\xfe{}", b'"\\ud800"', b"1e999999"):
        for path in ("/kfam/v1/bindings", f"/api/workgroup/add-contributor/{TENANT}", f"/jupyter/api/namespaces/{TENANT}/notebooks"):
            assert wire.ask(gateway, path, "POST", headers, deep)[0] in (400, 403, 413, 422)
    assert world.owner.ask("/api/me").json()["user"] == OWNER


def test_slow_and_many_clients_keep_nobody_else_out(world):
    """Half a head on each of 400 connections: others are answered meanwhile."""
    address = urllib.parse.urlsplit(world.platform.gateway)
    slow = [socket.create_connection((address.hostname, address.port)) for _ in range(400)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx" if number % 2 else b"GET /ap")
        assert world.owner.ask("/api/me").json()["user"] == OWNER
    finally:
        for connection in slow:
            connection.close()


def test_ranges_do_not_multiply_an_answer(world):
    answer = world.owner.ask("/dashboard_lib.bundle.js", status=None, headers={"Range": "bytes=" + ",".join(["0-"] * 1000)})
    assert answer.status_code in (200, 206, 416) and len(answer.content) < 2_000_000
