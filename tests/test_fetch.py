from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import registry as faults
from tests.layout_writer import artifact
from tests.patience import FOREVER, LONG
from tests.registry import Registry, Reply, running
from tests.tls import make_authority
from wassette_py.control import Control, Progress
from wassette_py.errors import Cancelled, DigestMismatch, FetchError, NotFound, RegistryError, WassetteError
from wassette_py.fetch import Fetched, fetch
from wassette_py.oci import reading
from wassette_py.oci.reading import CHUNK, Patience
from wassette_py.oci.transport import proxies_for
from wassette_py.reference import Digest, FileReference, parse_reference
from wassette_py.settings import RegistrySettings, Settings

BYTES = b"\0asm\x0d\0\1\0" + b"x" * 200_000
DIGEST = Digest.of(BYTES)
QUICK = Patience(connect=1.0, read=1.0, budget=1.5, body=1.5, tries=3)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def site(authority: tuple[Path, ssl.SSLContext]) -> Iterator[Registry]:
    with running(Registry(tls=authority[1])) as server:
        server.pages["/tools/x.wasm"] = BYTES
        server.put("acme/fetch", "1.0", artifact(BYTES))
        yield server


def get(
    site: Registry,
    authority: tuple[Path, ssl.SSLContext],
    rest: str = "/tools/x.wasm",
    *,
    control: Control | None = None,
    read: float = LONG,
) -> Fetched:
    settings = replace(Settings.load(), registries={site.host: RegistrySettings(ca_file=authority[0])})
    return fetch(parse_reference(f"https://{site.host}{rest}"), settings, control or Control(), patience=replace(QUICK, read=read))


# Files.


def test_a_file_is_read_and_hashed(tmp_path: Path) -> None:
    (tmp_path / "x.wasm").write_bytes(BYTES)
    told: list[Progress] = []
    reference = FileReference(tmp_path / "x.wasm")
    fetched = fetch(reference, Settings.load(), Control(report=told.append))
    assert fetched == Fetched(reference, BYTES, DIGEST, None, None)
    assert told[0] == Progress("fetch", 0, len(BYTES))
    assert told[-1] == Progress("fetch", len(BYTES), len(BYTES))


def test_an_empty_file_is_nothing_but_its_digest(tmp_path: Path) -> None:
    (tmp_path / "x.wasm").write_bytes(b"")
    assert fetch(FileReference(tmp_path / "x.wasm"), Settings.load(), Control()).wasm == b""


def test_a_file_that_is_not_there_is_named_with_a_hint(tmp_path: Path) -> None:
    for path in (tmp_path / "x.wasm", Path(__file__) / "x.wasm"):
        with pytest.raises(NotFound, match=f"there is no file {path}") as caught:
            fetch(FileReference(path), Settings.load(), Control())
        assert caught.value.hint == "a component in a registry is written oci://REGISTRY/REPOSITORY:TAG"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
        with pytest.raises(FetchError, match=r"is not a file|cannot be read"):
            fetch(FileReference(path), Settings.load(), Control())


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x.wasm").open("wb") as file:
        file.truncate((128 << 20) + 1)
    told: list[Progress] = []
    with pytest.raises(FetchError, match="is larger than 134217728 bytes"):
        fetch(FileReference(tmp_path / "x.wasm"), Settings.load(), Control(report=told.append))
    assert told == []


def test_a_file_that_grows_while_it_is_read_is_cut_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * 100)

    def grow(progress: Progress) -> None:
        with (tmp_path / "x").open("ab") as file:
            file.write(b"x" * 200_000)

    with pytest.raises(FetchError, match="is larger than 100 bytes"):
        reading.read_file(tmp_path / "x", limit=100, what="x", control=Control(report=grow))


def test_reading_a_file_is_cancelled_between_two_pieces(tmp_path: Path) -> None:
    (tmp_path / "x.wasm").write_bytes(BYTES)
    control = Control(report=lambda progress: control.cancel.set() if progress.done >= CHUNK else None)
    with pytest.raises(Cancelled, match="cancelled while in fetch"):
        fetch(FileReference(tmp_path / "x.wasm"), Settings.load(), control)


