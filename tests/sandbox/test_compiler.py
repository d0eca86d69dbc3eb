"""Compiling where it can be killed: large components in a child, which leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.patience import LONG, until
from tests.sandbox import guests as text
from tests.sandbox.conftest import wasm_of
from wassette_py.control import Control, Progress
from wassette_py.errors import Cancelled, GuestError, InvalidComponent, LimitExceeded, WassetteError
from wassette_py.reference import Digest
from wassette_py.sandbox import compile_child, compiler
from wassette_py.sandbox.configuration import TierName, make_engine
from wassette_py.sandbox.engine import Engine
from wassette_py.sandbox.native import RawComponent

FAST = wasm_of(text.large(1_200_000))


@pytest.fixture(scope="module")
def slow() -> bytes:
    """A large component that takes many seconds to compile."""
    return text.heavy(30_000)


KILLED = 2.0
"""Seconds of processor time that a child that is killed soon does not use; compiling `slow` takes eight."""


def cpu_of_children() -> float:
    """Seconds of processor time of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compile_to(target: Path, wasm: bytes, *, memory: int | None = None) -> None:
    with target.open("wb") as file:
        compiler.compile_in_child(wasm, file, Control(), memory=memory)


def children() -> list[int]:
    """The processes this one has started and that still are there."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended meanwhile
            found += map(int, (task / "children").read_text().split())
    return found


@pytest.fixture(autouse=True)
def no_child_left() -> Iterator[None]:
    yield
    assert children() == []


def test_a_large_component_is_compiled_in_a_child_and_cached(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    seen: list[Progress] = []
    done = engine.compile(FAST, Digest.of(FAST), Control(report=seen.append))
    assert not done.was_cached
    assert done.type.exports[0].name == "f"
    assert {progress.stage for progress in seen} == {"compile"}
    assert engine.compile(FAST, Digest.of(FAST), Control()).was_cached
    assert not list((tmp_path / "compiled").glob("new-*"))


@pytest.mark.parametrize("first", ["quick", "optimized"])
def test_a_large_component_compiles_where_nothing_can_be_cached_and_its_code_never_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: TierName
) -> None:
    (tmp_path / "compiled").write_text("a file in the way")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))  # a folder that a guest may have been granted
    monkeypatch.setattr("wassette_py.sandbox.building.QUICK_FROM", 0)
    seen: set[str] = set()
    control = Control(report=lambda _: seen.update(os.listdir(tmp_path / "tmp")))
    engine = Engine(tmp_path, first=first)
    done = engine.compile(FAST, Digest.of(FAST), control)
    assert done.type.exports[0].name == "f"
    assert done.engine is engine._optimized  # a quick build is worth it only where the optimised one can take its place
    assert seen == set()


class Impatient:
    """A control's report that cancels after so many steps."""

    def __init__(self, patience: int = 8) -> None:
        self.steps = 0
        self.patience = patience
        self.cancel = threading.Event()

    def __call__(self, _: Progress) -> None:
        self.steps += 1
        if self.steps >= self.patience:
            self.cancel.set()

    @property
    def control(self) -> Control:
        return Control(self.cancel, self)


def test_progress_is_told_while_it_compiles_and_cancelling_kills_the_child(tmp_path: Path, slow: bytes) -> None:
    before = cpu_of_children()
    with pytest.raises(Cancelled):
        Engine(tmp_path).compile(slow, Digest.of(slow), Impatient().control)
    assert children() == []
    assert cpu_of_children() - before < KILLED
    assert [path.name for path in (tmp_path / "compiled").iterdir()] == ["key"]


def test_cancelling_a_compile_in_this_process_does_not_wait_for_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "IN_PROCESS_BELOW", 1 << 30)
    wasm = text.heavy(3_000)
    with pytest.raises(Cancelled):
        Engine(tmp_path).compile(wasm, Digest.of(wasm), Impatient(2).control)
    (unseen,) = [thread for thread in threading.enumerate() if thread.name == "compile"]
    assert [path.name for path in (tmp_path / "compiled").iterdir()] == ["key"]
    unseen.join()


def test_an_error_while_it_waits_kills_the_child(tmp_path: Path, slow: bytes) -> None:
    def interrupt(_: Progress) -> None:
        if children():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Engine(tmp_path).compile(slow, Digest.of(slow), Control(report=interrupt))
    assert children() == []
    assert [path.name for path in (tmp_path / "compiled").iterdir()] == ["key"]


