"""All knowledge of how wasmtime's C API lays out component values in memory.

A `wasmtime_component_val_t` is 32 bytes: its kind at 0, a union of 24 bytes at 8. Where the parts of each kind are is said here alone, and
`tests/sandbox/test_layout.py` compares every size and offset with `wasmtime._bindings`, so that an upgrade cannot change them unseen.
`lowering.py` makes arguments, `lifting.py` reads results, `packing.py` makes what host functions return, `calling.py` calls.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence

from wassette_py.errors import assert_never
from wassette_py.wit.types import BoolType, FloatType, IntegerType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Val: Any = ctypes.c_uint64 * 4
"""The kind in the first byte of the first word, then the union."""
VAL_SIZE = 32
NAME_SIZE = 16  # of a flag, and before each value of a record

BOOL, S8, U8, S16, U16, S32, U32, S64, U64, F32, F64, CHAR = range(12)
STRING, LIST, RECORD, TUPLE, VARIANT, ENUM, OPTION, RESULT, FLAGS, RESOURCE = range(12, 22)
NOTHING = BOOL
"""The kind of a value that owns nothing."""

SCALAR_CODES = {BOOL: "?", S8: "b", U8: "B", S16: "h", U16: "H", S32: "i", U32: "I", S64: "q", U64: "Q", F32: "f", F64: "d", CHAR: "I"}
"""A scalar's letter in `struct`, `array` and `memoryview`."""
_PUT_U64 = struct.Struct("=B7xQ").pack_into
_INTEGERS = {"s8": S8, "u8": U8, "s16": S16, "u16": U16, "s32": S32, "u32": U32, "s64": S64, "u64": U64}

VALUE = 8
"""Where a scalar is."""
SIZE, DATA = 8, 16
"""Of a string, list, record, tuple, flags, an enum's name and the name of a variant's case: how many, and where."""
OPTION_PAYLOAD, IS_OK, RESULT_PAYLOAD, VARIANT_PAYLOAD = 8, 8, 16, 24
"""Where the address of a payload is; 0: none."""

VECTOR = struct.Struct("=B7xQQ8x")
"""Kind, size, data: of every kind with a vector, and of a scalar with its first bytes for a size."""
NAME = struct.Struct("=QQ")
"""Size, data."""

MEMORY: Any = (ctypes.c_char * (1 << 62)).from_address(0)
"""The memory of this process: `MEMORY[address:end]` is a copy, several times faster than `ctypes.string_at` where the pieces are many."""

address_of_bytes: Callable[[bytes], int] = ctypes.PYFUNCTYPE(ctypes.c_size_t, ctypes.py_object)(("PyBytes_AsString", ctypes.pythonapi))
address_of_bytearray: Callable[[bytearray], int] = ctypes.PYFUNCTYPE(ctypes.c_size_t, ctypes.py_object)(
    ("PyByteArray_AsString", ctypes.pythonapi)
)


def kind_of(type: BoolType | IntegerType | FloatType) -> int:
    """The kind of a scalar."""
    match type:
        case BoolType():
            return BOOL
        case FloatType(bits):
            return {32: F32, 64: F64}[bits]
        case IntegerType():
            return _INTEGERS[type.name]
        case _:
            return assert_never(type)


def copy_of(val: Any) -> bytes:
    """The 32 bytes of a `Val`."""
    return bytes(MEMORY[(at := ctypes.addressof(val)) : at + VAL_SIZE])


def read_string(val: Any) -> str:
    """The text of a `Val` that is a string or an enum, e.g. `args[0]` of a host function."""
    _, size, data = VECTOR.unpack_from(val)
    return str(MEMORY[data : data + size], "utf-8")


def read_integer(val: Any) -> int:
    """The value of a `Val` that is a u64."""
    return int(val[1])


def tuple_reader(kinds: Sequence[int]) -> Callable[[Any], list[Any]]:
    """What reads a `Val` that is a tuple of integers and strings of these kinds."""
    codes = ["QQ8x" if kind == STRING else f"{SCALAR_CODES[kind]}{24 - struct.calcsize(SCALAR_CODES[kind])}x" for kind in kinds]
    unpack = struct.Struct("=" + "".join([f"8x{code}" for code in codes])).unpack_from

    def read(val: Any) -> list[Any]:
        words = iter(unpack(MEMORY, val[2]))
        return [
            MEMORY[(at := next(words)) : at + size].decode() if kind == STRING else size for kind, size in zip(kinds, words, strict=True)
        ]

    return read


def put_integer(address: int, value: int) -> None:
    """Makes the `Val` at `address`, whose former content owns nothing, a u64."""
    _PUT_U64(MEMORY, address, U64, value)
