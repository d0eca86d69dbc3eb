"""The wasmtime configuration that guests, gates and the compiling child share; whoever changes it changes the cache key.

There are two tiers of it, one for each compiler: "quick" (Winch, one pass, a few seconds sooner) for the first calls of a large component,
"optimized" (Cranelift) for all others. What bounds a guest is set for both. What is on is argued here. WebAssembly threads are off: a guest
waiting on a shared memory could not be interrupted.
"""

from __future__ import annotations

import os
from functools import cache

from wassette_py.sandbox import binding, pool
from wassette_py.sandbox.native import RawEngine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

TierName: TypeAlias = 'Literal["quick", "optimized"]'

CONFIGURATIONS: dict[TierName, str] = {
    "quick": "winch; epochs; component-model-async; no threads, simd, memory64",
    "optimized": "cranelift speed; epochs; component-model-async; no threads",
}
"""What `make_engine` sets, in words: part of the cache key, since wasmtime does not refuse every foreign build itself."""

_SETTINGS = {
    "epoch_interruption": True,
    "wasm_threads": False,
    # NOTE: toolchains emit the async ABI for exports that are lifted synchronously; those run, async-lifted ones are not callable.
    "wasm_component_model_async": True,
    "wasm_component_model_more_async_builtins": True,
    "wasm_component_model_async_stackful": True,
}
# NOTE: no toolchain needs these, and a compiler that is asked for less has less to get wrong: what has them goes to the other.
_OF_QUICK = {"wasm_relaxed_simd": False, "wasm_simd": False, "wasm_memory64": False}
_WINCH = 2


def has_quick_tier() -> bool:
    """Whether wasmtime supports its quick compiler here as it does the other one (tier 1 of its stability tiers)."""
    return binding.PLATFORM == "linux-x86_64"


def make_engine(tier: TierName = "optimized", *, runs: bool = False, parallel: bool = True, kept: int = pool.KEPT) -> RawEngine:
    """An engine for guests, which it `runs` or only compiles, on all cores if `parallel`; `kept`: bytes of a memory that stay mapped.

    Two of one tier read each other's components."""
    config = binding.config_new()
    for name, value in {"parallel_compilation": parallel, **_SETTINGS, **(_OF_QUICK if tier == "quick" else {})}.items():
        binding.CONFIG[name](config, value)
    if tier == "quick":
        binding.config_strategy_set(config, _WINCH)
    elif runs:  # slots pay off over many calls
        pool.use(config, kept)
    return RawEngine(config)


def engine_key(tier: TierName = "optimized", *, spacious: bool = False) -> str:
    """What a compiled component is bound to besides its bytes; `spacious`: that of an engine which keeps no memory mapped."""
    words = f"{tier}, spacious" if spacious else tier
    return f"{_wasmtime_version()}; {CONFIGURATIONS[tier]}; {words}; {binding.PLATFORM}"


@cache
def _wasmtime_version() -> str:
    """Which wasmtime is installed, and its library's size: importlib.metadata would take 15 ms to say it, and says only the first."""
    names = os.listdir(os.path.dirname(os.path.dirname(os.path.dirname(binding.LIBRARY))))
    installed = sorted([name for name in names if name.startswith("wasmtime-") and name.endswith(".dist-info")])
    return f"{' '.join(installed)} {os.stat(binding.LIBRARY).st_size}"
