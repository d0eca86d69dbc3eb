"""Components that componentize-js makes with StarlingMonkey: `fetch` is refused and recorded, whatever the guest does about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installed import Installed
from tests.toolchain import build_starlingmonkey

pytestmark = pytest.mark.toolchain

WIT = """
package test:web;

world web {
  /// The status of a page.
  export status: func(url: string) -> result<string, string>;
  export status-uncaught: func(url: string) -> string;
  export swallow: func(url: string) -> string;
  export later: func(milliseconds: u32) -> string;
}
"""
SOURCE = """
export async function status(url) {
  try { return String((await fetch(url)).status); } catch (error) { throw `it failed: ${error.message ?? error}`; }
}
export async function statusUncaught(url) { return String((await fetch(url)).status); }
export async function swallow(url) { try { await fetch(url); } catch { } return "never mind"; }
export async function later(milliseconds) { await new Promise((resolve) => setTimeout(resolve, milliseconds)); return "done"; }
"""


@pytest.fixture(scope="module")
def wasm() -> Path:
    return build_starlingmonkey("web", {"web.wit": WIT}, "web", {"web.js": SOURCE})


def test_promises_and_timers_are_waited_for(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "web")
    assert installed.value("later", milliseconds=20) == "done"
    assert installed.value("later", milliseconds=20) == "done"


@pytest.mark.parametrize("tool", ["status", "status-uncaught"])
def test_fetch_is_denied_and_the_caller_is_told_where_it_wanted_to_go(tool: str, wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "web")
    result = installed.call(tool, url="https://api.example.com/v1?key=1")
    assert result.kind == "denied"
    assert [line.target for line in result.denied] == ["GET https://api.example.com:443"]
    assert result.denied[0].grant == "wassette policy grant web network api.example.com"


def test_a_denial_that_the_guest_swallows_is_told_all_the_same(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "web")
    result = installed.call("swallow", url="http://api.example.com:8080/")
    assert (result.error, result.value) == (None, "never mind")
    assert [line.target for line in result.denied] == ["GET http://api.example.com:8080"]


def test_a_granted_host_is_refused_with_its_own_reason_until_requests_are_served(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "web", "  network:\n    allow: [{host: api.example.com}]\n")
    result = installed.call("status", url="https://api.example.com/")
    assert [line.reason for line in result.denied] == ["outgoing HTTP is not served yet"]
    assert result.denied[0].grant is None
