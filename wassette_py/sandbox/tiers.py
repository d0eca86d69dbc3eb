"""One compiler's engine and everything that is bound to it: its epoch, its gates, its part of the cache.

Components of two engines never meet in one store; that is why a gate is compiled for each.
"""

from __future__ import annotations

import contextlib
import threading

from wassette_py.reference import Digest
from wassette_py.sandbox import linking, memory, pool
from wassette_py.sandbox.cache import Cache
from wassette_py.sandbox.component_type import read_component_type
from wassette_py.sandbox.configuration import TierName, make_engine
from wassette_py.sandbox.gates.gate import Gate
from wassette_py.sandbox.hosting import Functions
from wassette_py.sandbox.native import RawComponent, WasmtimeError, wat2wasm
from wassette_py.sandbox.ticker import Ticker


class TierEngine:
    """Thread-safe."""

    def __init__(self, tier: TierName, cache: Cache, *, kept: int = pool.KEPT) -> None:
        self.tier = tier
        self.raw = make_engine(tier, runs=True, kept=kept)
        self.ticker = Ticker(self.raw.increment_epoch, memory.trim)
        self.cache = cache
        self._gated: dict[str, Functions] = {}
        self._lock = threading.Lock()

    def gated(self, interface: str) -> Functions:
        """Our functions of an interface that has a gate, compiled when first asked for; kept as long as any linker of this engine."""
        with self._lock:
            if interface not in self._gated:
                self._gated[interface] = self._make_gated(interface)
            return self._gated[interface]

    def _make_gated(self, interface: str) -> Functions:
        module = linking.GATES[interface]
        digest = Digest.of(module.TEXT.encode())
        component = self.restore(digest)
        if component is None:
            component = RawComponent.compiled(self.raw, wat2wasm(module.TEXT))
            self.keep(component, digest)
        return module.functions(Gate(interface, self.raw, component, module.EXPORTS, http=interface.startswith("wasi:http/")))

    def restore(self, digest: Digest) -> RawComponent | None:
        """What this tier compiled before; None when it did not, or what was kept cannot be used."""
        file = self.cache.find(digest)
        if file is None:
            return None
        try:
            return RawComponent.restored_file(self.raw, str(file))
        except WasmtimeError:  # made on a machine whose processor has what this one has not
            self.cache.drop(digest)
            return None

    def check(self, component: RawComponent) -> None:
        """Raises InvalidComponent for an import that this program does not provide."""
        linking.check_imports(read_component_type(component, self.raw).imports)
        linking.check_links(self.raw, component, linking.build_linker(self.raw, component, self.gated))

    def keep(self, component: RawComponent, digest: Digest) -> None:
        """Into the cache, if it can be used; a full disk costs the next start, not this one."""
        if not self.cache.is_usable:
            return
        with contextlib.suppress(OSError):
            target = self.cache.temporary()
            try:
                target.write_bytes(component.serialized())
                self.cache.keep(digest, target)
            finally:
                target.unlink(missing_ok=True)
