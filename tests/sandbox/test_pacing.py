from __future__ import annotations

import ctypes
import threading

import pytest

from wassette_py.limits import Limits
from wassette_py.policy.document import EMPTY
from wassette_py.sandbox import pacing
from wassette_py.sandbox.egress.egress import Egress
from wassette_py.sandbox.memory import MemoryWatch
from wassette_py.sandbox.state import CallState


def running() -> CallState:
    call = CallState(limits=Limits(), policy=EMPTY, environment={}, cancel=threading.Event(), egress=Egress())
    call.pace = pacing.Pace(call, MemoryWatch(None))
    return call


@pytest.mark.parametrize(("guests", "ticks"), [(1, 1), (2, 2), (pacing.RARELY, pacing.RARELY), (100, pacing.RARELY)])
def test_of_many_guests_each_is_looked_at_less_often(monkeypatch: pytest.MonkeyPatch, guests: int, ticks: int) -> None:
    monkeypatch.setattr(pacing, "CALLS", {number: running() for number in range(1, guests + 1)})
    delta, kind = ctypes.c_uint64(), ctypes.c_uint8(9)
    assert pacing._on_epoch(None, 1, ctypes.byref(delta), ctypes.byref(kind)) == 0
    assert (delta.value, kind.value) == (ticks, 0)
