"""The registries that real cosign's tests run against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.registries import REGISTRIES, RealRegistry


@pytest.fixture(params=["docker", "olareg"])
def registry(request: pytest.FixtureRequest, tmp_path: Path, home: Path) -> Iterator[RealRegistry]:
    """A registry without and one with the referrers API."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with REGISTRIES[request.param](folder) as running:
        config = home / ".config/wassette/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text(f"registries:\n  {running.host}: {{insecure_http: true}}\n")
        yield running
