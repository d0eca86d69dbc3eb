from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests import registry as faults
from tests.patience import FOREVER, LONG
from tests.pulling import BYTES, QUICK, pull, with_component
from tests.registry import Registry, Reply, running
from wassette_py.control import Control
from wassette_py.errors import Cancelled, DigestMismatch, FetchError, RegistryError
from wassette_py.oci.reading import Patience

MANIFEST_PATH = "/manifests/"
BLOB_PATH = "/blobs/"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(with_component()) as running_registry:
        yield running_registry


# Retries.


@pytest.mark.parametrize("reply", [faults.status(503, {"Retry-After": "0"}), faults.status(429), faults.hang_up, faults.status(500)])
def test_what_may_pass_is_tried_again(registry: Registry, reply: Reply) -> None:
    registry.fault("", reply, times=1)
    assert pull(registry, patience=replace(QUICK, budget=LONG)).wasm == BYTES


def test_a_broken_body_is_asked_for_again(registry: Registry) -> None:
    registry.fault(BLOB_PATH, faults.cut, times=1)
    assert pull(registry, patience=replace(QUICK, budget=LONG)).wasm == BYTES


def test_retry_after_is_kept_and_its_date_understood(registry: Registry) -> None:
    registry.fault(MANIFEST_PATH, faults.status(503, {"Retry-After": "1"}), times=1)
    begun = time.monotonic()
    assert pull(registry, patience=replace(QUICK, budget=LONG)).wasm == BYTES
    assert time.monotonic() - begun >= 1
    for text, says in (
        ("Wed, 21 Oct 2065 07:28:00 GMT", "asks to wait"),
        ("soon", "HTTP 503$"),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "wait 0 s"),
    ):
        registry.fault(MANIFEST_PATH, faults.status(503, {"Retry-After": text}))
        with pytest.raises(RegistryError, match=says):
            pull(registry)
        registry.faults.clear()


def test_what_will_not_pass_is_asked_once(registry: Registry) -> None:
    for reply in (faults.status(404), faults.status(403), faults.silent):
        registry.requests.clear()
        registry.faults.clear()
        registry.fault(MANIFEST_PATH, reply)
        with pytest.raises(FetchError):
            pull(registry, patience=replace(QUICK, read=1.0))
        assert len(registry.requests) == 1


def test_trying_again_has_an_end(registry: Registry) -> None:
    registry.fault(MANIFEST_PATH, faults.status(500))
    with pytest.raises(RegistryError):
        pull(registry, patience=replace(QUICK, budget=LONG))
    assert len(registry.requests) == QUICK.tries


def test_a_registry_that_is_down_is_an_error() -> None:
    with running(Registry()) as gone:
        pass
    with pytest.raises(FetchError, match=f"{gone.host} cannot be reached: connection refused") as caught:
        pull(gone)
    assert caught.value.hint


# Cancelling.


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        (MANIFEST_PATH, faults.silent),
        (BLOB_PATH, faults.stalled),
        (BLOB_PATH, faults.dripping),
        (MANIFEST_PATH, faults.status(503, {"Retry-After": "150"})),
    ],
)
def test_a_fetch_is_cancelled_whatever_the_server_does(registry: Registry, path: str, reply: Reply) -> None:
    registry.fault(path, reply)
    control = Control()
    threading.Timer(0.3, control.cancel.set).start()
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        pull(registry, control=control, patience=Patience(connect=FOREVER, read=FOREVER, budget=FOREVER))
    assert time.monotonic() - begun < LONG


def test_nothing_is_asked_once_it_is_cancelled(registry: Registry) -> None:
    control = Control()
    control.cancel.set()
    with pytest.raises(Cancelled):
        pull(registry, control=control)


# Going on where it broke off.


def breaking(at: int) -> Reply:
    """Answers as a registry with ranges does, and breaks off after `at` bytes."""

    def reply(handler: faults.Handler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        ranged = {"Content-Range": f"bytes {start}-{len(BYTES) - 1}/{len(BYTES)}"} if start else {}
        handler.begin({"Content-Length": str(len(BYTES) - start), **ranged}, 206 if start else 200)
        handler.wfile.write(BYTES[start : start + at])
        handler.close_connection = True

    return reply


def ranges(registry: Registry) -> list[str | None]:
    return [request.headers.get("Range") for request in registry.requests if BLOB_PATH in request.path]


def test_a_blob_goes_on_where_it_broke_off(registry: Registry) -> None:
    registry.fault(BLOB_PATH, breaking(2000))
    assert pull(registry, patience=replace(QUICK, budget=LONG, body=FOREVER)).wasm == BYTES
    assert ranges(registry) == [None, "bytes=2000-", "bytes=4000-", "bytes=6000-", "bytes=8000-", "bytes=10000-"]


def test_a_registry_without_ranges_sends_everything_again(registry: Registry) -> None:
    registry.fault(BLOB_PATH, breaking(2000), times=1)
    assert pull(registry, patience=replace(QUICK, budget=LONG, body=FOREVER)).wasm == BYTES
    assert ranges(registry) == [None, "bytes=2000-"]


def test_a_range_from_another_place_is_not_taken(registry: Registry) -> None:
    registry.fault(BLOB_PATH, breaking(2000), times=1)
    registry.fault(BLOB_PATH, lambda handler: handler.answer(BYTES[5:], "x", {"Content-Range": "bytes 5-9/10"}, 206), times=1)
    assert pull(registry, patience=replace(QUICK, budget=LONG, body=FOREVER)).wasm == BYTES
    assert ranges(registry) == [None, "bytes=2000-", None]


def test_a_blob_that_goes_on_with_other_bytes_is_refused(registry: Registry) -> None:
    registry.fault(BLOB_PATH, breaking(2000), times=1)
    rest = {"Content-Range": f"bytes 2000-{len(BYTES) - 1}/{len(BYTES)}"}
    registry.fault(BLOB_PATH, lambda handler: handler.answer(b"x" * (len(BYTES) - 2000), "x", rest, 206))
    with pytest.raises(DigestMismatch):
        pull(registry, patience=replace(QUICK, budget=LONG, body=FOREVER))


def test_a_partial_answer_nobody_asked_for_is_refused(registry: Registry) -> None:
    registry.fault(BLOB_PATH, lambda handler: handler.answer(BYTES, "x", {"Content-Range": "bytes 0-9/10"}, 206))
    with pytest.raises(FetchError, match="answered HTTP 206"):
        pull(registry)


def test_a_blob_that_crawls_on_has_an_end(registry: Registry) -> None:
    registry.fault(BLOB_PATH, breaking(1))
    begun = time.monotonic()
    with pytest.raises(FetchError, match="broke off"):
        pull(registry, patience=replace(QUICK, budget=1, body=2))
    assert time.monotonic() - begun < LONG
