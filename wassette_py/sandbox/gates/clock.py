"""The clock gate: no sleep outlasts the call.

A native sleep cannot be interrupted, so `wasi:clocks/monotonic-clock` is ours: the gate makes real pollables, whose time is cut to
what is left of the call. Time itself is the real one.
"""

from __future__ import annotations

import time
from typing import Any

from wassette_py.sandbox import layout, packing
from wassette_py.sandbox.gates.gate import Gate
from wassette_py.sandbox.hosting import Bodies
from wassette_py.sandbox.state import CallState

EXPORTS: tuple[str, ...] = ("subscribe",)

TEXT = """
(component
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $p (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $code
    (import "" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "subscribe") (param i64) (result i32) (call $subscribe (local.get 0))))
  (core instance $code (instantiate $code (with "" (instance (export "subscribe" (func $subscribe))))))
  (func (export "subscribe") (param "when" u64) (result (own $pollable)) (canon lift (core func $code "subscribe"))))
"""

_PACK_U64 = packing.scalar_packer(layout.U64)
_MARGIN = 1_000_000
"""Nanoseconds a cut sleep goes on past the deadline, so that the guest finds itself past it."""


def functions(gate: Gate) -> Bodies:
    """What of `wasi:clocks/monotonic-clock` sleeps; telling the time takes no gate (`hostfuncs.py`)."""

    def subscribe(call: CallState, wanted: int, results: Any) -> None:
        longest = int(call.time_left() * 1e9) + _MARGIN
        arguments = (layout.Val * 1)()
        packing.put(arguments[0], _PACK_U64(max(0, min(wanted, longest))))
        gate.call(call, "subscribe", arguments, 1, results[0])

    def subscribe_duration(call: CallState, args: Any, results: Any) -> None:
        subscribe(call, layout.read_integer(args[0]), results)

    def subscribe_instant(call: CallState, args: Any, results: Any) -> None:
        subscribe(call, layout.read_integer(args[0]) - time.monotonic_ns(), results)

    return {"subscribe-duration": subscribe_duration, "subscribe-instant": subscribe_instant}
