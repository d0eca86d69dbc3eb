"""The tools that are part of the program."""

from __future__ import annotations

from wassette_py.server.builtin.table import BUILTINS, Builtins

__all__ = ["BUILTINS", "Builtins"]
