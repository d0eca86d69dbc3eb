"""The suite's fixture tools as a component, and the server they are served by.

What a tool returns is WIT: texts, errors, printed lines. Progress and changes of the list are the host's, not a guest's, so the tools the
suite wants for them are loads of another component, through the built-in load-component.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wasmtime import wat2wasm

from tests.toolchain import build_qjs

WIT = """package test:conformance;
world fixture {
  /// Returns a text.
  export test-simple-text: func() -> string;
  /// Always fails.
  export test-error-handling: func() -> result<string, string>;
  /// Prints three lines.
  export test-tool-with-logging: func() -> string;
  /// Prints three lines.
  export test-logging-tool: func() -> string;
}
"""
SOURCE = """
export function testSimpleText() { return "This is a simple text response for testing."; }
export function testErrorHandling() { throw "This tool intentionally returns an error for testing"; }
export function testToolWithLogging() {
  console.log("Tool execution started");
  console.log("Tool processing data");
  console.log("Tool execution completed");
  return "done";
}
export const testLoggingTool = testToolWithLogging;
"""
SERVER = [sys.executable, "-m", "wassette_py", "serve", "--stdio"]


def fixture_component() -> Path:
    """The component with the fixture tools."""
    return build_qjs("conformance", {"fixture.wit": WIT}, "fixture", {"conformance.js": SOURCE})


def loads(folder: Path) -> dict[str, Callable[[], tuple[str, dict[str, Any]]]]:
    """The tools that stand for a load: each call loads a component that was not there before."""
    numbers = itertools.count()

    def load() -> tuple[str, dict[str, Any]]:
        number = next(numbers)
        path = folder / f"extra-{number}.wasm"
        core = '(core module $m (func (export "f") (result i32) (i32.const 1))) (core instance $i (instantiate $m))'
        path.write_bytes(wat2wasm(f'(component {core} (func (export "extra-{number}") (result u32) (canon lift (core func $i "f"))))'))
        return "load-component", {"path": str(path)}

    return {"test_tool_with_progress": load, "test_trigger_tool_change": load}
