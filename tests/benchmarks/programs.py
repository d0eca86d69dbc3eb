"""The programs that are compared, and how each is told to install a component and to serve a folder of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, eq=False)
class Program:
    """`serve` begins a command that ends in a component directory; empty `load`: it has no components."""

    name: str
    serve: tuple[str, ...]
    load: tuple[str, ...]
    environment: Mapping[str, str]
    home: Path
    folds_bytes: bool = False
    """Whether `list<u8>` is written as base64; otherwise as an array of numbers."""

    def folder(self, name: str) -> Path:
        """A component directory of that name."""
        return self.home / "folders" / name

    def command(self, folder: Path, *arguments: str) -> list[str]:
        return [*self.serve, *(("--component-dir", str(folder)) if self.load else ()), *arguments]

    def settle(self, cache: Path | None = None) -> None:
        """Waits for the optimised builds that are under way: calls are measured of those, and nobody's beside their making."""
        while self.name == "ours" and list(((cache or self.home / ".cache") / "wassette" / "compiled").glob("*.wasm")):
            time.sleep(0.05)

    def install(self, folder: Path, file: Path) -> None:
        """Loads `file`, as a person would, until it is as fast as it will be."""
        reference = str(file) if self.name == "ours" else f"file://{file}"
        command = [*self.load, "--component-dir", str(folder), reference]
        subprocess.run(command, env=dict(self.environment), check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.settle()


def ours(home: Path) -> Program:
    environment = _environment(home)
    wassette = wassette_command(home.parent)
    return Program(
        "ours", (*wassette, "serve", "--stdio", "--disable-builtin-tools"), (*wassette, "component", "load"), environment, home, True
    )


def wassette_command(folder: Path) -> list[str]:
    """This checkout as uv and newer pips install it: a console script of four lines."""
    script = folder / "wassette"
    if not script.exists():
        script.write_text("import sys\nfrom wassette_py.__main__ import main\nif __name__ == '__main__':\n    sys.exit(main())\n")
    return [sys.executable, str(script)]


def plain(home: Path) -> Program:
    command = (sys.executable, str(Path(__file__).with_name("plain_server.py")))
    return Program("plain Python", command, (), _environment(home), home, True)


def rust(home: Path, command: str) -> Program:
    """The Rust wassette; a script that ends in `exec` is left out of what is timed."""
    environment = {**_environment(home), "RUST_LOG": "off", "PEER_CACHE": _peer_cache()}
    subprocess.run([command, "--version"], env=environment, check=True, stdout=subprocess.DEVNULL)
    real = _executed(command, environment)
    return Program("rust", (*real, "run", "--disable-builtin-tools"), (*real, "component", "load"), environment, home)


def _executed(command: str, environment: Mapping[str, str]) -> list[str]:
    process = subprocess.Popen(
        [command, "run"], env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(0.5)
        words = Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")[:-1]
    finally:
        process.kill()
        process.communicate()
    return words[:-1]


def _peer_cache() -> str:
    """Where the comparison was downloaded to: in the real home."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("PEER_CACHE") or os.path.join(base, "wassette-peer")


def _environment(home: Path) -> dict[str, str]:
    """Nothing of ours leaks in: settings refuse an unknown WASSETTE_ variable, and a home of one's own is what a test measures in."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
