"""What a component may import, and the one linker that gives it that.

WASI 0.2 is wasmtime's; under the exact names a component imports, whole interfaces of it are replaced by ours (gates, host functions).
A linker is built once a component, under a lock, and used by all threads afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import wasmtime
from wasmtime.component import Component, ComponentInstanceType, Linker

from wassette_py.errors import InvalidComponent
from wassette_py.sandbox import hostfuncs, layout
from wassette_py.sandbox.gates import clock, http, preopens
from wassette_py.sandbox.gates.gate import Gate
from wassette_py.sandbox.hosting import Functions

_WASI_02: dict[str, tuple[str, ...]] = {
    "cli": ("environment", "exit", "stdin", "stdout", "stderr")
    + ("terminal-input", "terminal-output", "terminal-stdin", "terminal-stdout", "terminal-stderr"),
    "clocks": ("monotonic-clock", "wall-clock"),
    "filesystem": ("types", "preopens"),
    "http": ("types", "outgoing-handler"),
    "io": ("error", "poll", "streams"),
    "random": ("random", "insecure", "insecure-seed"),
    "sockets": ("network", "instance-network", "ip-name-lookup", "tcp", "tcp-create-socket", "udp", "udp-create-socket"),
}
_KNOWN = {f"wasi:{package}/{interface}" for package, interfaces in _WASI_02.items() for interface in interfaces}
_NAME = re.compile(r"(?P<interface>[^@]+)@(?P<version>0\.2\.\d+)")

GetGate = Callable[[str], Gate]


def check_imports(imports: Iterable[str]) -> None:
    """Raises InvalidComponent for the first import this program does not provide."""
    for name in imports:
        if name in hostfuncs.BY_NAME or _interface(name) in _KNOWN:
            continue
        if name.startswith("wasi:") and re.search(r"@0\.3\b", name):
            raise InvalidComponent(f"it imports {name}: WASI 0.3 is not supported", "build the component for WASI 0.2 (wasm32-wasip2)")
        raise InvalidComponent(f"it imports {name}, which this program does not provide", "compose it with a component that provides it")


def _interface(name: str) -> str | None:
    """The interface of a 0.2.x name, without its version."""
    match = _NAME.fullmatch(name)
    return match["interface"] if match else None


def uses(imports: Iterable[str], interface: str) -> bool:
    """Whether any version of `interface` (or of a package, "wasi:http/") is among `imports`."""
    return any(name.startswith(interface) for name in imports)


def build_linker(engine: wasmtime.Engine, component: Component, get_gate: GetGate) -> Linker:
    """The linker of `component`. Its imports were checked."""
    items = component.type.imports(engine)
    linker = Linker(engine)
    linker.allow_shadowing = True
    linker.add_wasip2()
    if uses(items, "wasi:http/"):
        linker.add_wasi_http()
    with linker.root() as root:
        for name, functions in _replaced(items, engine, get_gate):
            with root.add_instance(name) as instance:
                for function, callback in functions.items():
                    layout.add_function(instance, function, callback)
    return linker


def _replaced(items: dict[str, Any], engine: wasmtime.Engine, get_gate: GetGate) -> Iterator[tuple[str, Functions]]:
    for name, extern in items.items():
        interface = _interface(name)
        if name in hostfuncs.BY_NAME:
            yield name, hostfuncs.BY_NAME[name]
        elif interface in hostfuncs.BY_INTERFACE:
            yield name, hostfuncs.BY_INTERFACE[interface]
        elif interface in GATED and (interface != "wasi:clocks/monotonic-clock" or _can_sleep(extern, engine)):
            yield name, GATED[interface](get_gate(interface))


def _can_sleep(extern: Any, engine: wasmtime.Engine) -> bool:
    """Whether the functions imported of the clock go beyond reading it: that stays native, and fast."""
    return isinstance(extern.ty, ComponentInstanceType) and any(name.startswith("subscribe-") for name in extern.ty.exports(engine))


GATED: dict[str, Callable[[Gate], Functions]] = {
    "wasi:clocks/monotonic-clock": clock.functions,
    "wasi:filesystem/preopens": preopens.functions,
    "wasi:http/outgoing-handler": http.functions,
}
GATE_MODULES: dict[str, Any] = {
    "wasi:clocks/monotonic-clock": clock,
    "wasi:filesystem/preopens": preopens,
    "wasi:http/outgoing-handler": http,
}
