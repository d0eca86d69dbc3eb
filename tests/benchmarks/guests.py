"""What is measured: the same small tools as a component (text, CPython, StarlingMonkey) and, in `plain_server.py`, as Python."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.sandbox.guests_http import CLIENT
from tests.toolchain import build_python, build_starlingmonkey

ECHO = """
(component
  (core module $m
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (block $fits
        (br_if $fits (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
        (br_if $fits (i32.ne (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16))))))
        (unreachable))
      (local.get $at))
    (func (export "nop"))
    (func (export "spin") (loop (br 0)))
    (func (export "same") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0)))
  (core instance $m (instantiate $m))
  (type $r (record (field "name" string) (field "count" u32) (field "price" f64)))
  (export $row "row" (type $r))
  (func (export "nop") (canon lift (core func $m "nop")))
  (func (export "spin") (canon lift (core func $m "spin")))
  (func (export "echo-text") (param "x" string) (result string)
    (canon lift (core func $m "same") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "echo-bytes") (param "x" (list u8)) (result (list u8))
    (canon lift (core func $m "same") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "echo-texts") (param "x" (list string)) (result (list string))
    (canon lift (core func $m "same") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "echo-rows") (param "x" (list $row)) (result (list $row))
    (canon lift (core func $m "same") (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
"""

_PY_WIT = "package bench:py;\nworld w { export py-add: func(a: u32, b: u32) -> u32; }\n"
_PY_APP = "import wit_world\n\n\nclass WitWorld(wit_world.WitWorld):\n    def py_add(self, a, b):\n        return a + b\n"
_JS_WIT = "package bench:js;\nworld w { export js-add: func(a: u32, b: u32) -> u32; }\n"
_JS_APP = "export function jsAdd(a, b) { return a + b; }\n"


def wat(text: str) -> bytes:
    import wasmtime

    return bytes(wasmtime.wat2wasm(text))


@cache
def echo() -> bytes:
    """nop, spin, and echoes of text, bytes, texts and records."""
    return wat(ECHO)


@cache
def web() -> bytes:
    """`send`: an HTTP request and (status, size, beginning) of its answer."""
    return wat(CLIENT)


def tiny(name: str) -> bytes:
    """A component of one tool."""
    return wat(
        '(component (core module $m (func (export "f") (param i32) (result i32) local.get 0)) (core instance $m (instantiate $m))'
        f'(func (export "{name}") (param "count" u32) (result u32) (canon lift (core func $m "f"))))'
    )


def python() -> Path:
    """An 18 MB component of CPython: `py-add`."""
    return build_python("bench", {"w.wit": _PY_WIT}, "w", {"app.py": _PY_APP})


def javascript() -> Path:
    """An 11 MB component of StarlingMonkey: `js-add`."""
    return build_starlingmonkey("bench", {"w.wit": _JS_WIT}, "w", {"bench.js": _JS_APP})


def rows(count: int) -> list[dict[str, object]]:
    return [{"name": f"row number {index}", "count": index, "price": index / 4} for index in range(count)]
