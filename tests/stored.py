"""Records of components that never were, for tests of what keeps them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wassette_py.reference import Digest
from wassette_py.store import Record
from wassette_py.trust.signer import VerifiedSigner
from wassette_py.wit.describe import NotTool, ToolDefinition

TOOL = ToolDefinition("say", "acme:text/tools@1.0.0", "say", "Says it.", {"type": "object", "properties": {"ü": {}}}, {"type": "string"})


def make_record(component_id: str, wasm: bytes) -> Record:
    """A record that describes `wasm`."""
    return Record(
        id=component_id,
        reference=f"oci://ghcr.io/acme/{component_id}:1.0",
        source=f"oci://ghcr.io/acme/{component_id}",
        digest=Digest.of(wasm),
        size=len(wasm),
        manifest=Digest.of(b"manifest"),
        signer=VerifiedSigner("digest", "pinned by trust scope ghcr.io/acme", "ghcr.io/acme"),
        prefix="",
        imports=("wasi:http/outgoing-handler@0.2.0",),
        tools=(TOOL,),
        not_tools=(NotTool("stream-it", "returns a stream"),),
        mapping_version=1,
        loaded_at="2026-11-20T10:00:00+00:00",
    )


def names(folder: Path) -> list[str]:
    """What a store's folder holds, but for its lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".wassette.lock")


def child(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Another process at work on the store in `folder`; see `tests/store_child.py`."""
    return subprocess.Popen([sys.executable, "-m", "tests.store_child", str(folder), *arguments], stdout=subprocess.PIPE, text=True)
