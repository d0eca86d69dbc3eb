"""From bytes to code that an engine runs: in this process or a child, by which compiler, and what of it is kept."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from wassette_py.control import Control
from wassette_py.errors import GuestError, InvalidComponent
from wassette_py.reference import Digest
from wassette_py.sandbox import background, compiler
from wassette_py.sandbox.native import RawComponent
from wassette_py.sandbox.sizing import is_spacious
from wassette_py.sandbox.tiers import TierEngine

QUICK_FROM = 4 << 20
"""Bytes from which on a quick build comes first: below, the optimised one takes a second or less."""


class Builder:
    """Builds for one of the engines of the optimising compiler, and for that of the quick one first where there is one."""

    def __init__(self, optimized: TierEngine, spacious: TierEngine, quick: TierEngine | None) -> None:
        self._optimized = optimized
        self._spacious = spacious
        self._quick = quick

    def build(self, wasm: bytes, digest: Digest, control: Control, *, keep: bool) -> tuple[TierEngine, RawComponent]:
        """`wasm` compiled, and for which engine; kept in its cache if `keep`. Raises what `Engine.compile` does, and OSError."""
        compiler.check_header(wasm)
        engine = self._lasting_for(wasm)
        if len(wasm) < compiler.IN_PROCESS_BELOW or not sys.executable:
            component = compiler.compile_in_process(engine.raw, wasm, control)
            engine.check(component)
            if keep:
                engine.keep(component, digest)
            return engine, component
        if engine.cache.is_usable:
            with contextlib.suppress(OSError):  # a full disk costs the cache, not the call
                return self._beside_the_cache(wasm, digest, control, keep)
        import tempfile

        with tempfile.TemporaryFile() as nameless:  # NOTE: never a name in a folder that a guest may have been granted
            compiler.compile_in_child(wasm, nameless, control)
            nameless.seek(0)
            component = RawComponent.restored(engine.raw, nameless.read())
            engine.check(component)
            return engine, component

    def _beside_the_cache(self, wasm: bytes, digest: Digest, control: Control, keep: bool) -> tuple[TierEngine, RawComponent]:
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

    def _lasting_for(self, wasm: bytes) -> TierEngine:
        return self._spacious if is_spacious(wasm) else self._optimized
