"""Loading: nothing is replaced before the new component is whole, and ids and tool names belong to who had them first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.guests import NO_TOOL, ONE_TOOL, TEXT_TOOLS, write_component
from tests.host.conftest import Load, call
from tests.layout_writer import write_layout
from tests.sandbox.guests import ASYNC_LIFTED
from tests.sandbox.test_component_type import TYPES_ONLY
from wassette_py.control import Control, Progress
from wassette_py.errors import InvalidComponent, InvalidPolicy, InvalidTrustPolicy, StoreError, Unsigned
from wassette_py.host import ComponentHost
from wassette_py.reference import parse_reference
from wassette_py.settings import Settings


def renamed(text: str, tool: str) -> str:
    return text.replace('(export "answer") (result u32)', f'(export "{tool}") (result u32)')


def test_a_load_installs_and_the_same_load_again_compiles_nothing(host: ComponentHost, load: Load) -> None:
    first = load("one", ONE_TOOL)
    assert first.changed
    assert [tool.name for tool in host.tools()] == ["answer"]
    again = load("one", ONE_TOOL)
    assert (again.changed, again.record) == (False, first.record)


@pytest.mark.parametrize("damage", [lambda wasm: wasm + b"x", lambda wasm: wasm[:-1] + bytes([wasm[-1] ^ 1]), None])
def test_a_load_mends_what_was_damaged_on_disk(host: ComponentHost, load: Load, damage: Callable[[bytes], bytes] | None) -> None:
    load("one", ONE_TOOL)
    path = host.store.folder / "one.wasm"
    whole = path.read_bytes()
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(whole))
    assert load("one", ONE_TOOL).changed
    assert path.read_bytes() == whole
    assert host.entries()[0].status == "ready"
    assert not load("one", ONE_TOOL).changed


def test_a_load_with_a_policy_installs_both_and_a_bad_policy_neither(host: ComponentHost, load: Load) -> None:
    with pytest.raises(InvalidPolicy):
        load("one", ONE_TOOL, policy="version: '9'")
    assert host.entries() == ()
    load("one", ONE_TOOL, policy="version: '1.0'\npermissions:\n  environment:\n    allow: [{key: LANG}]\n")
    assert [variable.key for variable in host.policies.of("one").variables] == ["LANG"]


def test_a_failed_load_leaves_what_was_installed(host: ComponentHost, load: Load, tmp_path: Path) -> None:
    record = load("one", ONE_TOOL).record
    with pytest.raises(InvalidComponent, match="it exports no function"):
        load("one", NO_TOOL)
    (tmp_path / "one.wasm").write_bytes(b"\0asm\x0d\0\x01\0 and then nothing sensible")
    with pytest.raises(InvalidComponent):
        host.load(parse_reference(str(tmp_path / "one.wasm")), control=Control())
    assert host.store.record("one") == record


def test_a_component_whose_exports_cannot_be_tools_is_refused_with_the_reasons(load: Load) -> None:
    only = ASYNC_LIFTED.replace('(func (export "now") (result u32) (canon lift (core func $code "now")))', "")
    with pytest.raises(InvalidComponent, match=r"no tool that can be called \(later: .*async"):
        load("later", only)


def test_an_id_from_another_source_is_refused_and_a_name_solves_it(host: ComponentHost, load: Load, tmp_path: Path) -> None:
    load("one", ONE_TOOL)
    other = tmp_path / "other"
    other.mkdir()
    reference = parse_reference(str(write_component(other, "one", renamed(ONE_TOOL, "reply"))))
    with pytest.raises(StoreError, match="already installed from") as refused:
        host.load(reference, control=Control())
    assert refused.value.hint is not None
    assert "--name" in refused.value.hint
    assert host.load(reference, component_id="two", control=Control()).record.id == "two"


def test_a_reference_that_makes_no_id_asks_for_a_name(load: Load) -> None:
    with pytest.raises(StoreError, match="makes no component id"):
        load("Über tool", ONE_TOOL)
    assert load("Über tool", ONE_TOOL, component_id="tool").record.id == "tool"


def test_a_tool_name_that_is_taken_is_refused_and_a_prefix_solves_it(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    with pytest.raises(StoreError, match="the tool name 'answer' is taken by one") as refused:
        load("a", ONE_TOOL, component_id="two")
    assert refused.value.hint is not None
    assert refused.value.hint.endswith("a.wasm --name two --prefix two")
    load("two", ONE_TOOL, prefix="two")
    assert [tool.name for tool in host.tools()] == ["answer", "two_answer"]


def test_the_name_of_a_built_in_tool_is_taken(load: Load) -> None:
    with pytest.raises(StoreError, match="'load-component' is taken by wassette itself"):
        load("sly", renamed(ONE_TOOL, "load-component"))


def test_inspecting_installs_and_keeps_nothing(host: ComponentHost, home: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    path = write_component(tmp_path, "text", TEXT_TOOLS)
    inspection = host.inspect(parse_reference(str(path)), Control(report=seen.append))
    assert [tool.name for tool in inspection.description.tools] == ["add", "echo", "refuse", "break", "spin"]
    assert inspection.size == path.stat().st_size
    assert host.entries() == ()
    assert not [file for file in home.rglob("*") if file.suffix == ".cwasm"]


def test_a_scope_of_the_trust_file_binds_a_layout_to_its_digest(host: ComponentHost, tmp_path: Path) -> None:
    wasm = write_component(tmp_path, "one", ONE_TOOL).read_bytes()
    write_layout(tmp_path / "layout", {"one": wasm})
    reference = parse_reference(f"oci-layout://{tmp_path}/layout:one")
    manifest = host.inspect(reference, Control()).manifest
    trust = host.settings.trust_file
    trust.parent.mkdir(parents=True, exist_ok=True)
    scope = f"version: 1\ndefault: deny\nscopes:\n  - match: {reference.source}\n    digests: "
    trust.write_text(f'{scope}["sha256:{"0" * 64}"]\n')
    with pytest.raises(Unsigned):
        host.load(reference, control=Control())
    assert host.entries() == ()
    trust.write_text(f'{scope}["{manifest}"]\n')
    assert host.load(reference, control=Control()).record.signer.kind == "digest"


def test_an_unreadable_trust_file_stops_every_load(host: ComponentHost, load: Load) -> None:
    host.settings.trust_file.parent.mkdir(parents=True, exist_ok=True)
    host.settings.trust_file.write_text("version: 1\nscopes: [{match: ghcr.io, keys: []}]\n")
    with pytest.raises(InvalidTrustPolicy):
        load("one", ONE_TOOL)


def test_a_cleared_cache_costs_a_compile_and_nothing_else(host: ComponentHost, load: Load, home: Path) -> None:
    load("one", ONE_TOOL)
    for file in home.rglob("*.cwasm"):
        file.unlink()
    fresh = ComponentHost(Settings.load())
    assert fresh.call(fresh.opened_tool("answer"), cancel=Control().cancel).value == 42


def test_a_component_whose_world_uses_the_types_of_an_interface_can_be_called(host: ComponentHost, load: Load) -> None:
    load("shop", TYPES_ONLY)
    assert call(host, "price", of={"name": "tea", "price": 3}).value == 3
