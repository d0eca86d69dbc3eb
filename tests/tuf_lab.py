"""A publisher of trust roots: a TUF repository made here and served on loopback. It can go back, expire, and be forged."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

TARGET = "trusted_root.json"


class Publisher:
    """Publishes into `folder`; `root` is what its chain begins with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = CryptoSigner.generate_ed25519()
        (folder / "targets").mkdir(parents=True)
        root = Metadata(Root(version=1, expires=_later()))
        for role in ("root", "timestamp", "snapshot", "targets"):
            root.signed.add_key(self.key.public_key, role)
        root.sign(self.key)
        self.root = root.to_bytes()
        (folder / "1.root.json").write_bytes(self.root)

    def publish(
        self, data: bytes, version: int, *, target: str = TARGET, by: CryptoSigner | None = None, expires: datetime | None = None
    ) -> None:
        """Makes `data` the trusted root, in metadata of that version."""
        targets = Targets(version, expires=_later())
        targets.targets[target] = TargetFile.from_data(target, data)
        [digest] = targets.targets[target].hashes.values()
        (self.folder / "targets" / f"{digest}.{target}").write_bytes(data)
        snapshot = Snapshot(version, expires=_later(), meta={"targets.json": MetaFile(version)})
        timestamp = Timestamp(version, expires=expires or _later(), snapshot_meta=MetaFile(version))
        files: list[tuple[str, Metadata[Any]]] = [
            (f"{version}.targets.json", Metadata(targets)),
            (f"{version}.snapshot.json", Metadata(snapshot)),
            ("timestamp.json", Metadata(timestamp)),
        ]
        for name, metadata in files:
            metadata.sign(by or self.key)
            (self.folder / name).write_bytes(metadata.to_bytes())


def _later() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL under which `folder` is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
