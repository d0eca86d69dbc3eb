"""The suite's fixture tools as a component, and the server they are served by.

What a tool returns is WIT: texts, errors, printed lines. Progress, changes of the list and questions to a person are the host's, not a
guest's, so the tools the suite wants for them are loads of another component and grants, through the built-in tools.
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
interface types {
  record media { data: list<u8>, mime-type: string }
  record document { uri: string, mime-type: string, text: string }
  variant block { text(string), image(media), audio(media), document(document) }
}
world fixture {
  use types.{block};
  /// Returns a picture.
  export test-image-content: func() -> list<block>;
  /// Returns a sound.
  export test-audio-content: func() -> list<block>;
  /// Returns a document.
  export test-embedded-resource: func() -> list<block>;
  /// Returns a text, a picture and a document.
  export test-multiple-content-types: func() -> list<block>;
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
const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const image = { tag: "image", val: { data: png, mimeType: "image/png" } };
const wav = Uint8Array.from("RIFF    WAVE", (letter) => letter.charCodeAt(0));
const resource = (uri, mimeType, text) => ({ tag: "document", val: { uri, mimeType, text } });
export function testImageContent() { return [image]; }
export function testAudioContent() { return [{ tag: "audio", val: { data: wav, mimeType: "audio/wav" } }]; }
export function testEmbeddedResource() {
  return [resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")];
}
export function testMultipleContentTypes() {
  const text = { tag: "text", val: "Multiple content types test:" };
  return [text, image, resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')];
}
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


ASKING = (
    "test_elicitation",
    "test_input_required_result_elicitation",
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
    "test_streaming_elicitation",
)


def made(folder: Path) -> dict[str, Callable[[], tuple[str, dict[str, Any]]]]:
    """The tools that stand for a built-in one: a load of a component that was not there before, and a grant, which asks a person."""
    numbers = itertools.count()

    def load() -> tuple[str, dict[str, Any]]:
        number = next(numbers)
        path = folder / f"extra-{number}.wasm"
        core = '(core module $m (func (export "f") (result i32) (i32.const 1))) (core instance $i (instantiate $m))'
        path.write_bytes(wat2wasm(f'(component {core} (func (export "extra-{number}") (result u32) (canon lift (core func $i "f"))))'))
        return "load-component", {"path": str(path)}

    def grant() -> tuple[str, dict[str, Any]]:
        return "grant-environment-variable-permission", {"component_id": "fixture", "details": {"key": "LANG"}}

    return {"test_tool_with_progress": load, "test_trigger_tool_change": load, **dict.fromkeys(ASKING, grant)}
