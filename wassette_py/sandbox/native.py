"""What this program owns of wasmtime: engines, components and linkers, each freed with the last who has it; and wasmtime's errors.

Nothing is decided here. An object may be passed to a function of `binding.py` as it is.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping

from wassette_py.sandbox import binding
from wassette_py.sandbox.layout import MEMORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class WasmtimeError(Exception):
    """What went wrong, in wasmtime's words; `exit_code`: the guest ended itself, with this code."""

    def __init__(self, text: str, exit_code: int | None = None) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def raise_error(error: int | None) -> None:
    """Raises the WasmtimeError that a C call returned, if it did."""
    if not error:
        return
    status, message = ctypes.c_int(), binding.Vector()
    has_exited = binding.error_exit_status(error, ctypes.byref(status))
    binding.error_message(error, message)
    binding.error_delete(error)
    raise WasmtimeError(_taken(message).decode(), status.value if has_exited else None)


def new_error(text: str) -> int:
    """An error for a callback to return, which wasmtime then owns."""
    return int(binding.error_new(text.encode()))


def wat2wasm(text: str) -> bytes:
    """The bytes of a component or module written as text. Raises WasmtimeError."""
    wasm = binding.Vector()
    raise_error(binding.wat2wasm(*_text(text), wasm))
    return _taken(wasm)


def _taken(vector: Any) -> bytes:
    """The content of a `Vector`, which is freed."""
    size, data = vector
    content: bytes = MEMORY[data : data + size]
    binding.bytes_delete(vector)
    return content


class Owned:
    """Something of wasmtime's that is freed with the last who has it."""

    def __init__(self, address: int, free: Callable[[int], None]) -> None:
        self._as_parameter_ = address
        self._free = free

    def __del__(self) -> None:
        if hasattr(self, "_free"):  # it was made
            self._free(self._as_parameter_)


class RawEngine(Owned):
    """Of a configuration (wasmtime's pointer), which is used up."""

    def __init__(self, config: int) -> None:
        super().__init__(binding.engine_new(config), binding.engine_delete)

    def increment_epoch(self) -> None:
        binding.engine_increment_epoch(self)


class RawComponent(Owned):
    """Compiled code. What makes one raises WasmtimeError."""

    def __init__(self, function: Any, engine: RawEngine, *source: object) -> None:
        super().__init__(_made(function, engine, *source), binding.component_delete)

    @classmethod
    def compiled(cls, engine: RawEngine, wasm: bytes) -> RawComponent:
        return cls(binding.component_new, engine, wasm, len(wasm))

    @classmethod
    def restored(cls, engine: RawEngine, code: bytes) -> RawComponent:
        """From what `serialized` gave. It is run as it is: whoever calls this knows where it comes from."""
        return cls(binding.component_deserialize, engine, code, len(code))

    @classmethod
    def restored_file(cls, engine: RawEngine, path: str) -> RawComponent:
        """The same from a file, which is mapped and not read."""
        return cls(binding.component_deserialize_file, engine, path.encode())

    def serialized(self) -> bytes:
        """Native code."""
        code = binding.Vector()
        raise_error(binding.component_serialize(self, code))
        return _taken(code)

    def export_index(self, name: str, instance: Owned | None = None) -> Owned:
        """Where an export is that there is, of the component or one of its instances."""
        return Owned(binding.component_get_export_index(self, instance, *_text(name)), binding.export_index_delete)


class RawLinker(Owned):
    """WASI 0.2 as wasmtime has it, with `http` if asked for; later definitions take the place of earlier ones."""

    def __init__(self, engine: RawEngine, *, http: bool = False) -> None:
        super().__init__(binding.linker_new(engine), binding.linker_delete)
        binding.linker_allow_shadowing(self, True)
        raise_error(binding.linker_add_wasip2(self))
        if http:
            raise_error(binding.linker_add_wasi_http(self))

    def define(self, interface: str, functions: Mapping[str, Any], resource: str | None = None) -> None:
        """Defines an interface of callbacks (`calling.host_function`), and of a resource type of which there is never one."""
        root = binding.linker_root(self)
        try:
            instance = _made(binding.linker_instance_add_instance, root, *_text(interface))
            try:
                for name, callback in functions.items():
                    raise_error(binding.linker_instance_add_func(instance, *_text(name), callback, None, None))
                if resource is not None:
                    kind = Owned(binding.resource_type_new_host(0), binding.resource_type_delete)
                    raise_error(binding.linker_instance_add_resource(instance, *_text(resource), kind, _drop_nothing, None, None))
            finally:
                binding.linker_instance_delete(instance)
        finally:
            binding.linker_instance_delete(root)


@ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)  # type: ignore[untyped-decorator]
def _drop_nothing(_env: Any, _context: Any, _rep: int) -> int:  # pragma: no cover - none of ours is ever made
    return 0


def _made(function: Any, *arguments: object) -> int:
    """The address that `function` writes where its last argument says. Raises the WasmtimeError that it returns."""
    made = ctypes.c_void_p()
    raise_error(function(*arguments, ctypes.byref(made)))
    return made.value or 0


def _text(text: str) -> tuple[bytes, int]:
    encoded = text.encode()
    return encoded, len(encoded)
