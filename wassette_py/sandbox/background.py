"""The optimised build behind a quick one, made by a process of its own after whoever loaded the component has gone on, or has ended.

What is to be built waits in the cache folder as a file of the component's bytes: one builder at a time, under a lock, takes them all, each
in a child with the limits of every compile. It holds no terminal, pipe or folder of those who started it, lets everything else on the
machine go first, and gives up a component whose file is removed or whose build somebody else was quicker to make. When it is killed the
files are still there, and the next process that finds a quick build starts another one.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path

from wassette_py.control import Control, Progress
from wassette_py.errors import Locked, WassetteError
from wassette_py.files import read_regular
from wassette_py.locking import release_lock, take_lock
from wassette_py.reference import Digest
from wassette_py.sandbox import compiler
from wassette_py.sandbox.cache import MAX_CODE, Cache
from wassette_py.sandbox.compile_child import BEHIND, step_back
from wassette_py.sandbox.configuration import engine_key
from wassette_py.sandbox.sizing import is_spacious

LONGEST = 3600
"""Seconds after which a builder ends, whatever it is at: on a machine that never idles it would be there for good."""

_CODE = """
import sys
sys.path[:0] = sys.argv[2:]
from wassette_py.sandbox.background import main
main(sys.argv[1])
"""


def add(cache: Cache, wasm: bytes, digest: Digest) -> None:
    """Has `wasm` built for `cache` in the background. Raises OSError."""
    temporary = cache.temporary()
    try:
        temporary.write_bytes(wasm)
        temporary.replace(cache.job(digest))
    finally:
        temporary.unlink(missing_ok=True)
    start(cache)


def resume(cache: Cache, digest: Digest) -> None:
    """Starts a builder if `digest` still waits for one."""
    if cache.job(digest).exists():
        start(cache)


def start(cache: Cache) -> None:
    """Starts a builder, which ends at once when there is one. Raises OSError."""
    import subprocess  # slow to import, and most starts compile nothing

    builder = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _CODE, str(cache.folder.absolute()), *compiler.import_roots()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    threading.Thread(target=builder.wait, name="builder", daemon=True).start()  # a server would have it as a zombie


def main(folder: str) -> None:
    """The builder's process."""
    import signal

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LONGEST)
    step_back(BEHIND)
    if Path(folder).is_dir():
        build_all(Cache(Path(folder), engine_key("optimized")))


def build_all(cache: Cache) -> None:
    """Builds whatever waits, unless another builder does."""
    quick, spacious = cache.beside(engine_key("quick")), cache.beside(engine_key(spacious=True))
    # NOTE: looked at once more after the lock is gone: somebody whose builder found it taken may have added something meanwhile.
    while cache.jobs():
        try:
            lock = take_lock(cache.folder / "lock", patience=0)
        except Locked:
            return
        try:
            for digest in cache.jobs():
                with contextlib.suppress(WassetteError):  # the quick build has to do
                    _build(cache, spacious, quick, digest)
                cache.job(digest).unlink(missing_ok=True)
        finally:
            release_lock(lock)


def _build(cache: Cache, spacious: Cache, quick: Cache, digest: Digest) -> None:
    job = cache.job(digest)

    def still_wanted(_: Progress) -> None:
        if not job.exists() or cache.is_cached(digest) or spacious.is_cached(digest):
            control.cancel.set()

    control = Control(report=still_wanted)
    temporary = cache.temporary()
    try:
        wasm = read_regular(job, limit=MAX_CODE)
        if Digest.of(wasm) == digest:
            with temporary.open("wb") as target:
                compiler.compile_in_child(wasm, target, control, background=True)
            (spacious if is_spacious(wasm) else cache).keep(digest, temporary)
            quick.drop(digest)
    except OSError:
        return
    finally:
        temporary.unlink(missing_ok=True)
