"""The answer to tools/list, kept beside the components for the next start, whose client waits for nothing else.

It is bound to the files it was made from and to this program, and only ever a copy: one that does not fit is not used, and made again by
the server that starts behind it. It is used and kept only where all settings are the usual ones. Nothing slow is imported here.
"""

from __future__ import annotations

import os
import stat  # as `os` does

from wassette_py import __version__
from wassette_py.stamps import folder_stamp, temporary_name
from wassette_py.wire import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


LARGEST = 64 << 20
"""Bytes of a list: a thousand components have some two million."""


class Listing:
    """The file in the component directory `folder`, of a list with or without the built-in tools."""

    def __init__(self, folder: str, *, builtin_tools: bool) -> None:
        self.folder = folder
        self.path = f"{folder}/.wassette.listing{'' if builtin_tools else '.bare'}"

    def read(self) -> memoryview | None:
        """The list as JSON text, if it is the one of now. It may be large, and is not copied."""
        try:
            # Without O_NONBLOCK opening a FIFO waits for somebody to write to it.
            with open(os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
                status = os.fstat(file.fileno())
                if not _is_ours(status) or status.st_size > LARGEST:
                    return None
                data = file.read(LARGEST)
        except OSError:
            return None
        bound = self._binding()
        text = memoryview(data)[len(bound) : -1]
        return text if text and data.endswith(b"\n") and data.startswith(bound) else None

    def keep(self, make: Callable[[], bytes | None]) -> None:
        """Writes what `make` makes of the files, unless they change meanwhile or it makes None. Raises nothing: it is a copy."""
        bound = self._binding()
        text = make()
        if text is None or bound != self._binding() or self.read() == memoryview(text):
            return
        temporary = f"{self.folder}/{temporary_name()}"
        try:
            # Not synced: after a power cut it may be short, which its last byte tells, and is made again.
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.writelines((bound, text, b"\n"))
                os.replace(temporary, self.path)
            except OSError:
                os.unlink(temporary)
        except OSError:
            return

    def _binding(self) -> bytes:
        program = os.stat(__file__).st_mtime_ns  # another build may carry the same version
        return json_text([__version__, program, folder_stamp(self.folder)]).encode("utf-8", "surrogateescape") + b"\n"


def _is_ours(status: os.stat_result) -> bool:
    """Whether it is a regular file that nobody else can write."""
    if not stat.S_ISREG(status.st_mode):
        return False
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)
