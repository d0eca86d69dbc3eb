"""What every test shares: a home of its own, so that no test reads or writes the real one."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Two slow cores share many tests: how long one example takes says nothing here.
settings.register_profile("wassette", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wassette")


# A shell's background job is started with SIGINT ignored, and so are all its children: tests of Ctrl-C would wait for nothing.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test needs a toolchain first installs it and builds with it."""
    for item in items:
        if item.get_closest_marker("toolchain") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: HOME and every XDG folder below it, no WASSETTE_ variable, no docker configuration."""
    import os

    root = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith(("WASSETTE_", "DOCKER_", "REGISTRY_AUTH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(root))
    for name, folder in (("DATA", ".local/share"), ("CONFIG", ".config"), ("CACHE", ".cache"), ("STATE", ".local/state")):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(root / folder))
    return root
