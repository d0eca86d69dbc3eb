"""Compiling, restoring, and what is refused before anything runs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import pytest
from wasmtime import wat2wasm

from tests.sandbox import guests as text
from tests.sandbox.conftest import Guests, wasm_of
from wassette_py.control import Control
from wassette_py.errors import Cancelled, InvalidComponent, WassetteError
from wassette_py.reference import Digest
from wassette_py.sandbox.engine import CompiledComponent, Engine
from wassette_py.sandbox.gates import GATES, gate_module
from wassette_py.sandbox.gates.gate import Gate

ADD = wasm_of(text.PLAIN)


def compiled(engine: Engine, wasm: bytes) -> CompiledComponent:
    return engine.compile(wasm, Digest.of(wasm), Control())


@pytest.mark.parametrize(
    ("wasm", "says"),
    [
        (b"", "not a WebAssembly component: it is empty"),
        (b"(component)", "not a WebAssembly component: it begins with b'(com'"),
        (b"<html></html>", "not a WebAssembly component: it begins with b'<htm'"),
        (b"\0asm\x0d", "not a WebAssembly component: it ends within its header"),
        (b"\0asm\x09\0\1\0", "not a WebAssembly component: unknown version 09000100"),
        (bytes(wat2wasm("(module)")), "a core module, not a component"),
    ],
)
def test_what_is_no_component_is_named_for_what_it_is(engine: Engine, wasm: bytes, says: str) -> None:
    with pytest.raises(InvalidComponent) as caught:
        compiled(engine, wasm)
    assert str(caught.value) == says


@pytest.mark.parametrize("length", [9, 50, len(ADD) // 2, len(ADD) - 1])
def test_a_truncated_component_is_refused_in_one_line(engine: Engine, length: int) -> None:
    with pytest.raises(InvalidComponent, match="not a valid component") as caught:
        compiled(engine, ADD[:length])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("wasi:cli/environment@0.3.0", "WASI 0.3 is not supported"),
        ("wasi:http/client@0.3.0-rc-2026-01-06", "WASI 0.3 is not supported"),
        ("acme:clock/time@1.0.0", "it imports acme:clock/time@1.0.0, which this program does not provide"),
        ("wasi:clocks/timezone@0.2.0", "which this program does not provide"),
        ("wasi:config/store@0.2.0-rc.9", "which this program does not provide"),
    ],
)
def test_an_import_that_nobody_provides_is_refused_by_name(guests: Guests, name: str, says: str) -> None:
    with pytest.raises(InvalidComponent, match="it imports") as caught:
        guests.compile(text.importing(name))
    assert says in str(caught.value)
    assert caught.value.hint


def test_a_function_that_a_known_interface_does_not_have_is_refused_when_it_is_compiled(guests: Guests) -> None:
    with pytest.raises(InvalidComponent, match="no-such-function"):
        guests.compile(text.UNKNOWN_FUNCTION)


def test_checking_what_a_component_imports_runs_nothing_of_it(guests: Guests) -> None:
    assert guests.compile(text.SPINS_AT_START).type.exports[0].name == "f"


@pytest.mark.parametrize("padding", [0, 1_200_000], ids=["in process", "in a child"])
def test_a_component_with_a_large_memory_has_an_engine_that_keeps_none_of_it(tmp_path: Path, padding: int) -> None:
    wasm = wasm_of(text.large(padding, pages=129))
    engine = Engine(tmp_path)
    made = compiled(engine, wasm)
    assert made.engine is engine._spacious
    restored = Engine(tmp_path).restore(Digest.of(wasm))
    assert restored is not None
    assert restored.engine.tier == "optimized"
    guests = Guests(engine)
    assert guests.reported(made, guests.spec(made, "f"), threading.Event()).error is None


def test_what_was_compiled_is_restored_by_the_next_engine(tmp_path: Path) -> None:
    digest = Digest.of(ADD)
    first, second = Engine(tmp_path), Engine(tmp_path)
    assert not first.is_cached(digest)
    assert not compiled(first, ADD).was_cached
    assert second.is_cached(digest)
    restored = compiled(second, ADD)
    assert restored.was_cached
    assert restored.type == compiled(first, ADD).type
    assert Guests(second).call(text.PLAIN, "add", 1, 2).value == 3


def test_gates_are_restored_too(tmp_path: Path) -> None:
    for _ in range(2):
        assert Guests(Engine(tmp_path)).call(text.SLEEP, "sleep", 1).error is None
    assert len(list((tmp_path / "compiled").glob("*.cwasm"))) == 2


@pytest.mark.parametrize("interface", sorted(GATES))
def test_a_gate_has_the_functions_of_its_interface(interface: str) -> None:
    assert tuple(gate_module(interface).functions(cast("Gate", None))) == GATES[interface][1]


def test_a_restored_component_that_wasmtime_refuses_is_compiled_again(tmp_path: Path) -> None:
    digest = Digest.of(ADD)
    engine = Engine(tmp_path)
    foreign = engine._optimized.cache.temporary()
    foreign.write_bytes(b"made by another processor")
    engine._optimized.cache.keep(digest, foreign)
    assert engine.is_cached(digest)
    assert not compiled(engine, ADD).was_cached
    assert compiled(engine, ADD).was_cached


def test_a_component_that_is_refused_is_not_cached(engine: Engine) -> None:
    wasm = wasm_of(text.importing("acme:clock/time@1.0.0"))
    for _ in range(2):
        with pytest.raises(InvalidComponent):
            compiled(engine, wasm)
    assert not engine.is_cached(Digest.of(wasm))


def test_a_cancelled_compile_raises_and_caches_nothing(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    engine = Engine(tmp_path)
    with pytest.raises(Cancelled):
        engine.compile(ADD, Digest.of(ADD), Control(cancel))
    assert not engine.is_cached(Digest.of(ADD))


def test_without_a_cache_everything_still_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o500)
    try:
        if (tmp_path / "x").parent.stat().st_uid == 0:
            (tmp_path / "compiled").write_text("a file in the way, since root may write anywhere")
        engine = Engine(tmp_path)
        assert "compiled components are not cached" in caplog.text
        assert not compiled(engine, ADD).was_cached
        assert not engine.is_cached(Digest.of(ADD))
        assert Guests(engine).call(text.SLEEP, "sleep", 1).error is None
    finally:
        tmp_path.chmod(0o700)


def test_an_export_of_an_interface_is_found_within_it(guests: Guests) -> None:
    assert guests.call(text.IN_INTERFACE, "seven").value == 7


def test_the_linker_of_a_component_is_built_once_by_however_many_threads(guests: Guests) -> None:
    component = guests.compile(text.SLEEP)
    linkers: list[object] = []
    threads = [threading.Thread(target=lambda: linkers.append(component.linker())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(linkers) == 8
    assert len({id(linker) for linker in linkers}) == 1


def test_async_features_are_on_so_that_components_with_the_async_abi_compile(guests: Guests) -> None:
    component = guests.compile(text.ASYNC_LIFTED)
    assert [(export.name, export.is_async) for export in component.type.exports] == [("later", True), ("now", False)]
    assert guests.call(text.ASYNC_LIFTED, "now").value == 5


@pytest.mark.parametrize("wasm", [ADD, wasm_of(text.large(1_200_000))], ids=["in process", "in a child"])
def test_what_is_only_looked_at_is_not_kept(tmp_path: Path, wasm: bytes) -> None:
    engine = Engine(tmp_path)
    digest = Digest.of(wasm)
    assert engine.restore(digest) is None
    assert engine.compile(wasm, digest, Control(), keep=False).type.exports
    assert not engine.is_cached(digest)
    engine.compile(wasm, digest, Control())
    restored = engine.restore(digest)
    assert restored is not None
    assert restored.was_cached


def test_a_disk_that_is_full_costs_the_cache_and_not_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    engine = Engine(tmp_path)
    monkeypatch.setattr(engine._optimized.cache, "keep", full)
    for wasm in (ADD, wasm_of(text.large(1_200_000))):
        assert compiled(engine, wasm).type.exports
        assert not engine.is_cached(Digest.of(wasm))

    def nowhere() -> Path:
        (tmp_path / "target").symlink_to("/dev/full")
        return tmp_path / "target"

    for target in (full, nowhere):
        monkeypatch.setattr(engine._optimized.cache, "temporary", target)
        assert compiled(engine, ADD).type.exports
        assert compiled(engine, wasm).type.exports
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(WassetteError, match=r"^compiling it failed: No space left on device$") as caught:
        compiled(engine, wasm)
    assert (caught.value.hint or "").startswith(f"df -h {tmp_path}/compiled ")
