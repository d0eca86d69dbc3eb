"""What of WASI a call gets: the granted directories and two streams that are captured. Nothing of this process is inherited.

Variables, `wasi:config` and the like are host functions (`hostfuncs.py`). Directories are opened by wasmtime (cap-std), which holds
a guest inside them; that is not repeated here.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable

from wassette_py.errors import InvalidPolicy
from wassette_py.policy.document import PolicyDocument, StorageGrant
from wassette_py.sandbox import binding
from wassette_py.sandbox.native import raise_error
from wassette_py.sandbox.state import CALLS, CallState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WRITER: Any = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_size_t)


def configure(call: CallState, address: int, *, directories: bool) -> None:
    """Gives the store of `call` its WASI. Raises InvalidPolicy naming a granted directory that is not there."""
    config = binding.wasi_config_new()
    try:
        binding.wasi_config_set_stdout_custom(config, _write_stdout, address, None)
        binding.wasi_config_set_stderr_custom(config, _write_stderr, address, None)
        if directories and call.policy.storage:
            for guest, grant, write in preopens(call.policy.storage):
                _preopen(config, call.policy, guest, grant, write)
    except BaseException:
        binding.wasi_config_delete(config)
        raise
    raise_error(binding.context_set_wasi(call.context, config))


def preopens(grants: Iterable[StorageGrant]) -> list[tuple[str, StorageGrant, bool]]:
    """(guest path, grant, writable) of each directory to open.

    Access to a path is the union of the grants above it: a directory below or equal to a writable one is writable.
    """
    from wassette_py.policy.storage import covers

    known = tuple(grants)
    opened: dict[tuple[str, str], tuple[str, StorageGrant, bool]] = {}
    for grant in known:
        write = any(other.write and covers(other.path, grant.path) for other in known)
        guest = grant.guest or grant.path
        opened[(guest, grant.path)] = (guest, grant, write)
    return list(opened.values())


def _preopen(config: Any, policy: PolicyDocument, guest: str, grant: StorageGrant, write: bool) -> None:
    from wassette_py.sandbox import folders

    path = grant.path
    where = f"{policy.source}:{grant.line}: granted directory {path}"
    with folders.opened(path, where) as through:
        if not binding.wasi_config_preopen_dir(config, os.fsencode(through), guest.encode(), write):
            raise InvalidPolicy(f"{where} cannot be opened")


def _write(address: int, data: Any, size: int, name: str) -> int:  # pragma: no cover - runs on threads of wasmtime's, unseen by coverage
    try:
        call = CALLS.get(address)
        if call is None:  # the call is over
            return size
        return size if call.capture(getattr(call, name), ctypes.string_at(data, size)) else -errno.EIO
    except BaseException:  # nothing may leave a ctypes callback
        return -errno.EIO


@_WRITER  # type: ignore[untyped-decorator]
def _write_stdout(address: int, data: Any, size: int) -> int:  # pragma: no cover - as _write
    return _write(address, data, size, "stdout")


@_WRITER  # type: ignore[untyped-decorator]
def _write_stderr(address: int, data: Any, size: int) -> int:  # pragma: no cover - as _write
    return _write(address, data, size, "stderr")
