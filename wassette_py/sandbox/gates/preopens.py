"""The preopens gate: shows that a guest asked which directories it has.

The guest's own libc refuses a path it holds no directory for, and the host sees none of it; that it asked is all there is to know.
"""

from __future__ import annotations

from typing import Any

from wassette_py.sandbox import packing
from wassette_py.sandbox.gates.gate import MEMORY, Gate
from wassette_py.sandbox.hosting import Bodies
from wassette_py.sandbox.state import CallState

EXPORTS: tuple[str, ...] = ("directories",)

TEXT = f"""
(component
  (import "wasi:filesystem/types@0.2.0" (instance $types (export "descriptor" (type (sub resource)))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $outer))
    (export "descriptor" (type $d (eq $outer)))
    (export "get-directories" (func (result (list (tuple (own $d) string)))))))
  {MEMORY}
  (core func $get (canon lower (func $preopens "get-directories")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $code
    (import "memory" "forget" (func $forget))
    (import "" "get" (func $get (param i32)))
    (func (export "directories") (result i32) (call $forget) (call $get (i32.const 0)) (i32.const 0)))
  (core instance $code (instantiate $code (with "memory" (instance $memory)) (with "" (instance (export "get" (func $get))))))
  (func (export "directories") (result (list (tuple (own $descriptor) string)))
    (canon lift (core func $code "directories") (memory (core memory $memory "memory")))))
"""


def functions(gate: Gate) -> Bodies:
    """`wasi:filesystem/preopens`, whole."""

    def get_directories(call: CallState, _args: Any, results: Any) -> None:
        call.asked_for_directories = True
        if call.policy.storage:
            gate.call(call, "directories", None, 0, results[0])
        else:
            packing.put(results[0], packing.pack_list(b""))

    return {"get-directories": get_directories}
