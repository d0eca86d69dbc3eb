"""The interfaces of WASI that have a gate: by which file of this folder, imported when its gate is needed, and their functions."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from wassette_py.sandbox.gates.gate import Gate
    from wassette_py.sandbox.hosting import Bodies

    class GateModule(Protocol):
        """`TEXT`: the gate; `EXPORTS`: its own functions; `functions`: what is done in the place of those of the interface."""

        TEXT: str
        EXPORTS: tuple[str, ...]

        def functions(self, gate: Gate) -> Bodies: ...


CLOCK = "wasi:clocks/monotonic-clock"
GATES: dict[str, tuple[str, tuple[str, ...]]] = {
    CLOCK: ("clock", ("subscribe-duration", "subscribe-instant")),
    "wasi:filesystem/preopens": ("preopens", ("get-directories",)),
    "wasi:http/outgoing-handler": ("http", ("handle",)),
}


def gate_module(interface: str) -> GateModule:
    """The file about `interface`."""
    module: Any = import_module(f"{__name__}.{GATES[interface][0]}")
    found: GateModule = module
    return found
