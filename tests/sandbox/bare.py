"""An engine, a component written as text and an instance of it, without what the sandbox puts around them."""

from __future__ import annotations

from typing import Any

from wassette_py.sandbox import binding
from wassette_py.sandbox.native import Owned, RawComponent, RawEngine, RawLinker, raise_error, wat2wasm


def bare_engine() -> RawEngine:
    """As wasmtime configures it."""
    return RawEngine(binding.config_new())


def compiled(engine: RawEngine, text: str) -> RawComponent:
    return RawComponent.compiled(engine, wat2wasm(text))


class Bare:
    """One instance in a store of its own, whose context is at `context`."""

    def __init__(self, engine: RawEngine, component: RawComponent, linker: RawLinker | None = None) -> None:
        self._store = Owned(binding.store_new(engine, None, None), binding.store_delete)
        self._component = component
        self._instance = binding.Instance()
        self.context: int = binding.store_context(self._store)
        raise_error(binding.linker_instantiate(linker or RawLinker(engine), self.context, component, self._instance))

    def function(self, name: str, interface: str | None = None) -> Any:
        """A `wasmtime_component_func_t` of an export."""
        function = binding.Func()
        inside = self._component.export_index(interface) if interface else None
        assert binding.instance_get_func(self._instance, self.context, self._component.export_index(name, inside), function)
        return function
