"""One compiler's engine and everything that is bound to it: its epoch, its gates, its part of the cache.

Components of two engines never meet in one store; that is why a gate is compiled for each.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial

from wassette_py.names import Digest
from wassette_py.sandbox import linking, memory, pool
from wassette_py.sandbox.cache import Cache
from wassette_py.sandbox.component_type import read_component_type
from wassette_py.sandbox.configuration import TierName, make_engine
from wassette_py.sandbox.gates import GATES, gate_module
from wassette_py.sandbox.hosting import Bodies, Functions, hosted
from wassette_py.sandbox.native import RawComponent, RawEngine, WasmtimeError, wat2wasm
from wassette_py.sandbox.state import CallState
from wassette_py.sandbox.ticker import Ticker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class TierEngine:
    """Thread-safe. The engine itself is made when something is to run on it: most processes need one of several."""

    def __init__(self, tier: TierName, cache: Cache, *, kept: int = pool.KEPT) -> None:
        self.tier = tier
        self.cache = cache
        self._kept = kept
        self._made: tuple[RawEngine, Ticker] | None = None
        self._making = threading.Lock()
        self._gated: dict[str, tuple[_Late, Functions]] = {}
        self._lock = threading.Lock()

    @property
    def raw(self) -> RawEngine:
        """The engine."""
        return (self._made or self._make())[0]

    @property
    def ticker(self) -> Ticker:
        """Its clock."""
        return (self._made or self._make())[1]

    def _make(self) -> tuple[RawEngine, Ticker]:
        with self._making:
            made = self._made = self._made or self._new()
            return made

    def _new(self) -> tuple[RawEngine, Ticker]:
        raw = make_engine(self.tier, runs=True, kept=self._kept)
        return raw, Ticker(raw.increment_epoch, memory.trim)

    def gated(self, interface: str) -> Functions:
        """Our functions of an interface that has a gate, kept as long as any linker of this engine. The gate is made when a guest calls one
        of them, so that a start does not wait for what its calls may never use."""
        with self._lock:
            if interface not in self._gated:
                late = _Late(interface, self.raw, self.cache)
                self._gated[interface] = late, {name: hosted(partial(late.call, name)) for name in GATES[interface][1]}
            return self._gated[interface][1]

    def restore(self, digest: Digest) -> RawComponent | None:
        """What this tier compiled before; None when it did not, or what was kept cannot be used."""
        file = self.cache.find(digest)
        return None if file is None else _restored(self.raw, self.cache, digest, file)

    def keep(self, component: RawComponent, digest: Digest) -> None:
        """Into the cache, if it can be used; a full disk costs the next start, not this one."""
        _keep(self.cache, component, digest)

    def check(self, component: RawComponent) -> None:
        """Raises InvalidComponent for an import that this program does not provide. Gates are made now, not when the component runs."""
        linking.check_imports(read_component_type(component, self.raw).imports)
        linking.check_links(self.raw, component, linking.build_linker(self.raw, component, self.gated))
        with self._lock:
            gates = [late for late, _ in self._gated.values()]
        for late in gates:
            late.bodies()


class _Late:
    """What is done in the place of an interface's functions, once its gate is there."""

    def __init__(self, interface: str, engine: RawEngine, cache: Cache) -> None:
        self._interface = interface
        self._engine = engine
        self._cache = cache
        self._bodies: Bodies | None = None
        self._lock = threading.Lock()

    def call(self, name: str, call: CallState, args: Any, results: Any) -> None:
        """The function `name`."""
        self.bodies()[name](call, args, results)

    def bodies(self) -> Bodies:
        """All of them; the gate is restored, or compiled, when this is first asked for."""
        with self._lock:
            if self._bodies is None:
                self._bodies = self._made()
            return self._bodies

    def _made(self) -> Bodies:
        from wassette_py.sandbox.gates.gate import Gate

        module = gate_module(self._interface)
        digest = Digest.of(module.TEXT.encode())
        file = self._cache.find(digest)
        component = None if file is None else _restored(self._engine, self._cache, digest, file)
        if component is None:
            component = RawComponent.compiled(self._engine, wat2wasm(module.TEXT))
            _keep(self._cache, component, digest)
        return module.functions(
            Gate(self._interface, self._engine, component, module.EXPORTS, http=self._interface.startswith("wasi:http/"))
        )


def _restored(engine: RawEngine, cache: Cache, digest: Digest, file: str) -> RawComponent | None:
    try:
        return RawComponent.restored_file(engine, file)
    except WasmtimeError:  # made on a machine whose processor has what this one has not
        cache.drop(digest)
        return None


def _keep(cache: Cache, component: RawComponent, digest: Digest) -> None:
    if not cache.is_usable:
        return
    with contextlib.suppress(OSError):
        target = cache.temporary()
        try:
            target.write_bytes(component.serialized())
            cache.keep(digest, target)
        finally:
            target.unlink(missing_ok=True)
