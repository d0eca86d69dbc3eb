"""Real registries on loopback: Debian's docker-registry without, with basic and with token authentication, and olareg.

The token server is ours, since docker-registry brings none: it checks the password and signs what docker's token protocol prescribes.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.interop.programs import free_port, program, server

USER, PASSWORD = "tester", "secret"
BCRYPT = "tester:$2y$05$2b6T2xO4bVCPFTBFBEc6h.80hZT3tnTnDu0Wc1oJlyAn/ItpUkAT2\n"


@dataclass(frozen=True)
class RealRegistry:
    """One that runs; `token_host` where its tokens come from, when that is another server; `has_referrers` when it knows that API."""

    host: str
    private: bool = False
    token_host: str | None = None
    has_referrers: bool = False


Start = Callable[[Path], contextlib.AbstractContextManager[RealRegistry]]


@contextlib.contextmanager
def _docker(folder: Path, auth: str = "") -> Iterator[str]:
    port = free_port()
    storage = f"storage: {{filesystem: {{rootdirectory: {folder / 'storage'}}}}}"
    (folder / "registry.yml").write_text(f"version: 0.1\nlog: {{level: error}}\n{storage}\nhttp: {{addr: '127.0.0.1:{port}'}}\n{auth}")
    with server([program("docker-registry"), "serve", folder / "registry.yml"], port, folder):
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def docker_open(folder: Path) -> Iterator[RealRegistry]:
    """docker-registry that lets everybody in."""
    with _docker(folder) as host:
        yield RealRegistry(host)


@contextlib.contextmanager
def docker_basic(folder: Path) -> Iterator[RealRegistry]:
    """docker-registry with a password file."""
    (folder / "htpasswd").write_text(BCRYPT)
    with _docker(folder, f"auth: {{htpasswd: {{realm: tests, path: {folder / 'htpasswd'}}}}}") as host:
        yield RealRegistry(host, private=True)


@contextlib.contextmanager
def docker_token(folder: Path) -> Iterator[RealRegistry]:
    """docker-registry that believes a token server."""
    key = rsa.generate_private_key(65537, 2048)
    certificate = _certificate(key)
    (folder / "root.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    with _token_server(key, certificate) as token_host:
        fields = {"realm": f"http://{token_host}/token", "service": "tests", "issuer": "tests", "rootcertbundle": str(folder / "root.pem")}
        with _docker(folder, f"auth: {json.dumps({'token': fields})}") as host:
            yield RealRegistry(host, private=True, token_host=token_host)


@contextlib.contextmanager
def olareg(folder: Path) -> Iterator[RealRegistry]:
    """olareg, which has the referrers API."""
    port = free_port()
    command: list[str | Path] = [program("olareg"), "serve", "--addr", "127.0.0.1", "--port", str(port), "--dir", folder / "olareg"]
    (folder / "olareg").mkdir()
    with server(command, port, folder):
        yield RealRegistry(f"127.0.0.1:{port}", has_referrers=True)


REGISTRIES: dict[str, Start] = {"docker": docker_open, "docker-basic": docker_basic, "docker-token": docker_token, "olareg": olareg}


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    now, name = datetime.datetime.now(datetime.UTC), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256())


@contextlib.contextmanager
def _token_server(key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> Iterator[str]:
    x5c = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") == expected
            scope = parse_qs(urlsplit(self.path).query).get("scope", [""])[0]
            access = []
            if scope:
                kind, name, actions = scope.split(":", 2)
                access = [{"type": kind, "name": name, "actions": actions.split(",")}]
            claims = {"iss": "tests", "aud": "tests", "sub": USER, "access": access}
            now = int(time.time())
            token = jwt.encode({**claims, "nbf": now - 5, "exp": now + 60, "iat": now}, key, "RS256", {"x5c": x5c})
            body = json.dumps({"token": token} if known else {"errors": [{"code": "UNAUTHORIZED", "message": "wrong"}]}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
