"""Components that componentize-qjs makes, in each of its kinds: with the async ABI's runtime (its default), without, small, cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installed import Installed
from tests.toolchain import build_qjs

pytestmark = pytest.mark.toolchain

WIT = """
package test:quickjs;

interface guest {
  record point { x: s32, label: option<string> }
  enum side { left, right }
  variant shape { dot, circle(f64), %list(list<u8>) }
  turn: func(points: list<point>, side: side) -> list<point>;
  shape-of: func(name: string) -> result<shape, string>;
  large: func(value: u64) -> u64;
  milliseconds: func() -> f64;
}

world quickjs {
  export guest;
  export greet: func(name: string) -> string;
}
"""
SOURCE = """
export const guest = {
  turn: (points, side) => points.map(({ x, label }) => ({ x: side === "left" ? -x : x, label })),
  shapeOf(name) {
    if (name === "none") throw "no such shape";
    return { dot: { tag: "dot" }, circle: { tag: "circle", val: 1.5 }, list: { tag: "list", val: new Uint8Array([1, 2, 255]) } }[name];
  },
  large: (value) => value,
  milliseconds: () => Date.now(),
};
export function greet(name) { return `Hello, ${name}!`; }
"""
KINDS = [(), ("--sync",), ("--opt-size",), ("--opt-size", "--sync", "--stub-wasi")]


@pytest.fixture(params=KINDS, ids=lambda options: " ".join(options) or "default")
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Installed:
    wasm = build_qjs("quickjs", {"quickjs.wit": WIT}, "quickjs", {"quickjs.js": SOURCE}, *request.param)
    made = Installed(tmp_path)
    made.load(wasm, "js")
    return made


def test_each_kind_is_called_and_its_helper_exports_are_hidden(installed: Installed) -> None:
    assert set(installed.tools()) == {"greet", "guest_turn", "guest_shape-of", "guest_large", "guest_milliseconds"}
    assert installed.value("greet", name="Ada") == "Hello, Ada!"


def test_values_keep_their_shape(installed: Installed) -> None:
    points = [{"x": 1, "label": "a"}, {"x": 2}]
    turned = installed.value("guest_turn", points=points, side="left")
    assert isinstance(turned, list)
    assert [point["x"] for point in turned] == [-1, -2]
    assert turned[0]["label"] == "a"
    assert installed.value("guest_shape-of", name="dot") == {"tag": "dot"}
    assert installed.value("guest_shape-of", name="circle") == {"tag": "circle", "val": 1.5}
    assert installed.value("guest_shape-of", name="list") == {"tag": "list", "val": "AQL/"}
    assert installed.value("guest_large", value=2**53 - 1) == 2**53 - 1


def test_an_error_of_the_guest_is_the_error_of_the_tool(installed: Installed) -> None:
    result = installed.call("guest_shape-of", name="none")
    assert (result.kind, result.error) == ("tool-error", "no such shape")
