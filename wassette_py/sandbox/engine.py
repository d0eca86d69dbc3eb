"""The engine for all guests: compiles components, restores what was compiled before, keeps what every call of one needs.

It does not run guest code (`instance.py`), and decides nothing about who may run what. What compiles (`building.py`) is imported when
something is to be compiled: most starts restore.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping
from functools import cached_property

from wassette_py.control import Control
from wassette_py.errors import WassetteError, command
from wassette_py.files import StrPath
from wassette_py.names import Digest
from wassette_py.sandbox import linking
from wassette_py.sandbox.cache import Cache
from wassette_py.sandbox.codec import FunctionCodec
from wassette_py.sandbox.component_type import read_component_type
from wassette_py.sandbox.configuration import TierName, engine_key, has_quick_tier
from wassette_py.sandbox.native import Owned, RawComponent, RawLinker
from wassette_py.sandbox.tiers import TierEngine
from wassette_py.wit.types import ComponentType, FunctionType


class Engine:
    """Thread-safe. `cache_dir` gets a private folder of native code (`cache.py`). `first`: what a large component is compiled by before it
    can be called; behind a quick build an optimised one is made in the background and takes its place (`background.py`)."""

    def __init__(self, cache_dir: StrPath, *, first: TierName = "optimized") -> None:
        cache = Cache(os.path.join(cache_dir, "compiled"), engine_key("optimized"))
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
                    from wassette_py.sandbox import background

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
        from wassette_py.sandbox.building import Builder

        try:
            engine, component = Builder(self._optimized, self._spacious, self._quick).build(wasm, digest, control, keep=keep)
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
        self._entries: dict[tuple[str | None, str], Entry] = {}

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
        if self._linker is None:
            with self._lock:
                self._linker = self._linker or linking.build_linker(self.engine.raw, self.raw, self.engine.gated)
        return self._linker

    def entry(self, f: FunctionType) -> Entry:
        """How to reach and convert `f`, one of `type.exports`."""
        entry = self._entries.get((f.interface, f.name))
        if entry is None:
            instance = self.raw.export_index(f.interface) if f.interface else None
            entry = self._entries[f.interface, f.name] = Entry(self.raw.export_index(f.name, instance), FunctionCodec(f))
        return entry
