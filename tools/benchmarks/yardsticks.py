"""Other people's servers, measured in the same run on the same machine."""

import contextlib
import json
import shutil
import socket
import subprocess
import time

from load import wrk


def available(program):
    return shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/bin:/bin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, port, host="127.0.0.1"):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex((host, port)) == 0:
                    break
            if server.poll() is not None:
                raise RuntimeError(f"{command[0]} ended at once")
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait()


def nginx_get(folder):
    """nginx serving a static JSON of 1.4 KB over TLS with keep-alive; None when it is not installed."""
    program = available("nginx")
    if not program:
        return None
    folder = folder / "nginx"
    folder.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost"],
        check=True, capture_output=True)
    (folder / "object.json").write_text(json.dumps({"data": "x" * 1380}))
    port = free_port()
    (folder / "nginx.conf").write_text(f"""
        daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 2;
        events {{ worker_connections 1024; }}
        http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
            root {folder}; }} }}""")
    # Its workers are another user's; what they serve must be readable for them.
    folder.chmod(0o755)
    (folder / "object.json").chmod(0o644)
    user = [] if _readable_by_all(folder) else ["-g", "user root;"]
    with running([program, "-c", str(folder / "nginx.conf"), "-p", str(folder), *user], port):
        return wrk("get.lua", f"https://127.0.0.1:{port}/object.json")


def _readable_by_all(folder):
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in [folder, *folder.parents])


def etcd_put(folder):
    """etcd taking values of 0.6 KB durably, over its JSON interface; None when it is not installed."""
    program = available("etcd")
    if not program:
        return None
    client, peer = free_port(), free_port()
    command = [
        program, "--data-dir", str(folder / "etcd"), "--listen-client-urls", f"http://127.0.0.1:{client}",
        "--advertise-client-urls", f"http://127.0.0.1:{client}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
        "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}", "--initial-cluster", f"default=http://127.0.0.1:{peer}",
    ]
    with running(command, client):
        for _ in range(100):  # it listens before it has a leader
            done = subprocess.run(["curl", "-s", f"http://127.0.0.1:{client}/health"], capture_output=True, text=True)
            if '"true"' in done.stdout:
                break
            time.sleep(0.1)
        return wrk("etcd.lua", f"http://127.0.0.1:{client}/v3/kv/put")