def test_reading_a_file_needs_no_http_client(tmp_path: Path) -> None:
    (tmp_path / "x.wasm").write_bytes(BYTES)
    code = (
        "import sys; from wassette_py.control import Control; from wassette_py.fetch import fetch\n"
        "from wassette_py.reference import parse_reference; from wassette_py.settings import Settings\n"
        "fetch(parse_reference(sys.argv[1]), Settings.load(), Control())\n"
        "print(sorted({'requests', 'oras', 'urllib3', 'asyncio', 'yaml', 'wasmtime', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.wasm")], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# Web pages.


def test_a_web_page_is_downloaded_and_its_digest_compared(site: Registry, authority: tuple[Path, ssl.SSLContext]) -> None:
    told: list[Progress] = []
    fetched = get(site, authority, f"/tools/x.wasm#sha256={DIGEST.hex}", control=Control(report=told.append))
    assert (fetched.wasm, fetched.digest, fetched.manifest, fetched.policy) == (BYTES, DIGEST, None, None)
    assert told[-1] == Progress("fetch", len(BYTES), len(BYTES))
    assert get(site, authority).digest == DIGEST


def test_a_page_with_other_bytes_is_refused(site: Registry, authority: tuple[Path, ssl.SSLContext]) -> None:
    with pytest.raises(DigestMismatch, match=f"digest mismatch after {len(BYTES)} bytes: got {DIGEST}, want sha256:00"):
        get(site, authority, f"/tools/x.wasm#sha256={'00' * 32}")


def test_a_server_that_does_not_prove_who_it_is_is_refused(site: Registry) -> None:
    with pytest.raises(FetchError, match=r"did not prove who it is: .*certificate") as caught:
        fetch(parse_reference(f"https://{site.host}/tools/x.wasm"), Settings.load(), Control(), patience=QUICK)
    assert caught.value.hint is not None
    assert f"registries: {{{site.host}: {{ca_file:" in caught.value.hint
    assert site.requests == []


def test_a_registry_is_spoken_to_over_tls(site: Registry, authority: tuple[Path, ssl.SSLContext]) -> None:
    settings = replace(Settings.load(), registries={site.host: RegistrySettings(ca_file=authority[0])})
    fetched = fetch(parse_reference(f"oci://{site.host}/acme/fetch:1.0"), settings, Control(), insecure_http=False, patience=QUICK)
    assert fetched.wasm == BYTES


def test_a_ca_file_that_is_not_there_is_an_error(site: Registry, tmp_path: Path) -> None:
    settings = replace(Settings.load(), registries={site.host: RegistrySettings(ca_file=tmp_path / "gone.pem")})
    with pytest.raises(FetchError, match=r"gone\.pem"):
        fetch(parse_reference(f"https://{site.host}/tools/x.wasm"), settings, Control(), patience=QUICK)


PAGE_FAULTS: dict[str, tuple[Reply, type[WassetteError], str]] = {
    "missing": (faults.status(404), NotFound, "has no such thing .HTTP 404."),
    "gone": (faults.status(410), NotFound, "has no such thing .HTTP 410."),
    "forbidden": (faults.status(403), RegistryError, "answered HTTP 403"),
    "broken": (faults.status(500), RegistryError, "answered HTTP 500"),
    "to http": (faults.redirect("http://example.com/x.wasm"), FetchError, "refused to go to http://example.com"),
    "to http here": (faults.redirect("http://127.0.0.1/x.wasm"), FetchError, "refused to go to http://127.0.0.1"),
    "loop": (faults.redirect("/tools/x.wasm"), FetchError, "redirects more than 5 times"),
    "silent": (faults.silent, FetchError, "was silent for more than 1 s"),
    "stalled": (faults.stalled, FetchError, "was silent for more than 1 s"),
    "hung up": (faults.hang_up, FetchError, "cannot be reached"),
    "cut": (faults.cut, FetchError, "broke off"),
    "cut in a chunk": (faults.cut_chunked, FetchError, "broke off"),
    "gzip": (faults.body(b"x", headers={"Content-Encoding": "br"}), FetchError, "Content-Encoding 'br'"),
}


