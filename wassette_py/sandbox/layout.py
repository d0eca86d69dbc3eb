"""All knowledge of how wasmtime's C API lays out component values in memory, and of the calls that take them.

A `wasmtime_component_val_t` is 32 bytes: its kind at 0, a union of 24 bytes at 8. Here such a value travels as those 32 bytes,
"packed": `pack_…` makes them (what they point to is allocated by wasmtime, who may free it), the `…_at` functions read them out of
a copy. That is several times faster than ctypes attributes and needs no numpy. `tests/sandbox/test_layout.py` compares every size
and offset with `wasmtime._bindings`, so that an upgrade cannot change them unseen. Which value has which type is `codec.py`'s.

A host function is a ctypes callback of our own, never `LinkerInstance.add_func`: three times faster, able to return every value, and
an exception of one thread is not raised in another.

```python
@host_function
def get(context: int, args: Any, results: Any) -> None:     # context: the address of the store's context
    key = read_string(args[0])
    put(results[0], pack_result(True, pack_option(pack_string("value"))))          # ok(some("value"))
    put(results[0], pack_result(False, pack_variant("io", pack_string("text"))))   # err(io("text"))

with linker.root() as root, root.add_instance("wasi:config/store@0.2.0-draft") as instance:
    add_function(instance, "get", get)
```
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from wasmtime import WasmtimeError
from wasmtime import _ffi as ffi

if TYPE_CHECKING:
    from wasmtime.component import LinkerInstance

Val: Any = ffi.wasmtime_component_val_t
VAL_SIZE = 32
ENTRY_SIZE = 48  # of a record: a name (size, data) and a value
NAME_SIZE = 16

BOOL, S8, U8, S16, U16, S32, U32, S64, U64, F32, F64, CHAR = range(12)
STRING, LIST, RECORD, TUPLE, VARIANT, ENUM, OPTION, RESULT, FLAGS, RESOURCE = range(12, 22)

SCALAR_CODES = {BOOL: "?", S8: "b", U8: "B", S16: "h", U16: "H", S32: "i", U32: "I", S64: "q", U64: "Q", F32: "f", F64: "d", CHAR: "I"}

_VECTOR = struct.Struct("=B7xQQ8x")  # kind, size, data: string, list, record, tuple, enum, flags
_VARIANT = struct.Struct("=B7xQQQ")  # kind, size and data of the discriminant's name, payload
_OPTION = struct.Struct("=B7xQ16x")  # kind, payload
_RESULT = struct.Struct("=B7x?7xQ8x")  # kind, is_ok, payload
_PAIR = struct.Struct("=QQ")
_ADDRESS = struct.Struct("=Q")

# NOTE: prototypes of our own, with the GIL held: these calls take tens of nanoseconds, and giving the GIL up for each of them would
# hand it to another thread thousands of times a call. They take addresses, so bytes go in without a cast.
_ALLOCATE = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
_new_name = _ALLOCATE(("wasm_byte_vec_new", ffi.dll))
_new_bare_list = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t)(("wasmtime_component_vallist_new_uninit", ffi.dll))
_new_list = _ALLOCATE(("wasmtime_component_vallist_new", ffi.dll))
_new_record = _ALLOCATE(("wasmtime_component_valrecord_new", ffi.dll))
_new_tuple = _ALLOCATE(("wasmtime_component_valtuple_new", ffi.dll))
_new_flags = _ALLOCATE(("wasmtime_component_valflags_new", ffi.dll))
_new_box = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(("wasmtime_component_val_new", ffi.dll))
_delete = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(("wasmtime_component_val_delete", ffi.dll))

_Out = ctypes.c_size_t * 2
_Buffer = ctypes.c_char * VAL_SIZE


# Packing: Python -> 32 bytes that own what they point to.


def scalar_packer(kind: int) -> Callable[[Any], bytes]:
    """What packs a bool, int, float or code point of `kind`."""
    packed = struct.Struct(f"=B7x{_padded(SCALAR_CODES[kind])}").pack
    return lambda value: packed(kind, value)


def pack_string(text: str) -> bytes:
    """A string."""
    return _vector(STRING, _new_name, text.encode())


def pack_enum(name: str) -> bytes:
    """An enum, by its case's name."""
    return _vector(ENUM, _new_name, name.encode())


def pack_list(values: bytes) -> bytes:
    """A list of the packed `values`, joined; it owns them."""
    return _vector(LIST, _new_list, values, VAL_SIZE)


