"""Freestanding C against the canonical ABI, by zig and wit-component: the smallest components there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installed import Installed
from tests.toolchain import build_c

pytestmark = pytest.mark.toolchain

WIT = "package test:small;\nworld small {\n  export add: func(a: u32, b: u32) -> u32;\n  export deep: func(n: u32) -> u32;\n}\n"
SOURCE = """
__attribute__((export_name("add"))) unsigned add(unsigned a, unsigned b) { return a + b; }

__attribute__((export_name("deep"), optnone)) unsigned deep(unsigned n) {
  volatile char room[64];
  room[0] = (char)n;
  return deep(n + 1) + room[0];
}
"""


def test_a_component_of_c_is_called(tmp_path: Path) -> None:
    wasm = build_c("small", {"small.wit": WIT}, "small", {"small.c": SOURCE})
    installed = Installed(tmp_path)
    installed.load(wasm, "small")
    assert wasm.stat().st_size < 8192
    assert installed.value("add", a=40, b=2) == 42
    assert installed.value("add", a=2**32 - 1, b=2) == 1
    assert installed.call("deep", n=0).kind in ("trap", "limit")
