"""People with names and passwords, signed in as a browser does it."""

import re

import requests

PASSWORD = "correct horse battery"


def add(platform, user, *groups):
    """Lets somebody sign in with the password above."""
    flags = [part for group in groups for part in ("--group", group)]
    platform.cli("login", "add", user, *flags, "--data-dir", str(platform.data), input=PASSWORD + "\n")


def sign_in(platform, user):
    """A session of somebody who was added: cookie and CSRF header."""
    session = requests.Session()
    form = session.get(f"{platform.gateway}/login", timeout=30).text
    code = re.search(r'name="form" value="([^"]+)"', form).group(1)
    answer = session.post(f"{platform.gateway}/login", timeout=30, data={
        "form": code, "next": "/", "user": user, "password": PASSWORD})
    assert answer.status_code == 200, f"{user} cannot sign in: {answer.status_code} {answer.text[:500]}"
    session.headers["X-XSRF-TOKEN"] = session.cookies["XSRF-TOKEN"]
    return session


def make_administrator(platform, user):
    """Gives somebody all rights in the cluster; also one who has them already, for tests share a platform."""
    platform.apply({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": f"administrator-{re.sub('[^a-z0-9]', '-', user)}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]})
