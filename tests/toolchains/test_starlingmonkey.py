"""Components that componentize-js makes with StarlingMonkey: `fetch` is served as granted, or refused and recorded, whatever they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installed import Installed
from tests.sandbox.egress.origin import Visit, hello, origin
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
  export send: func(url: string, text: string) -> result<string, string>;
  export %stream: func(url: string, blocks: u32) -> result<string, string>;
}
"""
SOURCE = """
export async function status(url) {
  try { return String((await fetch(url)).status); } catch (error) { throw `it failed: ${error.message ?? error}`; }
}
export async function statusUncaught(url) { return String((await fetch(url)).status); }
export async function swallow(url) { try { await fetch(url); } catch { } return "never mind"; }
export async function send(url, text) { return await (await fetch(url, { method: "POST", body: text })).text(); }
export async function stream(url, blocks) {
  const body = new ReadableStream({ pull(controller) {
    if (blocks-- > 0) controller.enqueue(new Uint8Array(65536)); else controller.close();
  } });
  const answer = await fetch(url, { method: "POST", body, duplex: "half" });
  let size = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return String(size);
    size += value.length;
  }
}
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


def test_fetch_is_served_under_the_policy(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    with origin(hello) as server:
        installed.load(wasm, "web", f"  network:\n    allow: [{{host: 'http://localhost:{server.port}'}}]\n")
        url = f"http://localhost:{server.port}/"
        assert installed.value("status", url=url) == "200"
        assert installed.value("send", url=url, text="x" * 5000) == "hello"
    result = installed.call("status", url=url)
    assert result.error is not None
    assert any("connection refused" in note for note in result.notes)


def test_fetch_reads_and_sends_streams(wasm: Path, tmp_path: Path) -> None:
    size = 10 << 20
    received: list[int] = []

    def both(visit: Visit) -> None:
        received.append(len(visit.body()) if visit.line.startswith("POST") else 0)
        visit.answer(bytes(size))

    installed = Installed(tmp_path)
    with origin(both) as server:
        installed.load(wasm, "web", f"  network:\n    allow: [{{host: 'http://localhost:{server.port}'}}]\n")
        assert installed.value("stream", url=f"http://localhost:{server.port}/", blocks=160) == str(size)
    assert received == [160 << 16]


def test_a_redirect_leads_nowhere_that_is_not_granted(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    with origin(lambda visit: visit.answer(status="302 Found", headers="location: http://169.254.169.254/\r\n")) as server:
        installed.load(wasm, "web", f"  network:\n    allow: [{{host: 'http://localhost:{server.port}'}}]\n")
        assert installed.value("status", url=f"http://localhost:{server.port}/") == "302"
        assert server.connections == 1
