"""A process that changes a component store: the tests kill it at a step, or run many of it at once.

`python -m tests.store_child FOLDER kill N ACTION` dies by SIGKILL after the Nth step; `... grant ID NAME COUNT` adds lines to a policy.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.stored import make_record
from wassette_py.errors import StoreError
from wassette_py.store import ComponentStore

OLD, NEW = b"\0asm old", b"\0asm the new one"


def act(store: ComponentStore, action: str) -> None:
    """One change of the store, by name."""
    if action == "add":
        store.add(make_record("tool", NEW), NEW, policy="new: policy\n")
    elif action == "remove":
        store.remove("tool")
    else:
        store.write_policy("tool", "new: policy\n")


def kill_at(folder: Path, step_number: int, action: str) -> None:
    """Prints the steps, one letter each, and dies after that many."""
    steps: list[str] = []

    def step(name: str) -> None:
        steps.append(name)
        print(name, flush=True)
        if len(steps) == step_number:
            os.kill(os.getpid(), signal.SIGKILL)

    act(ComponentStore(folder, step=step, patience=60), action)


def grant(folder: Path, component_id: str, name: str, count: int) -> None:
    """Adds `count` lines to the policy, each in a lock of its own."""
    store = ComponentStore(folder, patience=60)
    for number in range(count):
        with store.locked():
            store.write_policy(component_id, (store.read_policy(component_id) or "") + f"{name}-{number}\n")


class Replaced(Exception):
    """Somebody was faster."""


@contextlib.contextmanager
def replaced() -> Iterator[None]:
    """Only that another process replaced the component meanwhile may happen; anything else is a mix."""
    try:
        yield
    except StoreError as error:
        if "replaced meanwhile" not in str(error):
            raise
        raise Replaced from error


def churn(folder: Path, name: str, count: int) -> None:
    """Loads and unloads a component of its own, and replaces one that others replace too."""
    store = ComponentStore(folder, patience=60)
    for number in range(count):
        wasm = f"{name} {number}".encode()
        store.add(make_record(name, wasm), wasm)
        store.add(replace(make_record("shared", wasm), reference=name), wasm)
        with contextlib.suppress(Replaced), replaced():
            store.wasm(store.record("shared"))
        store.remove(name)


def main(arguments: list[str]) -> None:
    """Runs what the command line says."""
    folder = Path(arguments[0])
    if arguments[1] == "kill":
        kill_at(folder, int(arguments[2]), arguments[3])
    elif arguments[1] == "grant":
        grant(folder, arguments[2], arguments[3], int(arguments[4]))
    else:
        churn(folder, arguments[2], int(arguments[3]))


if __name__ == "__main__":
    main(sys.argv[1:])