def test_ctrl_c_ends_the_program_and_the_child(tmp_path: Path, slow: bytes) -> None:
    (tmp_path / "slow.wasm").write_bytes(slow)
    program = (
        "import sys, pathlib\n"
        "from wassette_py.control import Control\nfrom wassette_py.reference import Digest\nfrom wassette_py.sandbox.engine import Engine\n"
        "wasm = pathlib.Path(sys.argv[1]).read_bytes()\n"
        "Engine(pathlib.Path(sys.argv[2])).compile(wasm, Digest.of(wasm), Control(report=lambda _: print('.', flush=True)))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "slow.wasm", tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    before = cpu_of_children()
    _, said = process.communicate(timeout=LONG)
    assert b"KeyboardInterrupt" in said
    assert cpu_of_children() - before < KILLED
    assert [path.name for path in (tmp_path / "compiled").iterdir()] == ["key"]


def test_the_child_ends_when_its_parent_was_killed(tmp_path: Path, slow: bytes) -> None:
    (tmp_path / "slow.wasm").write_bytes(slow)
    program = (
        "import subprocess, sys\nfrom wassette_py.sandbox import compiler\n"
        "command = compiler._command(['optimized'], 4 << 30, False)\n"
        "files = {'stdin': open(sys.argv[1], 'rb'), 'stdout': open(sys.argv[2], 'wb')}\n"
        "print(subprocess.Popen(command, **files).pid, flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "slow.wasm", tmp_path / "out"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()

    def is_gone() -> bool:
        try:
            return not Path(f"/proc/{child}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return True

    until(is_gone)
    assert (tmp_path / "out").read_bytes() == b""


def test_running_out_of_memory_while_compiling_is_an_error_and_not_the_end_of_this_process(tmp_path: Path, slow: bytes) -> None:
    with pytest.raises(LimitExceeded, match="more memory") as caught:
        compile_to(tmp_path / "out", slow, memory=160 << 20)
    assert caught.value.limit == "memory"


def test_a_large_component_that_is_broken_is_refused_with_the_childs_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidComponent, match=r"not a valid component: .*out of bounds"):
        compile_to(tmp_path / "out", FAST[:-100])


def test_a_target_that_cannot_be_written_is_said() -> None:
    with pytest.raises(OSError, match=r"cannot be written: No space left on device"):
        compile_to(Path("/dev/full"), FAST)


MMAP_FAILED = "import sys; sys.stderr.write('mmap failed to allocate 0x6c0000 bytes; Cannot allocate memory (os error 12)'); sys.exit(3)"


def kill_self(signal_number: int) -> Callable[[object, int, bool], list[str]]:
    return lambda *_: [sys.executable, "-c", f"import os; os.kill(os.getpid(), {signal_number})"]


@pytest.mark.parametrize(
    ("command", "error", "says"),
    [
        (kill_self(signal.SIGXCPU), LimitExceeded, "more processor time"),
        (kill_self(signal.SIGKILL), LimitExceeded, "more memory"),
        (lambda *_: [sys.executable, "-c", "raise MemoryError"], LimitExceeded, "more memory"),
        (lambda *_: [sys.executable, "-c", MMAP_FAILED], LimitExceeded, "more memory"),
        (lambda *_: [sys.executable, "-c", "import no_such_module"], GuestError, "failed .exit 1.*no_such_module"),
    ],
)
def test_however_the_child_ends_it_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: object, error: type[WassetteError], says: str
) -> None:
    monkeypatch.setattr(compiler, "_command", command)
    with pytest.raises(error, match=says):
        compile_to(tmp_path / "out", FAST)


def test_without_an_interpreter_to_start_it_compiles_in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    assert Engine(tmp_path).compile(FAST, Digest.of(FAST), Control()).type.exports[0].name == "f"


TAIL_CALL = wasm_of("""(component
  (core module $m (func $g (result i32) (i32.const 1)) (func (export "f") (result i32) (return_call $g)))
  (core instance $m (instantiate $m)) (func (export "f") (result u32) (canon lift (core func $m "f"))))""")


@pytest.mark.parametrize(
    ("wasm", "tiers", "code"),
    [
        (wasm_of(text.PLAIN), ["optimized"], 0),
        (TAIL_CALL, ["quick", "optimized"], compile_child.SECOND),
        (TAIL_CALL, ["quick"], compile_child.INVALID),
        (b"\0asm\x0d\0\1\0x", ["quick", "optimized"], compile_child.INVALID),
    ],
)
def test_the_childs_own_work_is_of_the_first_compiler_that_takes_the_component(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wasm: bytes, tiers: list[TierName], code: int
) -> None:
    with (tmp_path / "out").open("wb") as target:
        assert compile_child.compile_to(target.fileno(), wasm, tiers) == code
    if code == compile_child.INVALID:
        assert capsys.readouterr().err
    else:
        assert RawComponent.restored_file(make_engine("optimized"), str(tmp_path / "out"))


def test_a_disk_that_is_full_is_what_the_child_says(capsys: pytest.CaptureFixture[str]) -> None:
    with open("/dev/full", "wb", buffering=0) as target:
        assert compile_child.compile_to(target.fileno(), wasm_of(text.PLAIN), ["optimized"]) == compile_child.NOT_WRITTEN
    assert capsys.readouterr().err == "No space left on device"


@pytest.mark.parametrize("background", [False, True])
def test_the_child_limits_itself_and_speaks_by_its_standard_streams(tmp_path: Path, background: bool) -> None:
    program = (
        "import os, sys; from wassette_py.sandbox.compile_child import main\n"
        f"code = main('optimized', 4 << 30, os.getppid(), background={background})\n"
        "sys.stderr.flush(); os.write(2, str(os.nice(0)).encode()); os._exit(code)"
    )
    nice = max(compile_child.BEHIND if background else compile_child.ASIDE, os.nice(0))
    for wasm, target, code, says in (
        (FAST, tmp_path / "out", 0, b""),
        (b"\0asm\x0d\0\1\0x", tmp_path / "out2", compile_child.INVALID, b"unexpected end"),
        (FAST, Path("/dev/full"), compile_child.NOT_WRITTEN, b"No space left"),
    ):
        with target.open("wb") as output:
            done = subprocess.run([sys.executable, "-c", program], input=wasm, stdout=output, stderr=subprocess.PIPE, check=False)
        assert done.returncode == code
        assert says in done.stderr
        assert done.stderr.endswith(str(nice).encode())
    assert (tmp_path / "out").stat().st_size > 1000


def test_the_child_ends_itself_when_it_has_lost_its_parent() -> None:
    program = "from wassette_py.sandbox.compile_child import _end_with_parent; _end_with_parent(0)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=20).returncode == 1
