"""Attacks meet what users meet: the host with a home of its own, its command line, and its server over stdio."""

from __future__ import annotations

from tests.cli.conftest import wassette
from tests.host.conftest import host, load
from tests.sandbox.conftest import engine, guests

__all__ = ["engine", "guests", "host", "load", "wassette"]
