"""What bad input gets: exit code, an error with what to do, nothing installed and nothing left behind."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, Wassette
from tests.cli.guests import ONE_TOOL, write_component
from tests.cli.terminal import UNHURRIED, python, run_in_terminal
from tests.layout_writer import artifact, digest, write_layout
from tests.patience import FOREVER
from tests.registry import Registry, Reply, cut, dripping, hang_up, running
from tests.tls import make_authority

PROGRAM = [sys.executable, "-m", "wassette_py"]


def _left() -> set[str]:
    """What stands in the home, but for locks, the cache and the audit log."""
    home = Path.home()
    names = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    names -= {name for name in names if name.startswith(".cache/wassette/downloads/") and not name.endswith(".tmp")}
    apart = (".cache/wassette/compiled/", ".local/state/wassette/audit/")
    return {name for name in names if not name.endswith(".lock") and not name.startswith(apart)}


@pytest.mark.skipif(sys.platform == "win32", reason="a file size limit stands for a full disk")
def test_a_full_disk_changes_nothing(loaded: Path) -> None:
    before = _left()
    code = """
import resource, sys
from wassette_py.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100, -1))
code = main()
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
sys.exit(code)
"""
    for words in (["component", "load", "one.wasm"], ["policy", "grant", "text", "network", "a-name-that-is-rather-long.example.com"]):
        ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120, check=False)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith("error: ")
        assert "Traceback" not in ran.stderr
        assert _left() == before


def test_everything_granted_at_once_lands(loaded: Path, wassette: Wassette) -> None:
    keys = [f"KEY_{number}" for number in range(6)]
    running = [subprocess.Popen([*PROGRAM, "policy", "grant", "text", "env", key], stdout=subprocess.DEVNULL) for key in keys]
    running += [subprocess.Popen([*PROGRAM, "component", "load", "one.wasm"], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(FOREVER) for process in running] == [0] * 8
    granted = wassette("policy", "show", "text", "-o", "json").json["permissions"]["environment"]["allow"]
    assert sorted(entry["key"] for entry in granted) == keys
    assert [entry["status"] for entry in wassette("component", "list", "-o", "json").json["components"]] == ["ready", "ready"]


def test_a_killed_load_leaves_a_store_that_the_next_command_can_use(components: Path, wassette: Wassette) -> None:
    for milliseconds in (50, 150, 200, 250, 300, 350, 400):
        process = subprocess.Popen([*PROGRAM, "component", "load", "text.wasm"], stdout=subprocess.DEVNULL)
        time.sleep(milliseconds / 1000)
        process.kill()
        process.wait()
        assert wassette("component", "load", "text.wasm").code == 0
        assert {name.rpartition("/")[2] for name in _left()} == {"text.wasm", "text.json", "verdicts.key"}
        assert wassette("component", "unload", "text").code == 0
        assert _left() == {".config/wassette/verdicts.key"}


def test_a_load_killed_at_its_end_is_finished_by_the_next_though_that_changes_nothing(loaded: Path, wassette: Wassette, home: Path) -> None:
    folder = home / ".local/share/wassette/components"
    whole, temporary = _left(), ".wassette.tmp.0123456789abcdef"
    (folder / "text.wasm").rename(folder / temporary)
    (folder / ".wassette.journal").write_text(json.dumps({"text.wasm": temporary}))
    assert wassette("component", "load", "text.wasm").out.startswith("unchanged, nothing was compiled: text\n")
    assert _left() == whole


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """An OCI layout that holds one component under the tag `one`, with a policy that nobody asked for."""
    wasm = write_component(tmp_path, "one", ONE_TOOL).read_bytes()
    policy = 'version: "1.0"\npermissions: {environment: {allow: [{key: HOME}]}}\n'
    write_layout(tmp_path / "layout", {"one": artifact(wasm, policy=policy)})
    return tmp_path / "layout"


def _refused(ran: Ran, code: int, said: str) -> None:
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ")
    assert said in ran.err


def test_a_policy_that_came_with_the_artifact_is_shown_and_not_applied(layout: Path, wassette: Wassette) -> None:
    document = wassette("component", "inspect", f"oci-layout://{layout}:one", "-o", "json").json
    assert document["policy"] == {"environment": {"allow": [{"key": "HOME"}]}}
    shown = wassette("component", "inspect", f"oci-layout://{layout}:one").out.splitlines()
    assert shown[-2:] == ["a policy came with it, which nobody applies by itself:", "  may  env HOME"]
    assert wassette("component", "load", f"oci-layout://{layout}:one", "-o", "json").json["policy"] is None


def test_bytes_that_are_not_the_ones_asked_for_are_an_error(layout: Path, wassette: Wassette) -> None:
    _refused(wassette("component", "load", f"oci-layout://{layout}:one@sha256:{'0' * 64}"), 1, "sha256:000")
    largest = max((layout / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"x")
    _refused(wassette("component", "load", f"oci-layout://{layout}:one"), 1, "digest mismatch")
    assert _left() == set()


def test_a_registry_that_is_down_is_an_error(wassette: Wassette) -> None:
    assert wassette("trust", "add", "localhost:1", "--unsigned", "--reason", "test").code == 0
    _refused(wassette("component", "load", "oci://localhost:1/acme/x:1"), 1, "localhost:1")


def test_a_page_that_is_down_is_an_error(wassette: Wassette) -> None:
    _refused(wassette("component", "load", f"https://localhost:1/x.wasm#sha256={'0' * 64}"), 1, "localhost:1")


def test_a_scope_that_names_other_bytes_refuses_and_shows_the_digest(components: Path, wassette: Wassette) -> None:
    pinned = "sha256:" + "ab" * 32
    assert wassette("trust", "add", f"file://{components}", "--digest", pinned).code == 0
    _refused(wassette("component", "load", "one.wasm"), 3, "sha256:")


@pytest.fixture
def registry(home: Path) -> Iterator[Registry]:
    """A registry that settings allow to be spoken to in plain HTTP, with acme/one:1 in it, which no scope names."""
    with running(Registry()) as registry:
        with tempfile.TemporaryDirectory() as folder:
            registry.put("acme/one", "1", artifact(write_component(Path(folder), "one", ONE_TOOL).read_bytes()))
        config = home / ".config" / "wassette"
        config.mkdir(parents=True)
        (config / "config.yaml").write_text(f"registries: {{'{registry.host}': {{insecure_http: true}}}}\n")
        yield registry


def _trust(wassette: Wassette, registry: Registry) -> None:
    assert wassette("trust", "add", f"{registry.host}/acme", "--unsigned", "--reason", "test").code == 0


def test_a_registry_without_a_scope_is_refused_with_the_digest_and_the_commands_that_would_allow_it(
    registry: Registry, wassette: Wassette
) -> None:
    manifest = registry.manifests["acme/one", "1"][1]
    for command in ("load", "run"):
        words = ("component", "load") if command == "load" else ("run",)
        ran = wassette(*words, f"oci://{registry.host}/acme/one:1")
        _refused(ran, 3, digest(manifest))
        hints = [line for line in ran.err.splitlines() if line.startswith("hint: wassette trust add ")]
        assert [hint.split("--")[1].split()[0] for hint in hints] == ["digest", "unsigned"]
    assert wassette("component", "inspect", f"oci://{registry.host}/acme/one:1").code == 0


def test_the_command_of_the_hint_makes_the_load_work(registry: Registry, wassette: Wassette) -> None:
    reference = f"oci://{registry.host}/acme/one:1"
    hint = next(line for line in wassette("component", "load", reference).err.splitlines() if "--digest" in line)
    assert wassette(*shlex.split(hint.removeprefix("hint: wassette "))).code == 0
    assert wassette("component", "load", reference).code == 0
    assert wassette("tool", "call", "answer").out == "42\n"


@pytest.mark.parametrize(
    ("path", "fault", "said"),
    [
        ("/manifests/", hang_up, ""),
        ("/blobs/", cut, ""),
        ("/blobs/", lambda handler: handler.answer(b"not these bytes", "application/wasm"), ""),
        ("/manifests/", lambda handler: handler.error(404, "MANIFEST_UNKNOWN"), "acme/one"),
        ("/manifests/", lambda handler: handler.error(403, "DENIED"), "login"),
    ],
)
def test_a_registry_that_misbehaves_is_an_error_and_leaves_nothing(
    registry: Registry, wassette: Wassette, path: str, fault: Reply, said: str
) -> None:
    _trust(wassette, registry)
    before = _left()
    registry.fault(path, fault)
    _refused(wassette("component", "load", f"oci://{registry.host}/acme/one:1"), 1, said)
    assert _left() == before


def test_a_page_that_is_not_there_is_an_error(tmp_path: Path, home: Path, wassette: Wassette) -> None:
    authority, context = make_authority(tmp_path)
    with running(Registry(tls=context)) as pages:
        config = home / ".config" / "wassette"
        config.mkdir(parents=True)
        (config / "config.yaml").write_text(f"registries: {{'{pages.host}': {{ca_file: '{authority}'}}}}\n")
        _refused(wassette("component", "load", f"https://{pages.host}/x.wasm#sha256={'0' * 64}"), 1, "404")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no terminal to press a key in")
def test_ctrl_c_stops_a_download_and_leaves_nothing(registry: Registry, wassette: Wassette) -> None:
    _trust(wassette, registry)
    before = _left()
    registry.fault("/blobs/", dripping)
    seen = run_in_terminal([*python(UNHURRIED), "component", "load", f"oci://{registry.host}/acme/one:1"], interrupt_at=["fetching"])
    assert seen.code == 130
    assert "Traceback" not in seen.text
    assert _left() == before
