"""A component that rustc makes, with wstd for its requests: what Rust people write speaks `wasi:http` through gate and proxy as it is."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from tests.installed import Installed
from tests.sandbox.egress.origin import Origin, Visit, origin
from tests.tls import make_authority
from tests.toolchains.test_python_http import SIZE, much
from wassette_py.policy.document import NetworkHost, SecretHeader
from wassette_py.policy.grants import LimitValue
from wassette_py.sandbox.memory import resident

RUST = Path(__file__).parent / "rust"
SOURCES = ("Cargo.toml", "Cargo.lock", "src/lib.rs", "wit/client.wit")
HASH = hashlib.sha256(b"".join((RUST / "client" / name).read_bytes() for name in SOURCES)).hexdigest()[:16]
CLIENT = RUST / f"client-{HASH}.wasm"
"""What `rust/build` made of the sources as they are now."""

SECRET = "tok-4711-geheim"


def echo(visit: Visit) -> None:
    """Says what came: method, the guest's header, text."""
    visit.answer(f"{visit.line.split()[0]} {visit.headers['x-mine']} {visit.body().decode()}".encode())


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    made = Installed(tmp_path)
    made.load(CLIENT, "client")
    return made


def reachable(installed: Installed, server: Origin, method: str) -> str:
    """The server's address, which the component is granted."""
    installed.host.policies.grant("client", NetworkHost("localhost", "http", server.port, methods=(method,)))
    return f"http://localhost:{server.port}/"


def test_a_page_is_read_with_its_status(installed: Installed) -> None:
    pages = {"/": ("200 OK", "grüße"), "/gone": ("404 Not Found", "no such page")}

    def answer(visit: Visit) -> None:
        status, text = pages[visit.line.split()[1]]
        visit.answer(text.encode(), status, f"x-large: {'x' * 8000}\r\n")

    with origin(answer) as server:
        url = reachable(installed, server, "GET")
        for _ in range(20):  # wstd ends the body of a GET after WASI's client may have sent its head: it must not find it closed
            assert installed.value("fetch", url=url) == [200, "grüße"]
        assert installed.value("fetch", url=f"{url}gone") == [404, "no such page"]


def test_a_text_is_posted_with_a_header_of_the_guests_own(installed: Installed) -> None:
    with origin(echo) as server:
        url = reachable(installed, server, "POST")
        assert installed.value("post", url=url, text="hällo" * 5000, name="x-mine", value="42") == f"POST 42 {'hällo' * 5000}"


def test_what_is_not_granted_is_the_standards_error_and_told(installed: Installed) -> None:
    result = installed.call("fetch", url="https://api.example.com/v1?key=1")
    assert (result.kind, "HttpRequestDenied" in str(result.error)) == ("denied", True)
    assert [(line.target, line.grant) for line in result.denied] == [
        ("GET https://api.example.com:443", "wassette policy grant client network api.example.com")
    ]


def test_a_method_that_is_not_granted_is_denied_at_a_host_that_is(installed: Installed) -> None:
    with origin(echo) as server:
        url = reachable(installed, server, "GET")
        assert installed.call("post", url=url, text="x", name="x-mine", value="1").kind == "denied"
        assert server.connections == 0


def test_100_mb_go_out_and_come_in_while_the_process_grows_by_less_than_64(installed: Installed) -> None:
    blocks = SIZE >> 16
    with origin(much) as server:
        url = reachable(installed, server, "POST")
        installed.host.policies.grant("client", LimitValue("timeout", 120))
        assert installed.value("pour", url=url, blocks=1, patience=0) == [200, SIZE]
        before, peak, over = resident() or 0, [0], threading.Event()

        def watch() -> None:
            while not over.wait(0.005):
                peak.append(resident() or 0)

        watcher = threading.Thread(target=watch)
        watcher.start()
        value = installed.value("pour", url=url, blocks=blocks, patience=0)
        over.set()
        watcher.join()
    assert value == [200, SIZE]
    assert max(peak) - before < 64 << 20


def test_a_timeout_that_the_guest_sets_is_its_own_error_and_ends_nothing_else(installed: Installed) -> None:
    def slow(visit: Visit) -> None:
        visit.body()
        visit.wait_for_end()

    with origin(slow) as server:
        url = reachable(installed, server, "POST")
        result = installed.call("pour", url=url, blocks=1, patience=200)
        assert (result.kind, "Timeout" in str(result.error)) == ("tool-error", True)


def test_a_server_that_breaks_off_is_an_error_of_the_guest(installed: Installed) -> None:
    def half(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of")

    with origin(half) as server:
        result = installed.call("fetch", url=reachable(installed, server, "GET"))
        assert (result.kind, result.value) == ("tool-error", None)


def test_a_granted_secret_replaces_what_the_guest_set_and_is_not_seen_by_it(tmp_path: Path) -> None:
    ca_file, context = make_authority(tmp_path, "localhost")
    installed = Installed(tmp_path, {"SSL_CERT_FILE": str(ca_file)})
    installed.load(CLIENT, "client")
    installed.host.secrets.set_value("TOKEN", SECRET)
    with origin(lambda visit: visit.answer(b"seen " + visit.body()), context) as server:
        installed.host.policies.grant("client", NetworkHost("localhost", "https", server.port))
        installed.host.policies.grant("client", SecretHeader("TOKEN", "localhost", "Authorization", "Bearer {}", server.port))
        url = f"https://localhost:{server.port}/"
        assert installed.value("post", url=url, text="it", name="authorization", value="of-the-guest") == "seen it"
        assert server.headers[0]["authorization"] == f"Bearer {SECRET}"
