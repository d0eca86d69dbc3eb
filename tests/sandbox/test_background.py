"""A quick build first, and the optimised one behind it: by one process for a cache folder, that nobody waits for or is held by."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import FOREVER, LONG, until
from tests.sandbox import guests as text
from tests.sandbox.conftest import Guests, wasm_of
from tests.sandbox.test_compiler import children
from wassette_py.control import Control
from wassette_py.errors import InvalidComponent
from wassette_py.locking import release_lock, take_lock
from wassette_py.reference import Digest
from wassette_py.sandbox import background, binding, building, compile_child, compiler, configuration
from wassette_py.sandbox.cache import Cache
from wassette_py.sandbox.configuration import TierName, engine_key
from wassette_py.sandbox.engine import CompiledComponent, Engine

pytestmark = pytest.mark.skipif(not configuration.has_quick_tier(), reason="wasmtime's quick compiler is not supported here")

FAST = wasm_of(text.large(1_200_000))
ONE = Digest.of(FAST)


@pytest.fixture(scope="module")
def slow() -> bytes:
    """A component that takes many seconds to compile."""
    return text.heavy(30_000)


@pytest.fixture(autouse=True)
def no_builder_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Components of 1 MB are large enough here; what is built in this process does not wait for an idle machine; no builder is left."""
    real = compiler._command
    monkeypatch.setattr(compiler, "_command", lambda tiers, memory, _: real(tiers, memory, False))
    monkeypatch.setattr(building, "QUICK_FROM", 1 << 20)
    yield
    wait_for_builders()


def builders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "builder"]


def wait_for_builders() -> None:
    for thread in builders():
        thread.join(FOREVER)
    assert builders() == []


def compiled(engine: Engine, wasm: bytes = FAST, *, keep: bool = True) -> CompiledComponent:
    return engine.compile(wasm, Digest.of(wasm), Control(), keep=keep)


def cache_at(folder: Path) -> Cache:
    return Cache(folder / "compiled", engine_key("optimized"))


def names(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in (folder / "compiled").glob(pattern))


def waiting(cache: Cache, wasm: bytes, digest: Digest | None = None) -> None:
    cache.job(digest or Digest.of(wasm)).write_bytes(wasm)


