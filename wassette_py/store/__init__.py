"""The component directory: what is installed, kept so that a crash or a second process never shows half of a change."""

from __future__ import annotations

from wassette_py.store.component_store import ComponentStore
from wassette_py.store.records import Entry, Former, Record

__all__ = ["ComponentStore", "Entry", "Former", "Record"]
