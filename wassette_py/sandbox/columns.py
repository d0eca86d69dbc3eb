"""Memory that is written column by column, and names that stay where they are: what `lowering.py` is made of. It knows no type."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate

from wassette_py.sandbox import layout
from wassette_py.sandbox.layout import DATA, SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Kept = list[object]
"""What must stay where it is until the call has ended."""


class Column:
    """One place in each of several rows: `at` bytes into a row of `stride` bytes."""

    def __init__(self, rows: bytearray, at: int, stride: int) -> None:
        self._rows = memoryview(rows)
        self._at = at
        self._stride = stride

    def put(self, offset: int, code: str, numbers: Any) -> None:
        """Writes one of `numbers`, which `code` is the letter of in `array`, to each row, `offset` bytes into the place."""
        source = array(code, numbers)
        width = source.itemsize
        self._rows.cast(code)[(self._at + offset) // width :: self._stride // width] = source  # type: ignore[call-overload]

    def put_vectors(self, sizes: list[int], address: int, width: int) -> None:
        """Writes a vector to each row: of these sizes in items of `width` bytes, which stand one after another from `address` on."""
        self.put(SIZE, "Q", sizes)
        self.put(DATA, "Q", accumulate([size * width for size in sizes[:-1]], initial=address))


class Names:
    """Names of fields or cases, in memory for as long as this is: who points to one keeps this."""

    def __init__(self, names: Iterable[str]) -> None:
        self._texts = {name: name.encode() for name in names}
        self._sizes = {name: len(text) for name, text in self._texts.items()}
        self._addresses = {name: layout.address_of_bytes(text) for name, text in self._texts.items()}

    def packed(self, name: str) -> bytes:
        """The name as a vector of wasmtime's."""
        return layout.NAME.pack(self._sizes[name], self._addresses[name])

    def put(self, column: Column, names: Sequence[str], kept: Kept) -> None:
        """Writes a name to each row."""
        kept.append(self)
        column.put(SIZE, "Q", map(self._sizes.__getitem__, names))
        column.put(DATA, "Q", map(self._addresses.__getitem__, names))
