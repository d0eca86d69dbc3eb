"""One component in a registry, and the way the tests pull it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.layout_writer import artifact, digest
from tests.patience import FOREVER, LONG
from tests.registry import Registry
from wassette_py.control import Control
from wassette_py.fetch import Fetched, fetch
from wassette_py.oci.reading import Patience
from wassette_py.reference import parse_reference
from wassette_py.settings import RegistrySettings, Settings

BYTES = b"\0asm\x0d\0\1\0" + bytes(range(256)) * 40
GOOD = artifact(BYTES)
LAYER = digest(BYTES)
QUICK = Patience(connect=LONG, read=LONG, budget=1.5, body=FOREVER, tries=3)
"""Gives up soon what fails, and waits for what is slow: a test of silence says for how long it listens."""


def with_component() -> Registry:
    """A registry that holds `acme/fetch:1.0`."""
    registry = Registry()
    registry.put("acme/fetch", "1.0", GOOD)
    return registry


def settings_for(registry: Registry, **given: Any) -> Settings:
    """Settings under which that registry is spoken to over plain HTTP."""
    return replace(Settings.load(), registries={registry.host: RegistrySettings(**({"insecure_http": True} | given))})


def pull(registry: Registry, rest: str = "acme/fetch:1.0", *, control: Control | None = None, patience: Patience = QUICK) -> Fetched:
    """What the registry holds there."""
    reference = parse_reference(f"oci://{registry.host}/{rest}")
    return fetch(reference, settings_for(registry), control or Control(), patience=patience)