@pytest.fixture
def no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if each builder were killed before it did anything."""
    monkeypatch.setattr(background, "start", lambda _: None)


def test_a_large_component_is_callable_quickly_and_an_optimised_build_takes_its_place(tmp_path: Path) -> None:
    engine = Engine(tmp_path, first="quick")
    first = compiled(engine)
    assert first.engine.tier == "quick"
    assert not first.was_cached
    guests = Guests(engine)
    call = guests.spec(first, "f")
    assert guests.reported(first, call, threading.Event()).error is None
    wait_for_builders()
    assert engine.is_outdated(first)
    second = engine.restore(ONE)
    assert second is not None
    assert second.engine.tier == "optimized"
    assert not engine.is_outdated(second)
    for component in (first, second):  # what still runs on the quick build runs on
        assert guests.reported(component, call, threading.Event()).error is None
    assert len(names(tmp_path, "*.cwasm")) == 1
    assert names(tmp_path, "new-*") == names(tmp_path, "*.wasm") == []


def test_the_optimised_build_of_a_component_with_a_large_memory_is_for_the_engine_that_keeps_none_of_it(tmp_path: Path) -> None:
    wasm = wasm_of(text.large(1_200_000, pages=129))
    engine = Engine(tmp_path, first="quick")
    first = compiled(engine, wasm)
    assert first.engine is engine._quick
    wait_for_builders()
    assert engine.is_outdated(first)
    second = engine.restore(first.digest)
    assert second is not None
    assert second.engine is engine._spacious
    assert len(names(tmp_path, "*.cwasm")) == 1


def test_the_quick_build_is_what_the_next_process_finds_until_then(tmp_path: Path, no_start: None) -> None:
    compiled(Engine(tmp_path, first="quick"))
    other = Engine(tmp_path, first="quick")
    assert other.is_cached(ONE)
    restored = other.restore(ONE)
    assert restored is not None
    assert (restored.engine.tier, restored.was_cached) == ("quick", True)
    assert not other.is_outdated(restored)


def test_who_wants_optimised_builds_gets_no_quick_one(tmp_path: Path, no_start: None) -> None:
    compiled(Engine(tmp_path, first="quick"))
    engine = Engine(tmp_path)
    assert not engine.is_cached(ONE)
    assert engine.restore(ONE) is None
    assert compiled(engine).engine.tier == "optimized"
    assert len(names(tmp_path, "*.cwasm")) == 2
    restored = Engine(tmp_path, first="quick").restore(ONE)
    assert restored is not None
    assert restored.engine.tier == "optimized"


def test_a_builder_that_was_killed_is_started_again_by_who_finds_the_quick_build(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(background, "start", lambda _: None)
        compiled(Engine(tmp_path, first="quick"))
    engine = Engine(tmp_path, first="quick")
    restored = engine.restore(ONE)
    assert restored is not None
    assert restored.engine.tier == "quick"
    wait_for_builders()
    assert engine.is_outdated(restored)


def test_no_builder_is_started_for_what_does_not_wait_for_one(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(background, "start", lambda _: None)
        compiled(Engine(tmp_path, first="quick"))
    cache_at(tmp_path).job(ONE).unlink()  # as after an attempt that failed
    assert compiled(Engine(tmp_path, first="quick")).engine.tier == "quick"
    assert builders() == []


def test_that_no_builder_can_be_started_costs_the_optimised_build_and_not_the_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(background, "start", no_process)
    assert compiled(Engine(tmp_path, first="quick")).engine.tier == "quick"
    assert compiled(Engine(tmp_path, first="quick")).was_cached


def test_a_build_that_is_replaced_between_two_looks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(tmp_path, first="quick")
    assert engine._quick is not None

    def replaced(digest: Digest) -> None:
        compiled(Engine(tmp_path))

    monkeypatch.setattr(engine._quick, "restore", replaced)
    restored = engine.restore(ONE)
    assert restored is not None
    assert restored.engine.tier == "optimized"


TAIL_CALL = "(func $g (result i32) (i32.const 1)) (func (result i32) (return_call $g))"


def test_what_the_quick_compiler_cannot_do_is_compiled_by_the_other_at_once(tmp_path: Path) -> None:
    wasm = wasm_of(text.large(1_200_000).replace('(func (export "f")', f'{TAIL_CALL} (func (export "f")', 1))
    engine = Engine(tmp_path, first="quick")
    assert compiled(engine, wasm).engine.tier == "optimized"
    assert builders() == []
    assert names(tmp_path, "*.wasm") == []


@pytest.mark.parametrize("died", ["import os; os.abort()", "raise SystemExit(1)"])
def test_whatever_the_quick_compiler_dies_of_the_other_has_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, died: str
) -> None:
    real = compiler._command

    def command(tiers: list[TierName], memory: int, is_background: bool) -> list[str]:
        return [sys.executable, "-c", died] if "quick" in tiers else real(tiers, memory, is_background)

    monkeypatch.setattr(compiler, "_command", command)
    assert compiled(Engine(tmp_path, first="quick")).engine.tier == "optimized"


def test_a_component_that_both_compilers_refuse_is_refused_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidComponent, match="out of bounds"):
        compiled(Engine(tmp_path, first="quick"), FAST[:-100])
    assert names(tmp_path, "*.cwasm") == names(tmp_path, "new-*") == []


def test_what_is_only_looked_at_is_built_quickly_and_nothing_follows(tmp_path: Path) -> None:
    assert compiled(Engine(tmp_path, first="quick"), keep=False).engine.tier == "quick"
    assert builders() == []
    assert names(tmp_path, "*") == ["key"]


def test_small_components_are_optimised_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "QUICK_FROM", len(FAST) + 1)
    assert compiled(Engine(tmp_path, first="quick")).engine.tier == "optimized"
    assert compiled(Engine(tmp_path, first="quick"), wasm_of(text.PLAIN)).engine.tier == "optimized"


def test_where_the_quick_compiler_is_not_supported_everything_is_optimised_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "PLATFORM", "linux-aarch64")
    assert compiled(Engine(tmp_path, first="quick")).engine.tier == "optimized"


def test_a_builder_holds_nothing_of_who_started_it_and_lets_others_go_first(tmp_path: Path, slow: bytes) -> None:
    cache = cache_at(tmp_path)
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    background.add(cache, slow, Digest.of(slow))
    os.close(writer)
    assert os.read(reader, 1) == b""  # the end of the file, while the builder is at work
    os.close(reader)
    until((cache.folder / "lock").exists, FOREVER)
    (builder,) = [Path(f"/proc/{pid}") for pid in children()]
    fields = (builder / "stat").read_text().rpartition(")")[2].split()
    assert fields[3] == builder.name  # a session of its own: no terminal, no Ctrl-C
    assert int(fields[16]) == max(compile_child.BEHIND, os.nice(0))
    assert os.readlink(builder / "cwd") == "/"
    assert {os.readlink(builder / "fd" / number) for number in "012"} == {"/dev/null"}
    cache.job(Digest.of(slow)).unlink()


def test_a_command_that_loads_ends_at_once_with_its_pipes_and_what_it_loaded_is_optimised_behind_it(home: Path, tmp_path: Path) -> None:
    (tmp_path / "large.wasm").write_bytes(wasm_of(text.large(4_500_000)))
    command = [sys.executable, "-m", "wassette_py", "component", "load", str(tmp_path / "large.wasm")]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=False, timeout=FOREVER)
    assert done.returncode == 0, done.stderr
    folder = home / ".cache" / "wassette" / "compiled"
    until(lambda: not list(folder.glob("*.wasm")), FOREVER)  # on a busy machine it is the last to go on
    release_lock(take_lock(folder / "lock", patience=LONG))
    digest = Digest.of((tmp_path / "large.wasm").read_bytes())
    assert Cache(folder, engine_key("optimized")).is_cached(digest)
    assert not Cache(folder, engine_key("quick")).is_cached(digest)


def started(cache: Cache, wasm: bytes) -> threading.Thread:
    """A build under way."""
    waiting(cache, wasm)
    building = threading.Thread(target=background.build_all, args=(cache,))
    building.start()
    until(lambda: children() != [])
    return building


def test_a_build_whose_file_is_removed_is_given_up_and_leaves_nothing(tmp_path: Path, slow: bytes) -> None:
    cache = cache_at(tmp_path)
    building = started(cache, slow)
    cache.job(Digest.of(slow)).unlink()
    building.join(LONG)
    assert names(tmp_path, "*") == ["key", "lock"]


def test_a_build_that_somebody_else_was_quicker_to_make_is_given_up(tmp_path: Path, slow: bytes) -> None:
    cache = cache_at(tmp_path)
    building = started(cache, slow)
    other = cache.temporary()
    other.write_bytes(b"code")
    cache.keep(Digest.of(slow), other)
    building.join(LONG)
    found = cache.find(Digest.of(slow))
    assert found is not None
    assert Path(found).read_bytes() == b"code"
    assert names(tmp_path, "*.wasm") == names(tmp_path, "new-*") == []


def test_builders_that_start_at_once_leave_one_build_of_each_component(tmp_path: Path) -> None:
    cache = cache_at(tmp_path)
    wasms = [wasm_of(text.large(1_100_000 + number)) for number in range(3)]
    for wasm in wasms:
        background.add(cache, wasm, Digest.of(wasm))
    wait_for_builders()
    assert all(cache.find(Digest.of(wasm)) for wasm in wasms)
    assert names(tmp_path, "new-*") == names(tmp_path, "*.wasm") == []


def test_a_builder_does_nothing_while_there_is_another(tmp_path: Path) -> None:
    cache = cache_at(tmp_path)
    waiting(cache, FAST)
    lock = take_lock(cache.folder / "lock")
    try:
        background.build_all(cache)
        assert cache.jobs() == [ONE]
    finally:
        release_lock(lock)
    background.build_all(cache)
    assert cache.jobs() == []
    assert cache.is_cached(ONE)


def test_what_is_not_the_component_it_is_named_for_is_not_built(tmp_path: Path) -> None:
    cache = cache_at(tmp_path)
    waiting(cache, FAST, Digest.of(b"another"))
    background.build_all(cache)
    assert names(tmp_path, "*") == ["key", "lock"]


def test_what_cannot_be_compiled_is_tried_once_and_the_others_are_built(tmp_path: Path) -> None:
    cache = cache_at(tmp_path)
    waiting(cache, FAST[:-100])
    waiting(cache, FAST)
    background.build_all(cache)
    assert cache.jobs() == []
    assert cache.is_cached(ONE)
    assert not cache.is_cached(Digest.of(FAST[:-100]))


def test_a_disk_that_is_full_ends_the_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    cache = cache_at(tmp_path)
    waiting(cache, FAST)
    monkeypatch.setattr(cache, "keep", full)
    background.build_all(cache)
    assert names(tmp_path, "*") == ["key", "lock"]


MAIN = "import sys; from wassette_py.sandbox.background import main; main(sys.argv[1])"


def test_the_builders_process_builds_what_waits(tmp_path: Path) -> None:
    cache = cache_at(tmp_path)
    waiting(cache, FAST)
    subprocess.run([sys.executable, "-c", MAIN, str(cache.folder)], check=True, timeout=FOREVER)
    assert cache.is_cached(ONE)


def test_a_builder_whose_folder_is_gone_makes_none(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", MAIN, str(tmp_path / "compiled")], check=True, timeout=FOREVER)
    assert list(tmp_path.iterdir()) == []


def test_the_tiers_do_not_read_each_others_code(tmp_path: Path, no_start: None) -> None:
    engine = Engine(tmp_path, first="quick")
    compiled(engine)
    assert engine._quick is not None
    code = engine._quick.cache.find(ONE)
    assert code is not None
    foreign = engine._optimized.cache.temporary()
    foreign.write_bytes(Path(code).read_bytes())
    engine._optimized.cache.keep(ONE, foreign)
    assert engine._optimized.restore(ONE) is None
