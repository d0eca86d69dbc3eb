"""The engine for all guests: compiles components, restores what was compiled before, keeps what every call of one needs.

It does not run guest code (`instance.py`), and decides nothing about who may run what.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from wassette_py.control import Control
from wassette_py.errors import GuestError, InvalidComponent, WassetteError, command
from wassette_py.reference import Digest
from wassette_py.sandbox import background, compiler, linking
from wassette_py.sandbox.cache import Cache
from wassette_py.sandbox.codec import FunctionCodec
from wassette_py.sandbox.component_type import read_component_type
from wassette_py.sandbox.configuration import TierName, engine_key, has_quick_tier
from wassette_py.sandbox.native import Owned, RawComponent, RawLinker
from wassette_py.sandbox.sizing import is_spacious
from wassette_py.sandbox.tiers import TierEngine
from wassette_py.wit.types import ComponentType, FunctionType

QUICK_FROM = 4 << 20
"""Bytes from which on a quick build comes first: below, the optimised one takes a second or less."""


class Engine:
    """Thread-safe. `cache_dir` gets a private folder of native code (`cache.py`). `first`: what a large component is compiled by before it
    can be called; behind a quick build an optimised one is made in the background and takes its place (`background.py`)."""

    def __init__(self, cache_dir: Path, *, first: TierName = "optimized") -> None:
        cache = Cache(cache_dir / "compiled", engine_key("optimized"))
        quick, spacious = cache.beside(engine_key("quick")), cache.beside(engine_key(spacious=True))
        self._optimized = TierEngine("optimized", cache)
        self._spacious = TierEngine("optimized", spacious, kept=0)
        self._quick = TierEngine("quick", quick) if first == "quick" and has_quick_tier() else None

    def is_cached(self, digest: Digest) -> bool:
        """Whether compiling `digest` is likely to take no time."""
        return any(engine.cache.is_cached(digest) for engine in self._engines())

    def is_outdated(self, component: CompiledComponent) -> bool:
        """Whether `restore` would give a better one: `component` is a quick build, and meanwhile there is the optimised one."""
        return component.engine is self._quick and any(engine.cache.is_cached(component.digest) for engine in self._lasting())

    def restore(self, digest: Digest) -> CompiledComponent | None:
        """The component of that digest as it was compiled before; None when it was not, or what was kept cannot be used."""
        for engine in self._engines():
            restored = engine.restore(digest)
            if restored is not None:
                if engine is self._quick:
                    with contextlib.suppress(OSError):  # no process left for it
                        background.resume(self._optimized.cache, digest)
                return CompiledComponent(engine, restored, digest, was_cached=True)
        return None

    def compile(self, wasm: bytes, digest: Digest, control: Control, *, keep: bool = True) -> CompiledComponent:
        """The component `wasm`, whose digest is `digest` (verified by the caller); `keep` False leaves nothing in the cache.

        Raises InvalidComponent, LimitExceeded (memory or time of compiling), Cancelled, WassetteError (a full disk, no process left).
        """
        restored = self.restore(digest)
        if restored is not None:
            return restored
        compiler.check_header(wasm)
        try:
            engine, component = self._build(wasm, digest, control, keep)
        except OSError as error:
            import tempfile

            room = command("df", "-h", self._optimized.cache.folder, tempfile.gettempdir())
            raise WassetteError(f"compiling it failed: {error.strerror or error}", room) from None
        return CompiledComponent(engine, component, digest, was_cached=False)

    def _engines(self) -> tuple[TierEngine, ...]:
        # NOTE: the optimised ones twice: between two looks one may have taken the quick one's place.
        return self._lasting() if self._quick is None else (*self._lasting(), self._quick, *self._lasting())

    def _lasting(self) -> tuple[TierEngine, TierEngine]:
        return self._optimized, self._spacious

    def _lasting_for(self, wasm: bytes) -> TierEngine:
        return self._spacious if is_spacious(wasm) else self._optimized

    def _build(self, wasm: bytes, digest: Digest, control: Control, keep: bool) -> tuple[TierEngine, RawComponent]:
        engine = self._lasting_for(wasm)
        if len(wasm) < compiler.IN_PROCESS_BELOW or not sys.executable:
            component = compiler.compile_in_process(engine.raw, wasm, control)
            engine.check(component)
            if keep:
                engine.keep(component, digest)
            return engine, component
        if engine.cache.is_usable:
            with contextlib.suppress(OSError):  # a full disk costs the cache, not the call
                return self._built_beside_the_cache(wasm, digest, control, keep)
        import tempfile

        with tempfile.TemporaryFile() as nameless:  # NOTE: never a name in a folder that a guest may have been granted
            compiler.compile_in_child(wasm, nameless, control)
            nameless.seek(0)
            component = RawComponent.restored(engine.raw, nameless.read())
            engine.check(component)
            return engine, component

    def _built_beside_the_cache(self, wasm: bytes, digest: Digest, control: Control, keep: bool) -> tuple[TierEngine, RawComponent]:
        target = self._optimized.cache.temporary()
        try:
            engine = self._compile_to(target, wasm, control)
            component = RawComponent.restored_file(engine.raw, str(target))
            engine.check(component)
            if keep:
                with contextlib.suppress(OSError):  # a full disk costs the next start, not this one
                    engine.cache.keep(digest, target)
                    if engine is self._quick:
                        background.add(self._optimized.cache, wasm, digest)
            return engine, component
        finally:
            target.unlink(missing_ok=True)

    def _compile_to(self, target: Path, wasm: bytes, control: Control) -> TierEngine:
        """Whose native code is in `target`."""
        if self._quick is not None and len(wasm) >= QUICK_FROM:
            try:
                with target.open("wb") as file:
                    tier = compiler.compile_in_child(wasm, file, control, tiers=("quick", "optimized"))
                return self._quick if tier == "quick" else self._lasting_for(wasm)
            except InvalidComponent:
                raise
            except GuestError:  # whatever the quick compiler died of, the other one has the last word
                pass
        with target.open("wb") as file:
            compiler.compile_in_child(wasm, file, control)
        return self._lasting_for(wasm)


class Entry:
    """What calls of one export share."""

    def __init__(self, index: Owned, codec: FunctionCodec) -> None:
        self.index = index
        self.codec = codec


class CompiledComponent:
    """A component ready to be instantiated, by any number of threads. `was_cached`: no compile was needed."""

    def __init__(self, engine: TierEngine, raw: RawComponent, digest: Digest, *, was_cached: bool) -> None:
        self.engine = engine
        self.raw = raw
        self.digest = digest
        self.was_cached = was_cached
        self._lock = threading.Lock()
        self._linker: RawLinker | None = None
        self._entries: dict[str, Entry] = {}

    @cached_property
    def type(self) -> ComponentType:
        """Imports and exports."""
        return read_component_type(self.raw, self.engine.raw)

    @cached_property
    def imports(self) -> frozenset[str]:
        """The names of what it imports, without versions."""
        return frozenset([name.partition("@")[0] for name in self.type.imports])

    @cached_property
    def exports(self) -> Mapping[tuple[str | None, str], FunctionType]:
        """What it exports, by interface and name."""
        return {(function.interface, function.name): function for function in self.type.exports}

    @cached_property
    def tells_no_time(self) -> bool:
        """Whether no clock it has is wasmtime's own, which tells an instance when it was made."""
        return linking.has_our_clocks(self.raw, self.engine.raw)

    def linker(self) -> RawLinker:
        """Built at the first call, once."""
        with self._lock:
            if self._linker is None:
                self._linker = linking.build_linker(self.engine.raw, self.raw, self.engine.gated)
            return self._linker

    def entry(self, f: FunctionType) -> Entry:
        """How to reach and convert `f`, one of `type.exports`."""
        entry = self._entries.get(f.export)
        if entry is None:
            instance = self.raw.export_index(f.interface) if f.interface else None
            entry = self._entries[f.export] = Entry(self.raw.export_index(f.name, instance), FunctionCodec(f))
        return entry
