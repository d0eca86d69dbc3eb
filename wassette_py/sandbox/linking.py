"""What a component may import, and the one linker that gives it that.

WASI 0.2 is wasmtime's; under the exact names a component imports, whole interfaces of it are replaced by ours (gates, host functions).
A linker is built once a component, under a lock, and used by all threads afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import wasmtime
from wasmtime.component import Component, Linker, ResourceType

from wassette_py.errors import InvalidComponent
from wassette_py.sandbox import calling, hostfuncs
from wassette_py.sandbox.compiler import one_line
from wassette_py.sandbox.gates import clock, http, preopens
from wassette_py.sandbox.gates.gate import Gate
from wassette_py.sandbox.hosting import Functions

_WASI_02: dict[str, tuple[str, ...]] = {
    "cli": (
        "environment",
        "exit",
        "stdin",
        "stdout",
        "stderr",
        *(f"terminal-{it}" for it in ("input", "output", "stdin", "stdout", "stderr")),
    ),
    "clocks": ("monotonic-clock", "wall-clock"),
    "filesystem": ("types", "preopens"),
    "http": ("types", "outgoing-handler"),
    "io": ("error", "poll", "streams"),
    "random": ("random", "insecure", "insecure-seed"),
    "sockets": ("network", "instance-network", "ip-name-lookup", "tcp", "tcp-create-socket", "udp", "udp-create-socket"),
}
_KNOWN = {f"wasi:{package}/{interface}" for package, interfaces in _WASI_02.items() for interface in interfaces}
_CLOCK = "wasi:clocks/monotonic-clock"
_NAME = re.compile(r"(?P<interface>[^@]+)@(?P<version>0\.2\.\d+)")

GetFunctions = Callable[[str], Functions]


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


def build_linker(engine: wasmtime.Engine, component: Component, gated: GetFunctions) -> Linker:
    """The linker of `component`. Its imports were checked."""
    items = component.type.imports(engine)
    linker = Linker(engine)
    linker.allow_shadowing = True
    linker.add_wasip2()
    if uses(items, "wasi:http/"):
        linker.add_wasi_http()
    with linker.root() as root:
        for name, functions in _replaced(items, engine, gated):
            with root.add_instance(name) as instance:
                for function, callback in functions.items():
                    calling.add_function(instance, function, callback)
                resource = hostfuncs.RESOURCES.get(_interface(name) or "")
                if resource is not None:
                    instance.add_resource(resource, ResourceType.host(0), _drop_nothing)
    return linker


def _drop_nothing(_store: object, _rep: int) -> None:  # pragma: no cover - none of ours is ever made
    return


def check_links(engine: wasmtime.Engine, component: Component, linker: Linker) -> None:
    """Raises InvalidComponent when `linker` lacks something `component` imports, such as a function of an interface that is known.

    wasmtime tells it only by instantiating; in a store that may not have an instance no guest code runs.
    """
    store = wasmtime.Store(engine)
    store.set_limits(instances=0, memories=0, tables=0)
    try:
        linker.instantiate(store, component)
    except wasmtime.WasmtimeError as error:
        if "not found in the linker" in str(error):
            raise InvalidComponent(f"it imports what this program does not provide: {one_line(str(error))}") from None


def _replaced(items: dict[str, Any], engine: wasmtime.Engine, gated: GetFunctions) -> Iterator[tuple[str, Functions]]:
    # NOTE: all of the clock or nothing: an instant of the native clock means nothing to ours.
    native = frozenset([] if _can_sleep(items, engine) else [_CLOCK])
    for name in items:
        interface = _interface(name)
        if name in hostfuncs.BY_NAME:
            yield name, hostfuncs.BY_NAME[name]
        elif interface in hostfuncs.BY_INTERFACE:
            yield name, hostfuncs.BY_INTERFACE[interface]
        elif interface in GATES and interface not in native:
            yield name, gated(interface)


def has_our_clocks(component: Component, engine: wasmtime.Engine) -> bool:
    """Whether each clock that `component` imports is ours."""
    items = component.type.imports(engine)
    return _can_sleep(items, engine) or _CLOCK not in map(_interface, items)


def _can_sleep(items: dict[str, Any], engine: wasmtime.Engine) -> bool:
    """Whether what is imported of the clock goes beyond reading it: reading alone stays native, and fast."""
    clocks = [extern.ty for name, extern in items.items() if _interface(name) == _CLOCK]
    return any(name.startswith("subscribe-") for clock in clocks for name in clock.exports(engine))


class GateModule(Protocol):
    """A file of `gates/`."""

    TEXT: str
    EXPORTS: tuple[str, ...]

    def functions(self, gate: Gate) -> Functions: ...


GATES: dict[str, GateModule] = {
    _CLOCK: clock,
    "wasi:filesystem/preopens": preopens,
    "wasi:http/outgoing-handler": http,
}
