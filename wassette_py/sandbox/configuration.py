"""The one wasmtime configuration that guests, gates and the compiling child share; whoever changes it changes the cache key.

What is on is argued here. WebAssembly threads are off: a guest waiting on a shared memory could not be interrupted.
"""

from __future__ import annotations

import platform
from pathlib import Path

import wasmtime
from wasmtime import Config
from wasmtime import _ffi as ffi

from wassette_py.sandbox import pool

CONFIGURATION = "cranelift speed; epochs; component-model-async; no threads"
"""What `make_engine` sets, in words: part of the cache key, since wasmtime does not refuse every foreign build itself."""

TIER = "optimised"


def make_engine(*, runs: bool = False) -> wasmtime.Engine:
    """An engine for guests, which it `runs` or only compiles. Two with one configuration read each other's compiled components."""
    config = Config()
    config.epoch_interruption = True
    config.wasm_threads = False
    # NOTE: toolchains emit the async ABI for exports that are lifted synchronously; those run, async-lifted ones are not callable.
    ffi.wasmtime_config_wasm_component_model_async_set(config.ptr(), True)
    ffi.wasmtime_config_wasm_component_model_more_async_builtins_set(config.ptr(), True)
    ffi.wasmtime_config_wasm_component_model_async_stackful_set(config.ptr(), True)
    if runs:
        pool.use(config.ptr())
    return wasmtime.Engine(config)


def engine_key() -> str:
    """What a compiled component is bound to besides its bytes."""
    return f"{_wasmtime_version()}; {CONFIGURATION}; {TIER}; {platform.system()} {platform.machine()}"


def _wasmtime_version() -> str:
    """Which wasmtime is installed, and its library's size: importlib.metadata would take 15 ms to say it, and says only the first."""
    library = Path(ffi.filename)
    installed = sorted([path.name for path in library.parents[2].glob("wasmtime-*.dist-info")])
    return f"{' '.join(installed)} {library.stat().st_size}"
