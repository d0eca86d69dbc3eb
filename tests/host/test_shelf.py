from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from tests.cli.guests import ONE_TOOL, TEXT_TOOLS, write_component
from wassette_py.control import Control
from wassette_py.host.component_host import ComponentHost
from wassette_py.policy.document import NetworkHost
from wassette_py.reference import parse_reference
from wassette_py.settings import Settings
from wassette_py.store import Record, looking
from wassette_py.store.journal import Pending


def fresh() -> ComponentHost:
    """A host as another process would make it."""
    return ComponentHost(Settings.load())


def load(folder: Path, name: str, text: str) -> ComponentHost:
    host = fresh()
    host.load(parse_reference(str(write_component(folder, name, text))), control=Control())
    return host


def names(host: ComponentHost) -> set[str]:
    return {tool.name for tool in host.tools()}


def test_a_tool_is_found_without_reading_anything_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = load(tmp_path, "text", TEXT_TOOLS)
    assert host.tool("add") is not None
    host.store.record("text")
    read, real = [], looking.recorded

    def reading(root: str, component_id: str, todo: Pending) -> Record:
        read.append(component_id)
        return real(root, component_id, todo)

    monkeypatch.setattr("wassette_py.store.component_store.recorded", reading)
    monkeypatch.setattr(host.store, "stamp", None)
    for _ in range(3):
        assert host.tool("add") is not None
        assert host.store.record("text").id == "text"
    assert read == []
    load(tmp_path, "text", TEXT_TOOLS.replace('"add"', '"sum"'))
    read.clear()
    for _ in range(3):
        assert host.store.record("text").tools != ()
    assert read == ["text"]


def test_what_another_process_changes_is_seen_at_the_next_look(tmp_path: Path) -> None:
    host = load(tmp_path, "text", TEXT_TOOLS)
    assert host.tool("add") is host.tool("add")
    load(tmp_path, "one", ONE_TOOL)
    assert host.tool("answer") is not None
    before = host.tool("answer")
    assert before is not None
    assert before.annotations["openWorldHint"] is False
    fresh().policies.grant("one", NetworkHost(scheme=None, host="example.com", port=None))
    after = host.tool("answer")
    assert after is not None
    assert "openWorldHint" not in after.annotations
    fresh().unload("one")
    assert host.tool("answer") is None
    assert names(host) == names(fresh())


def test_a_policy_that_is_edited_in_place_is_seen(tmp_path: Path) -> None:
    host = load(tmp_path, "one", ONE_TOOL)
    assert host.tool("answer") is not None
    host.store.policy_path("one").write_text("version: '1.0'\npermissions: {}\ntools: {allow: [other]}\n")
    document = fresh()
    assert ("answer" in names(host)) == ("answer" in names(document))
    assert (host.tool("answer") is None) == (document.tool("answer") is None)


def test_an_unknown_tool_is_looked_for_and_not_found(tmp_path: Path) -> None:
    host = load(tmp_path, "one", ONE_TOOL)
    assert host.tool("nope") is None
    assert host.tool("nope") is None


def test_a_change_between_the_list_and_the_look_is_not_overlooked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = load(tmp_path, "one", ONE_TOOL)
    assert names(host) == {"answer"}
    real, stamps = host.store.stamp, iter([True, False])

    def stamp() -> object:
        return real() if next(stamps, True) else "changed"

    monkeypatch.setattr(host.store, "stamp", stamp)
    assert host.shelf.tool("answer") is not None
    assert host.shelf._shelved is not None
    assert host.shelf._shelved.taken == {}
    assert host.shelf.tool("answer") is not None
    assert set(host.shelf._shelved.taken) == {"answer"}


@pytest.mark.parametrize("change", ["unload", "policy"])
def test_a_tool_that_goes_between_the_list_and_the_look_is_not_found(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = load(tmp_path, "one", ONE_TOOL)
    assert names(host) == {"answer"}
    before = host.store.stamp()
    monkeypatch.setattr(host.store, "stamp", lambda: before)  # it came after this look
    if change == "unload":
        fresh().unload("one")
    else:
        host.store.policy_path("one").write_text("version: '1.0'\npermissions:\n  tools: {allow: [other]}\n")
    assert host.tool("answer") is None


def test_tools_that_nobody_asked_for_are_not_kept(tmp_path: Path) -> None:
    load(tmp_path, "text", TEXT_TOOLS)
    host = load(tmp_path, "one", ONE_TOOL)
    kept = [weakref.ref(tool) for tool in host.tools()]
    gc.collect()
    assert [tool() for tool in kept] == [None] * len(kept)
    assert host.tool("answer") is host.tool("answer")
