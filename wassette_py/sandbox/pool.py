"""Where the engine puts the memories of its guests: into slots that are reserved once, and made anew behind each call.

Without it each instance maps and unmaps 4 GiB of addresses, and pays with a page fault for every page it touches. A slot is given
back as its next instance finds it, whatever the guest wrote; that is wasmtime's work, and the only one that may do it.
"""

from __future__ import annotations

import mmap

from wassette_py.sandbox import binding

MEMORIES = 256
"""Memories that may be in use at once: each is 4 GiB of addresses, of which Linux gives a process 128 TiB."""

KEPT = 8 << 20
"""Bytes of a memory that stay mapped behind a call, and are copied back whole: 0.02 ms for each MiB. A page that is given back to the
system costs 0.002 ms when it is touched again. Of a larger memory nothing stays (`sizing.py`)."""
KEPT_TABLE = 128 << 10
"""The same of a table, of which a guest may have many: functions of a language's runtime fill half of it."""

WARM = 8
"""Slots that wait for the component they were made for; past them, another component takes one of theirs, and not a fresh one."""

ADDRESSES = (MEMORIES + 1) * (6 << 30)
_TABLE_ELEMENTS = 10_000_000  # what any table may begin with; how large one may be in a call, its store decides
_MANY = 100_000
_MEMORIES_A_MODULE = 100
"""What WebAssembly allows; when a component is dropped, so many are looked for in each of its modules."""


def use(config: int, kept: int) -> None:
    """Has engines of `config` (wasmtime's pointer) use slots, where this process may reserve that many addresses; `kept`: `KEPT` or 0."""
    if not _may_reserve(ADDRESSES):
        return
    pool = binding.pool_new()
    for name, value in {
        "total_memories": MEMORIES,
        "total_tables": MEMORIES * 4,
        "total_gc_heaps": MEMORIES,
        "total_core_instances": _MANY,
        "total_component_instances": _MANY,
        "total_stacks": 0,  # guests run on our threads' own
        "max_memory_size": 4 << 30,
        "table_elements": _TABLE_ELEMENTS,
        # What one component may have is decided by the limits of each store, and told as such.
        "max_core_instance_size": 1 << 30,
        "max_component_instance_size": 1 << 30,
        "max_core_instances_per_component": _MANY,
        "max_memories_per_component": _MANY,
        "max_memories_per_module": _MEMORIES_A_MODULE,
        "max_tables_per_component": _MANY,
        "max_tables_per_module": _MANY,
        "linear_memory_keep_resident": kept,
        "table_keep_resident": KEPT_TABLE,
        "max_unused_warm_slots": WARM,
    }.items():
        binding.POOL[name](pool, value)
    binding.pool_use(config, pool)
    binding.pool_delete(pool)


def _may_reserve(size: int) -> bool:
    """Whether `size` bytes of addresses can be had: an engine that cannot have them ends the process."""
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0), prot=0).close()
    except (AttributeError, OSError, ValueError, OverflowError):
        return False
    return True
