"""A host in a home of its own, and components to load into it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.guests import write_component
from wassette_py.control import Control
from wassette_py.host import CallResult, ComponentHost
from wassette_py.host.loader import Loaded
from wassette_py.reference import parse_reference
from wassette_py.settings import Settings

Load = Callable[..., Loaded]


@pytest.fixture
def host() -> ComponentHost:
    return ComponentHost(Settings.load())


@pytest.fixture
def load(host: ComponentHost, tmp_path: Path) -> Load:
    """Writes a component of that name and text and loads it."""

    def load(name: str, text: str, *, component_id: str | None = None, prefix: str = "", policy: str | None = None) -> Loaded:
        path = write_component(tmp_path, name, text)
        return host.load(parse_reference(str(path)), component_id=component_id, prefix=prefix, policy=policy, control=Control())

    return load


def call(host: ComponentHost, tool: str, **arguments: object) -> CallResult:
    """One call of a served tool, as a server makes it."""
    results: list[CallResult] = []
    ended = threading.Event()

    def done(result: CallResult) -> None:
        results.append(result)
        ended.set()

    thread = threading.Thread(target=lambda: host.start_call(tool, arguments, cancel=threading.Event(), done=done), daemon=True)
    thread.start()
    assert ended.wait(120)
    return results[0]
