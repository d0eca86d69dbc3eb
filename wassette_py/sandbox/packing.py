"""Values that host functions return: 32 bytes that own what they point to, made of memory that wasmtime allocated and will free.

```python
put(results[0], pack_result(True, pack_option(pack_string("value"))))          # ok(some("value"))
put(results[0], pack_result(False, pack_variant("io", pack_string("text"))))   # err(io("text"))
```

Arguments of a call are only lent, and made by `lowering.py`, which is cheaper.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence

from wassette_py.sandbox import binding
from wassette_py.sandbox.layout import (
    ENUM,
    LIST,
    NAME_SIZE,
    OPTION,
    RECORD,
    RESULT,
    SCALAR_CODES,
    STRING,
    TUPLE,
    VAL_SIZE,
    VARIANT,
    VECTOR,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VARIANT = struct.Struct("=B7xQQQ")  # kind, size and data of the discriminant's name, payload
_OPTION = struct.Struct("=B7xQ16x")  # kind, payload
_RESULT = struct.Struct("=B7x?7xQ8x")  # kind, is_ok, payload

_Out = ctypes.c_size_t * 2
_Buffer = ctypes.c_char * VAL_SIZE


def scalar_packer(kind: int) -> Callable[[Any], bytes]:
    """What packs a bool, int, float or code point of `kind`."""
    packed = struct.Struct(f"=B7x{_padded(SCALAR_CODES[kind])}").pack
    return lambda value: packed(kind, value)


def pack_string(text: str) -> bytes:
    """A string."""
    return _vector(STRING, binding.name_new, text.encode())


def pack_enum(name: str) -> bytes:
    """An enum, by its case's name."""
    return _vector(ENUM, binding.name_new, name.encode())


def pack_list(values: bytes) -> bytes:
    """A list of the packed `values`, joined; it owns them."""
    return _vector(LIST, binding.list_new, values, VAL_SIZE)


def pack_tuple(values: bytes) -> bytes:
    """A tuple of the packed `values`, joined; it owns them."""
    return _vector(TUPLE, binding.tuple_new, values, VAL_SIZE)


def pack_record(fields: Sequence[tuple[str, bytes]]) -> bytes:
    """A record of packed values by their names; it owns the values."""
    entries: list[bytes] = []
    for name, value in fields:
        out = _Out()
        encoded = name.encode()
        binding.name_new(out, len(encoded), encoded)
        entries += (bytes(out), value)
    return _vector(RECORD, binding.record_new, b"".join(entries), NAME_SIZE + VAL_SIZE)


def pack_option(payload: bytes | None) -> bytes:
    """none, or some(payload); it owns the payload."""
    return _OPTION.pack(OPTION, _box(payload))


def pack_variant(case: str, payload: bytes | None) -> bytes:
    """One case of a variant; it owns the payload."""
    encoded = case.encode()
    out = _Out()
    binding.name_new(out, len(encoded), encoded)
    return _VARIANT.pack(VARIANT, out[0], out[1], _box(payload))


def pack_result(is_ok: bool, payload: bytes | None) -> bytes:
    """ok(payload) or err(payload); it owns the payload."""
    return _RESULT.pack(RESULT, is_ok, _box(payload))


def put(val: Any, packed: bytes) -> None:
    """Moves a packed value into a `Val` whose former content owns nothing, e.g. `results[0]` of a host function."""
    ctypes.memmove(ctypes.addressof(val), packed, VAL_SIZE)


def _vector(kind: int, allocate: Any, content: bytes, item_size: int = 1) -> bytes:
    out = _Out()
    allocate(out, len(content) // item_size, content)
    return VECTOR.pack(kind, out[0], out[1])


def _box(payload: bytes | None) -> int:
    # NOTE: a copy, since val_new may write to what it moves from, and bytes objects are shared.
    return 0 if payload is None else int(binding.val_new(_Buffer.from_buffer_copy(payload)))


def _padded(code: str) -> str:
    return f"{code}{VAL_SIZE - 8 - struct.calcsize(f'={code}')}x"
