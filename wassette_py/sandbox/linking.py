"""What a component may import, and the one linker that gives it that.

WASI 0.2 is wasmtime's; under the exact names a component imports, whole interfaces of it are replaced by ours (gates, host functions).
A linker is built once a component, under a lock, and used by all threads afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from wassette_py.errors import InvalidComponent
from wassette_py.sandbox import binding, hostfuncs
from wassette_py.sandbox.component_type import read_imports
from wassette_py.sandbox.gates import CLOCK, GATES
from wassette_py.sandbox.hosting import Functions
from wassette_py.sandbox.native import RawComponent, RawEngine, RawLinker, WasmtimeError, raise_error
from wassette_py.sandbox.state import one_line

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

GetFunctions = Callable[[str], Functions]


def check_imports(imports: Iterable[str]) -> None:
    """Raises InvalidComponent for the first import this program does not provide."""
    import re

    for name in imports:
        if name in hostfuncs.BY_NAME or _interface(name) in _KNOWN:
            continue
        if name.startswith("wasi:") and re.search(r"@0\.3\b", name):
            raise InvalidComponent(f"it imports {name}: WASI 0.3 is not supported", "build the component for WASI 0.2 (wasm32-wasip2)")
        raise InvalidComponent(f"it imports {name}, which this program does not provide", "compose it with a component that provides it")


def _interface(name: str) -> str | None:
    """The interface of a 0.2.x name, without its version."""
    interface, _, version = name.partition("@")
    patch = version.removeprefix("0.2.")
    return interface if patch != version and patch.isdecimal() and patch.isascii() else None


def uses(imports: Iterable[str], interface: str) -> bool:
    """Whether any version of `interface` (or of a package, "wasi:http/") is among `imports`."""
    return any(name.startswith(interface) for name in imports)


def build_linker(engine: RawEngine, component: RawComponent, gated: GetFunctions) -> RawLinker:
    """The linker of `component`. Its imports were checked."""
    imports = _read_imports(component, engine)
    linker = RawLinker(engine, http=uses(imports, "wasi:http/"))
    for name, functions in _replaced(imports, gated):
        linker.define(name, functions, hostfuncs.RESOURCES.get(_interface(name) or ""))
    return linker


def check_links(engine: RawEngine, component: RawComponent, linker: RawLinker) -> None:
    """Raises InvalidComponent when `linker` lacks something `component` imports, such as a function of an interface that is known.

    wasmtime tells it only by instantiating; in a store that may not have an instance no guest code runs.
    """
    store = binding.store_new(engine, None, None)
    try:
        binding.store_limiter(store, -1, 0, 0, 0, 0)
        raise_error(binding.linker_instantiate(linker, binding.store_context(store), component, binding.Instance()))
    except WasmtimeError as error:
        if "not found in the linker" in str(error):
            raise InvalidComponent(f"it imports what this program does not provide: {one_line(str(error))}") from None
    finally:
        binding.store_delete(store)


def has_our_clocks(component: RawComponent, engine: RawEngine) -> bool:
    """Whether each clock that `component` imports is ours."""
    imports = _read_imports(component, engine)
    return _can_sleep(imports) or CLOCK not in map(_interface, imports)


Imports = Mapping[str, list[str]]
"""What is imported, by name; of the clock, the names of what is in it."""


def _read_imports(component: RawComponent, engine: RawEngine) -> Imports:
    return read_imports(component, engine, inside=CLOCK)


def _replaced(imports: Imports, gated: GetFunctions) -> Iterator[tuple[str, Functions]]:
    # NOTE: all of the clock or nothing: an instant of the native clock means nothing to ours.
    native = frozenset([] if _can_sleep(imports) else [CLOCK])
    for name in imports:
        interface = _interface(name)
        if name in hostfuncs.BY_NAME:
            yield name, hostfuncs.BY_NAME[name]
        elif interface in hostfuncs.BY_INTERFACE:
            yield name, hostfuncs.BY_INTERFACE[interface]
        elif interface in GATES and interface not in native:
            yield name, {**hostfuncs.BESIDE_GATES.get(interface, {}), **gated(interface)}


def _can_sleep(imports: Imports) -> bool:
    """Whether what is imported of the clock goes beyond reading it: reading alone stays native, and fast."""
    return any(name.startswith("subscribe-") for clock in imports.values() for name in clock)
