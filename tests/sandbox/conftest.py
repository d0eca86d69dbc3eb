"""One engine for all tests of the sandbox, and the short way to call a guest written as text."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from functools import cache

import pytest

from tests.patience import FOREVER
from wassette_py.control import Control
from wassette_py.limits import Limits
from wassette_py.policy.document import EMPTY, PolicyDocument
from wassette_py.reference import Digest
from wassette_py.sandbox import watchdog
from wassette_py.sandbox.call import CallReport, CallSpec, Sandbox
from wassette_py.sandbox.configuration import TierName, has_quick_tier
from wassette_py.sandbox.engine import CompiledComponent, Engine
from wassette_py.sandbox.native import RawComponent, wat2wasm
from wassette_py.sandbox.workers import Workers

both_tiers = pytest.mark.parametrize("guests", ["optimized", "quick"], indirect=True)
"""What bounds a guest holds whichever compiler made its code."""


@cache
def wasm_of(text: str) -> bytes:
    """The bytes of a component written as text."""
    return wat2wasm(text)


class Guests:
    """Compiles and calls guests; `sandbox` may be replaced by one with other settings. `tier`: which compiler makes their code."""

    def __init__(self, engine: Engine, tier: TierName = "optimized") -> None:
        self.engine = engine
        self.tier = tier
        self.sandbox = Sandbox(engine)
        self.workers = Workers(limit=1024)

    def compile(self, text: str) -> CompiledComponent:
        wasm = wasm_of(text)
        if self.tier == "optimized":
            return self.engine.compile(wasm, Digest.of(wasm), Control())
        quick = self.engine._quick
        assert quick is not None
        component = RawComponent.compiled(quick.raw, wasm)
        quick.check(component)
        return CompiledComponent(quick, component, Digest.of(wasm), was_cached=False)

    def spec(
        self,
        component: CompiledComponent,
        name: str,
        *values: object,
        policy: PolicyDocument = EMPTY,
        limits: Limits = Limits(timeout=FOREVER),  # noqa: B008 - frozen
        environment: Mapping[str, str] | None = None,
    ) -> CallSpec:
        function = next(export for export in component.type.exports if export.name == name)
        return CallSpec("guest", function, values, policy, limits, environment or {})

    def call(
        self,
        text: str,
        name: str,
        *values: object,
        policy: PolicyDocument = EMPTY,
        limits: Limits = Limits(timeout=FOREVER),  # noqa: B008 - frozen
        environment: Mapping[str, str] | None = None,
        cancel: threading.Event | None = None,
    ) -> CallReport:
        component = self.compile(text)
        spec = self.spec(component, name, *values, policy=policy, limits=limits, environment=environment)
        return self.reported(component, spec, cancel or threading.Event())

    def reported(self, component: CompiledComponent, spec: CallSpec, cancel: threading.Event) -> CallReport:
        """The report of a call that runs on a worker, as in a server."""
        reports: queue.SimpleQueue[CallReport] = queue.SimpleQueue()
        self.workers.submit(lambda: self.sandbox.call(component, spec, cancel, reports.put))
        return reports.get(timeout=FOREVER)


@pytest.fixture
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog stays out of it: a call that nothing else ends lasts."""
    monkeypatch.setattr(watchdog, "GRACE", FOREVER)
    monkeypatch.setattr(watchdog, "CANCEL_GRACE", FOREVER)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Shared: engines and their caches are what is thread-safe and long-lived."""
    return Engine(tmp_path_factory.mktemp("cache"), first="quick")


@pytest.fixture
def guests(engine: Engine, request: pytest.FixtureRequest) -> Guests:
    """A sandbox of this test's own on the shared engine."""
    tier: TierName = getattr(request, "param", "optimized")
    if tier == "quick" and not has_quick_tier():
        pytest.skip("wasmtime's quick compiler is not supported here")
    return Guests(engine, tier)
