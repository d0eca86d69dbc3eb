"""Compiled components on disk, so that one is compiled once: a private folder of native code.

NOTE: a `.cwasm` is native code and is run as it is. Only files this program wrote are restored: the folder must be its user's alone,
and each file has a record with a MAC, under a key only this folder holds, over its content, the component's digest and the engine.
A record also holds the file's inode and times: while they are as written, the content is not hashed again (35 MB take 30 ms).
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import cached_property

from wassette_py.files import StrPath, access_problem, own_key, private_folder, read_regular
from wassette_py.hashing import hmac_of, same_text, sha256_of
from wassette_py.names import Digest
from wassette_py.wire import json_text, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_TEMPORARY = "new-"
_JOB = ".wasm"
_OLD_TEMPORARY = 3600.0
MAX_RECORD = 4096
MAX_CODE = 2 << 30
"""Bytes: 18 MB of CPython make 35 MB of native code."""


class Cache:
    """One folder, one engine. A folder that cannot be trusted or written is not used: everything is then compiled, and it is said."""

    def __init__(self, folder: StrPath, engine_key: str) -> None:
        self._root = os.fspath(folder)
        self._engine = _short(engine_key)
        self._engines = {self._engine}
        self._key = self._open()

    @cached_property
    def folder(self) -> Path:
        """Where they are."""
        from pathlib import Path

        return Path(self._root)

    def beside(self, engine_key: str) -> Cache:
        """The part of another engine in the same folder; neither clears away what the other keeps."""
        other = Cache.__new__(Cache)
        vars(other).update(vars(self))
        other._engine = _short(engine_key)
        self._engines.add(other._engine)
        return other

    @property
    def is_usable(self) -> bool:
        return self._key is not None

    def is_cached(self, digest: Digest) -> bool:
        """Whether there is a file and a record of it; whether they are good, `find` says."""
        return self.is_usable and os.path.exists(self._record(digest)) and os.path.exists(self._file(digest))

    def find(self, digest: Digest) -> str | None:
        """The file of `digest`, if it is the one this program wrote. One that is not is removed, and it is said."""
        file, record = self._file(digest), self._record(digest)
        if self._key is None or not os.path.exists(record):
            return None
        try:
            if self._is_good(digest, file, record):
                return file
        except (OSError, ValueError, KeyError, TypeError):
            pass
        if not os.path.exists(record):  # somebody dropped it meanwhile
            return None
        import logging

        logging.getLogger(__name__).warning("the compiled form of %s was changed on disk; compiling it again", digest)
        self.drop(digest)
        return None

    def temporary(self) -> Path:
        """A new, empty, private file in the folder, which must be usable: `keep` it or unlink it. Raises OSError."""
        import tempfile
        from pathlib import Path

        handle, name = tempfile.mkstemp(prefix=f"{_TEMPORARY}{os.getpid()}-", dir=self._root)
        os.close(handle)
        return Path(name)

    def job(self, digest: Digest) -> Path:
        """Where the bytes of a component wait that is still to be compiled for this engine."""
        return self.folder / f"{self._engine}-{digest.hex}{_JOB}"

    def jobs(self) -> list[Digest]:
        """The components that wait."""
        return [Digest(path.stem.partition("-")[2]) for path in sorted(self.folder.glob(f"{self._engine}-*{_JOB}"))]

    def keep(self, digest: Digest, temporary: Path) -> None:
        """Makes `temporary` the file of `digest` and removes what other engines left."""
        file, record = self._file(digest), self._record(digest)
        content = self._mac(digest, temporary.read_bytes())
        temporary.replace(file)
        self._write_record(record, digest, file, content)
        self._clean()

    def drop(self, digest: Digest) -> None:
        """Forgets `digest`."""
        for path in (self._record(digest), self._file(digest)):
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _is_good(self, digest: Digest, file: str, record: str) -> bool:
        known = parse(read_regular(record, limit=MAX_RECORD).decode())
        content, stamp = str(known["content"]), _stamp(file)
        if same_text(str(known["mac"]), self._mac(digest, f"{content} {stamp}".encode())):
            return True
        if not same_text(content, self._mac(digest, read_regular(file, limit=MAX_CODE))):
            return False
        self._write_record(record, digest, file, content)  # moved or restored, but the same
        return True

    def _write_record(self, record: str, digest: Digest, file: str, content: str) -> None:
        mac = self._mac(digest, f"{content} {_stamp(file)}".encode())
        temporary = self.temporary()
        temporary.write_text(json_text({"content": content, "mac": mac}))
        temporary.replace(record)

    def _mac(self, digest: Digest, content: bytes) -> str:
        # NOTE: the engine and the digest go in first, so that no file passes for another component's or another engine's.
        return hmac_of(self._key or b"", f"{self._engine} {digest}\n".encode(), content).hex()

    def _file(self, digest: Digest) -> str:
        return os.path.join(self._root, f"{self._engine}-{digest.hex}.cwasm")

    def _record(self, digest: Digest) -> str:
        return os.path.join(self._root, f"{self._engine}-{digest.hex}.json")

    def _clean(self) -> None:
        for path in self.folder.iterdir():
            with contextlib.suppress(OSError):
                other = path.suffix in {".cwasm", ".json", _JOB} and path.name.partition("-")[0] not in self._engines
                if other or (path.name.startswith(_TEMPORARY) and _is_left_behind(path)):
                    path.unlink()

    def _open(self) -> bytes | None:
        """The key of the folder, both made when they are not there; None when the folder is not to be used."""
        try:
            private_folder(self._root)
            problem = access_problem(self._root)
            if problem is None:
                return own_key(os.path.join(self._root, "key"))
        except OSError as error:
            problem = error.strerror or str(error)
        import logging

        logging.getLogger(__name__).warning("compiled components are not cached: %s: %s", self._root, problem)
        return None


def _short(engine_key: str) -> str:
    return sha256_of(engine_key.encode()).hex()[:16]


def _is_left_behind(temporary: Path) -> bool:
    """Whether who made `temporary` is gone: its process, or an hour (a process of another container cannot be asked for)."""
    if temporary.stat().st_mtime < time.time() - _OLD_TEMPORARY:
        return True
    maker = temporary.name.split("-")[1]
    return os.name == "posix" and os.path.isdir("/proc/self") and not os.path.isdir(f"/proc/{maker}")


def _stamp(file: str) -> str:
    status = os.stat(file)
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
