"""Small components in text form that the command line is tested with."""

from __future__ import annotations

from pathlib import Path

from wasmtime import wat2wasm

TEXT_TOOLS = """
(component
  (core module $m
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0))
      (i32.store (i32.const 4) (local.get 1))
      (i32.const 0))
    (func (export "refuse") (param i32 i32) (result i32)
      (i32.store8 (i32.const 0) (i32.const 1))
      (i32.store (i32.const 4) (local.get 0))
      (i32.store (i32.const 8) (local.get 1))
      (i32.const 0))
    (func (export "break") unreachable)
    (func (export "spin") (loop $again (br $again))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "left" s32) (param "right" s32) (result s32)
    (canon lift (core func $i "add")))
  (func (export "echo") (param "text" string) (result string)
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "refuse") (param "reason" string) (result (result string (error string)))
    (canon lift (core func $i "refuse") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "break") (canon lift (core func $i "break")))
  (func (export "spin") (canon lift (core func $i "spin"))))
"""

ONE_TOOL = """
(component
  (core module $m (func (export "answer") (result i32) (i32.const 42)))
  (core instance $i (instantiate $m))
  (func (export "answer") (result u32) (canon lift (core func $i "answer"))))
"""

CONTENT_TOOL = """
(component
  (core module $m
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "show") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0))
      (i32.store (i32.const 4) (local.get 1))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (type $m (record (field "data" (list u8)) (field "mime-type" string)))
  (export $media "media" (type $m))
  (type $d (record (field "uri" string) (field "mime-type" string) (field "text" string)))
  (export $document "document" (type $d))
  (type $b (variant (case "text" string) (case "image" $media) (case "audio" $media) (case "document" $document)))
  (export $block "block" (type $b))
  (func (export "show") (param "blocks" (list $block)) (result (list $block))
    (canon lift (core func $i "show") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
"""
"""Gives back the content blocks it gets, in the shape of `wit/content.py`."""

NO_TOOL = "(component)"


def write_component(folder: Path, name: str, text: str) -> Path:
    """Writes `name`.wasm into `folder`."""
    path = folder / f"{name}.wasm"
    path.write_bytes(wat2wasm(text))
    return path


def slow_to_compile(*, padding: int = 0) -> str:
    """A component that takes many seconds to compile: the register allocator's worst case, and `padding` bytes of data."""
    branches = "".join(
        f"(if (local.get {number % 2000}) (then (local.set {number * 7 % 2000} (i32.add (local.get {number * 13 % 2000}) (i32.const 1)))))"
        for number in range(20000)
    )
    return f"""
(component
  (core module $m
    (memory 64)
    (data (i32.const 0) "{"x" * padding}")
    (func (local {"i32 " * 2000}) {branches})
    (func (export "answer") (result i32) (i32.const 42)))
  (core instance $i (instantiate $m))
  (func (export "answer") (result u32) (canon lift (core func $i "answer"))))
"""