@pytest.mark.parametrize("name", PAGE_FAULTS)
def test_a_web_server_that_misbehaves_is_refused_promptly(site: Registry, authority: tuple[Path, ssl.SSLContext], name: str) -> None:
    reply, error, says = PAGE_FAULTS[name]
    site.fault("", reply)
    begun = time.monotonic()
    with pytest.raises(error, match=says) as caught:
        get(site, authority, read=1.0 if name in ("silent", "stalled") else LONG)
    assert time.monotonic() - begun < LONG
    assert caught.value.exit_code == 1


def test_an_endless_page_is_cut_at_the_limit(
    site: Registry, authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    import wassette_py.fetch

    monkeypatch.setattr(wassette_py.fetch, "MAX_COMPONENT", 1 << 20)
    for length in (None, 2 << 20):
        site.faults.clear()
        site.fault("", faults.endless(length=length))
        with pytest.raises(FetchError, match="is larger than 1048576 bytes"):
            get(site, authority)


def test_a_page_may_redirect_to_another(site: Registry, authority: tuple[Path, ssl.SSLContext]) -> None:
    site.fault("/old", faults.redirect("/tools/x.wasm", 301))
    assert get(site, authority, "/old").wasm == BYTES


def test_a_page_that_may_pass_is_asked_again(site: Registry, authority: tuple[Path, ssl.SSLContext]) -> None:
    site.fault("", faults.status(503, {"Retry-After": "0"}), times=1)
    assert get(site, authority).wasm == BYTES


def test_no_credential_and_no_cookie_is_sent(site: Registry, authority: tuple[Path, ssl.SSLContext], home: Path) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (home / ".netrc").chmod(0o600)
    site.fault("/old", lambda handler: handler.answer(b"", "text/plain", {"Location": "/tools/x.wasm", "Set-Cookie": "a=b"}, 302))
    get(site, authority, "/old")
    for request in site.requests:
        assert not {"Authorization", "Cookie"} & set(request.headers)


def test_a_download_is_cancelled_while_the_server_is_silent(site: Registry, authority: tuple[Path, ssl.SSLContext]) -> None:
    site.fault("", faults.stalled)
    control = Control()
    threading.Timer(0.2, control.cancel.set).start()
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        get(site, authority, control=control, read=FOREVER)
    assert time.monotonic() - begun < LONG


def test_a_person_who_interrupts_is_not_kept_waiting(site: Registry, authority: tuple[Path, ssl.SSLContext]) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    site.fault("", faults.stalled)
    with pytest.raises(KeyboardInterrupt):
        get(site, authority, control=Control(report=interrupt))


def test_a_host_that_does_not_answer_a_connection_is_given_up(authority: tuple[Path, ssl.SSLContext]) -> None:
    # A listener whose queue is full drops what else comes: what a firewall looks like from here.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        try:
            with pytest.raises(FetchError, match=f"127.0.0.1:{port} did not answer within 1 s"):
                fetch(parse_reference(f"https://127.0.0.1:{port}/x.wasm"), Settings.load(), Control(), patience=replace(QUICK, connect=1.0))
        finally:
            for client in waiting:
                client.close()


# Proxies.


@pytest.mark.parametrize(
    ("url", "environ", "proxies"),
    [
        ("https://ghcr.io/v2/", {}, {}),
        ("https://ghcr.io/v2/", {"https_proxy": "http://proxy:3128"}, {"https": "http://proxy:3128"}),
        ("https://ghcr.io/v2/", {"HTTPS_PROXY": "http://proxy:3128"}, {"https": "http://proxy:3128"}),
        ("https://ghcr.io/v2/", {"http_proxy": "http://proxy:3128"}, {}),
        ("https://ghcr.io/v2/", {"https_proxy": "http://proxy:3128", "no_proxy": "ghcr.io"}, {}),
        ("https://ghcr.io/v2/", {"https_proxy": "http://proxy:3128", "NO_PROXY": "quay.io"}, {"https": "http://proxy:3128"}),
        ("http://127.0.0.1:5000/v2/", {"http_proxy": "http://proxy:3128"}, {}),
    ],
)
def test_a_proxy_is_used_as_the_usual_variables_say(url: str, environ: dict[str, str], proxies: dict[str, str]) -> None:
    assert proxies_for(url, environ) == proxies


def test_the_patience_of_everyday_use_ends_within_the_stated_times() -> None:
    patience = Patience()
    assert patience.budget <= 20
    assert patience.read + patience.connect <= 15
    assert reading.MAX_COMPONENT == 128 << 20