def pack_byte_list(data: bytes) -> bytes:
    """A list<u8> by one strided copy."""
    out = _Out()
    _new_bare_list(out, len(data))
    values = memoryview((ctypes.c_ubyte * (len(data) * VAL_SIZE)).from_address(out[1])).cast("B")
    values[0::VAL_SIZE] = bytes([U8]) * len(data)
    values[8::VAL_SIZE] = data
    return _VECTOR.pack(LIST, out[0], out[1])


def pack_tuple(values: bytes) -> bytes:
    """A tuple of the packed `values`, joined; it owns them."""
    return _vector(TUPLE, _new_tuple, values, VAL_SIZE)


def pack_record(names: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    """A record of packed `values`; it owns them."""
    entries = b"".join([_name(name) + value for name, value in zip(names, values, strict=True)])
    return _vector(RECORD, _new_record, entries, ENTRY_SIZE)


def pack_flags(names: Sequence[str]) -> bytes:
    """The flags that are set."""
    return _vector(FLAGS, _new_flags, b"".join([_name(name.encode()) for name in names]), NAME_SIZE)


def pack_option(payload: bytes | None) -> bytes:
    """none, or some(payload); it owns the payload."""
    return _OPTION.pack(OPTION, _box(payload))


def pack_variant(case: str, payload: bytes | None) -> bytes:
    """One case of a variant; it owns the payload."""
    encoded = case.encode()
    out = _Out()
    _new_name(out, len(encoded), encoded)
    return _VARIANT.pack(VARIANT, out[0], out[1], _box(payload))


def pack_result(is_ok: bool, payload: bytes | None) -> bytes:
    """ok(payload) or err(payload); it owns the payload."""
    return _RESULT.pack(RESULT, is_ok, _box(payload))


def put(val: Any, packed: bytes) -> None:
    """Moves a packed value into a `Val` whose former content owns nothing, e.g. `results[0]` of a host function."""
    ctypes.memmove(ctypes.addressof(val), packed, VAL_SIZE)


def free(packed: bytes) -> None:
    """Gives back a packed value that nobody took."""
    _delete(_Buffer.from_buffer_copy(packed))


def _vector(kind: int, allocate: Any, content: bytes, item_size: int = 1) -> bytes:
    out = _Out()
    allocate(out, len(content) // item_size, content)
    return _VECTOR.pack(kind, out[0], out[1])


def _name(encoded: bytes) -> bytes:
    out = _Out()
    _new_name(out, len(encoded), encoded)
    return bytes(out)


def _box(payload: bytes | None) -> int:
    # NOTE: a copy, since val_new may write to what it moves from, and bytes objects are shared.
    return 0 if payload is None else int(_new_box(_Buffer.from_buffer_copy(payload)))


def _padded(code: str) -> str:
    return f"{code}{VAL_SIZE - 8 - struct.calcsize(f'={code}')}x"


# Reading: out of a copy of a value's memory, at an offset. Nothing is freed.


def copy_of(val: Any) -> bytes:
    """The 32 bytes of a `Val`."""
    return ctypes.string_at(ctypes.addressof(val), VAL_SIZE)


def scalar_reader(kind: int) -> Callable[[bytes, int], Any]:
    """What reads a scalar of `kind`."""
    unpack_from = struct.Struct(f"={SCALAR_CODES[kind]}").unpack_from
    return lambda memory, at: unpack_from(memory, at + 8)[0]


def scalar_list_reader(kind: int) -> Callable[[bytes, int], list[Any]]:
    """What reads a list of scalars of `kind` in one go."""
    iter_unpack = struct.Struct(f"=8x{_padded(SCALAR_CODES[kind])}").iter_unpack
    return lambda memory, at: [value for (value,) in iter_unpack(values_at(memory, at)[1])]


def text_at(memory: bytes, at: int) -> str:
    """The text of a string, the name of an enum or of a variant's case."""
    size, data = _PAIR.unpack_from(memory, at + 8)
    return ctypes.string_at(data, size).decode()


def values_at(memory: bytes, at: int) -> tuple[int, bytes]:
    """How many values a list or tuple has, and a copy of them, `VAL_SIZE` apart."""
    size, data = _PAIR.unpack_from(memory, at + 8)
    return size, ctypes.string_at(data, size * VAL_SIZE)


def byte_list_at(memory: bytes, at: int) -> bytes:
    """A list<u8> by one strided copy."""
    size, data = _PAIR.unpack_from(memory, at + 8)
    content: bytes = (ctypes.c_char * (size * VAL_SIZE)).from_address(data)[8::VAL_SIZE]
    return content


def entries_at(memory: bytes, at: int) -> bytes:
    """A copy of a record's entries: the value of entry i is at `i * ENTRY_SIZE + NAME_SIZE`."""
    size, data = _PAIR.unpack_from(memory, at + 8)
    return ctypes.string_at(data, size * ENTRY_SIZE)


def names_at(memory: bytes, at: int) -> list[str]:
    """The names of a flags value."""
    size, data = _PAIR.unpack_from(memory, at + 8)
    return [ctypes.string_at(address, length).decode() for length, address in _PAIR.iter_unpack(ctypes.string_at(data, size * NAME_SIZE))]


def option_at(memory: bytes, at: int) -> bytes | None:
    """The payload of a some."""
    return _boxed(memory, at + 8)


def variant_payload_at(memory: bytes, at: int) -> bytes | None:
    """The payload of a variant's case, whose name is `text_at`."""
    return _boxed(memory, at + 24)


def result_at(memory: bytes, at: int) -> tuple[bool, bytes | None]:
    """Whether it is ok, and the payload."""
    return memory[at + 8] != 0, _boxed(memory, at + 16)


def read_string(val: Any) -> str:
    """The text of a `Val` that is a string or an enum, e.g. `args[0]` of a host function."""
    return text_at(copy_of(val), 0)


def read_integer(val: Any) -> int:
    """The value of a `Val` that is a u64."""
    return int(val.of.u64)


def _boxed(memory: bytes, at: int) -> bytes | None:
    (address,) = _ADDRESS.unpack_from(memory, at)
    return ctypes.string_at(address, VAL_SIZE) if address else None


# Calling, and being called.

HostBody = Callable[[int, Any, Any], None]
"""(address of the store's context, args, results): `args[i]` stay wasmtime's, `results[0]` is to be `put`."""

_NO_FINALIZER = ctypes.cast(0, ctypes.CFUNCTYPE(None, ctypes.c_void_p))


def host_function(body: HostBody) -> Any:
    """A callback for `add_function`; keep it as long as any linker that has it (best: at module level, one a process).

    A WasmtimeError raised by `body` ends the call with its text; any other exception with "host function failed", because nothing may
    leave a ctypes callback: what failed must be noted on the call by `body` itself.
    """

    def call(_env: Any, context: Any, _type: Any, args: Any, _nargs: int, results: Any, _nresults: int) -> int:
        try:
            body(ctypes.addressof(context.contents), args, results)
        except WasmtimeError as error:
            return _consumed(error)
        except BaseException:
            return _consumed(WasmtimeError("host function failed"))
        return 0

    return ffi.wasmtime_component_func_callback_t(call)


def add_function(instance: LinkerInstance, name: str, callback: Any) -> None:
    """Defines `name` of a linker's instance as a callback made by `host_function`."""
    encoded = name.encode()
    buffer = ctypes.create_string_buffer(encoded)
    raise_error(ffi.wasmtime_component_linker_instance_add_func(instance.ptr(), buffer, len(encoded), callback, None, _NO_FINALIZER))


def call_raw(function: Any, context: Any, args: Any, nargs: int, result: Any) -> None:
    """Calls a `wasmtime_component_func_t` with the first `nargs` of `args` (an array, or the pointer a host function got).

    `result` is a pointer to a `Val` (`ctypes.byref`), None when the function has none. All of it stays the caller's, to be deleted.
    Raises WasmtimeError.
    """
    raise_error(ffi.wasmtime_component_func_call(ctypes.byref(function), context, args, nargs, result, 0 if result is None else 1))


def delete(val: Any) -> None:
    """Frees what a `Val` owns; it may be deleted again."""
    ffi.wasmtime_component_val_delete(ctypes.byref(val))
    val.kind = BOOL


def drop_borrowed(context: Any, val: Any) -> None:
    """Gives back a resource that a host function was lent; wasmtime counts on it. Raises WasmtimeError."""
    raise_error(ffi.wasmtime_component_resource_any_drop(context, val.of.resource))


def raise_error(pointer: Any) -> None:
    """Raises the WasmtimeError (or ExitTrap) that a C call returned, if it did."""
    if pointer:
        raise WasmtimeError._from_ptr(pointer)


def _consumed(error: WasmtimeError) -> int:
    return ctypes.cast(error._consume(), ctypes.c_void_p).value or 0
