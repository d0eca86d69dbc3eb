"""Programs nobody here wrote: where `.ci/interop` put them, and how they are run. One that is missing is a failure where CI is set."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from tests.patience import FOREVER, LONG
from tests.toolchain import ENVIRON, cache_dir

VERSIONS = {"cosign": "v3.1.2", "cosign-v2": "v2.6.4", "olareg": "v0.2.2", "oras": "v1.3.3", "wkg": "0.16.1"}


def program(name: str) -> str:
    """The path of a program."""
    built = cache_dir() / "interop" / "bin" / f"{name}-{VERSIONS.get(name, '')}"
    found = str(built) if built.exists() else shutil.which(name, path=ENVIRON.get("PATH"))
    return _missing(name) if found is None else found


def _missing(name: str) -> NoReturn:
    message = f"{name} is not there: run .ci/interop"
    if ENVIRON.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def run(name: str, *words: str | Path, folder: Path, good: bool = True) -> str:
    """What the program prints; its failure is one of the test, unless it is expected."""
    done = subprocess.run(
        [program(name), *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=FOREVER,
    )
    assert (done.returncode == 0) == good, f"{name} {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(command: Sequence[str | Path], port: int, folder: Path) -> Iterator[None]:
    """A server that runs as long as the block does, once it listens."""
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(
            list(map(str, command)), cwd=folder, stdout=log, stderr=log, env={**os.environ, "OTEL_TRACES_EXPORTER": "none"}
        )
    try:
        until = time.monotonic() + LONG
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (folder / f"{port}.log").read_text()
            assert time.monotonic() < until, f"{command[0]} does not listen"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(LONG)


@contextlib.contextmanager
def cutting_proxy(host: str, *, after: int) -> Iterator[tuple[str, list[int]]]:
    """A way to `host`, and its own `HOST:PORT`, that breaks the first connection which has brought `after` bytes; and what each brought."""
    carried: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            carried.append(0)
            threading.Thread(target=carry, args=(client, len(carried) - 1), daemon=True).start()

    def carry(client: socket.socket, number: int) -> None:
        name, _, port = host.partition(":")
        with client, socket.create_connection((name, int(port))) as upstream:
            threading.Thread(target=pump, args=(client, upstream), daemon=True).start()
            with contextlib.suppress(OSError):
                while data := upstream.recv(1 << 14):
                    carried[number] += len(data)  # before: whoever has got it all counts at once
                    client.sendall(data)
                    if carried[number] > after and not cut.is_set():
                        cut.set()
                        break
            for end in (client, upstream):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def pump(client: socket.socket, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 14):
                upstream.sendall(data)

    cut = threading.Event()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", carried
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(LONG)
