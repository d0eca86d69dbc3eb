"""One engine for all guests: compiles components, restores what was compiled before, keeps what every call of one needs.

It does not run guest code (`instance.py`), and decides nothing about who may run what.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from wasmtime import WasmtimeError
from wasmtime.component import Component, Linker

from wassette_py.control import Control
from wassette_py.errors import WassetteError
from wassette_py.reference import Digest
from wassette_py.sandbox import compiler, linking
from wassette_py.sandbox.cache import Cache
from wassette_py.sandbox.codec import FunctionCodec
from wassette_py.sandbox.configuration import engine_key, make_engine
from wassette_py.sandbox.gates.gate import Gate
from wassette_py.sandbox.hosting import Functions
from wassette_py.sandbox.ticker import Ticker
from wassette_py.wit.reader import read_component_type
from wassette_py.wit.types import ComponentType, FunctionType


class Engine:
    """Thread-safe. `cache_dir` gets a private folder of native code (`cache.py`)."""

    def __init__(self, cache_dir: Path) -> None:
        self.raw = make_engine(runs=True)
        self.ticker = Ticker(self.raw.increment_epoch)
        self._cache = Cache(cache_dir / "compiled", engine_key())
        self._gated: dict[str, Functions] = {}
        self._lock = threading.Lock()

    def is_cached(self, digest: Digest) -> bool:
        """Whether compiling `digest` is likely to take no time."""
        return self._cache.is_cached(digest)

    def restore(self, digest: Digest) -> CompiledComponent | None:
        """The component of that digest as it was compiled before; None when it was not, or what was kept cannot be used."""
        restored = self._restore(digest)
        return None if restored is None else CompiledComponent(self, restored, digest, was_cached=True)

    def compile(self, wasm: bytes, digest: Digest, control: Control, *, keep: bool = True) -> CompiledComponent:
        """The component `wasm`, whose digest is `digest` (verified by the caller); `keep` False leaves nothing in the cache.

        Raises InvalidComponent, LimitExceeded (memory or time of compiling), Cancelled, WassetteError (a full disk, no process left).
        """
        restored = self.restore(digest)
        if restored is not None:
            return restored
        compiler.check_header(wasm)
        try:
            return CompiledComponent(self, self._build(wasm, digest, control, keep), digest, was_cached=False)
        except OSError as error:
            raise WassetteError(f"compiling it failed: {error}") from None

    def gated(self, interface: str) -> Functions:
        """Our functions of an interface that has a gate, compiled when first asked for; kept as long as any linker of this engine."""
        with self._lock:
            if interface not in self._gated:
                self._gated[interface] = self._make_gated(interface)
            return self._gated[interface]

    def _make_gated(self, interface: str) -> Functions:
        module = linking.GATES[interface]
        digest = Digest.of(module.TEXT.encode())
        component = self._restore(digest)
        if component is None:
            component = Component(self.raw, module.TEXT)
            self._keep(component, digest)
        return module.functions(Gate(interface, self.raw, component, module.EXPORTS, http=interface.startswith("wasi:http/")))

    def _restore(self, digest: Digest) -> Component | None:
        file = self._cache.find(digest)
        if file is None:
            return None
        try:
            return Component.deserialize_file(self.raw, str(file))
        except WasmtimeError:  # made on a machine whose processor has what this one has not
            self._cache.drop(digest)
            return None

    def _build(self, wasm: bytes, digest: Digest, control: Control, keep: bool) -> Component:
        if len(wasm) < compiler.IN_PROCESS_BELOW or not sys.executable:
            component = compiler.compile_in_process(self.raw, wasm, control)
            self._check(component)
            if keep:
                self._keep(component, digest)
            return component
        target = self._cache.temporary()
        try:
            compiler.compile_in_child(wasm, target, control)
            component = Component.deserialize_file(self.raw, str(target))
            self._check(component)
            if keep and self._cache.is_usable:
                with contextlib.suppress(OSError):  # a full disk costs the next start, not this one
                    self._cache.keep(digest, target)
            return component
        finally:
            target.unlink(missing_ok=True)

    def _check(self, component: Component) -> None:
        linking.check_imports(read_component_type(component, self.raw).imports)
        linking.check_links(self.raw, component, linking.build_linker(self.raw, component, self.gated))

    def _keep(self, component: Component, digest: Digest) -> None:
        if not self._cache.is_usable:
            return
        with contextlib.suppress(OSError):  # as above
            target = self._cache.temporary()
            try:
                target.write_bytes(component.serialize())
                self._cache.keep(digest, target)
            finally:
                target.unlink(missing_ok=True)


class Entry:
    """What calls of one export share."""

    def __init__(self, index: Any, codec: FunctionCodec) -> None:
        self.index = index
        self.codec = codec


class CompiledComponent:
    """A component ready to be instantiated, by any number of threads. `was_cached`: no compile was needed."""

    def __init__(self, engine: Engine, raw: Component, digest: Digest, *, was_cached: bool) -> None:
        self.engine = engine
        self.raw = raw
        self.digest = digest
        self.was_cached = was_cached
        self._lock = threading.Lock()
        self._linker: Linker | None = None
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

    def linker(self) -> Linker:
        """Built at the first call, once."""
        with self._lock:
            if self._linker is None:
                self._linker = linking.build_linker(self.engine.raw, self.raw, self.engine.gated)
            return self._linker

    def entry(self, f: FunctionType) -> Entry:
        """How to reach and convert `f`, one of `type.exports`."""
        entry = self._entries.get(f.export)
        if entry is None:
            instance = self.raw.get_export_index(f.interface) if f.interface else None
            entry = self._entries[f.export] = Entry(self.raw.get_export_index(f.name, instance), FunctionCodec(f))
        return entry
