"""The official SDK's client against our process, in both eras."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

from tests.cli.guests import ONE_TOOL
from tests.server.process import install

Mode = Literal["legacy", "auto"]
MODES: tuple[Mode, ...] = ("legacy", "auto")
VERSIONS = {"legacy": "2025-11-25", "auto": "2026-07-28"}


def client(mode: Mode, **options: Any) -> Client:
    """A client of a server process in this test's home; the SDK hands on only a few variables by itself."""
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "wassette_py", "serve", "--stdio"], env={**os.environ, "WASSETTE_GRANTS": "allow"}
    )
    return Client(parameters, mode=mode, read_timeout_seconds=60, **options)


@pytest.mark.parametrize("mode", MODES)
def test_it_lists_and_calls_and_accepts_every_result(mode: Mode, tmp_path: Path) -> None:
    install(tmp_path)

    async def run() -> None:
        async with client(mode) as connected:
            assert connected.protocol_version == VERSIONS[mode]
            assert connected.server_info is not None
            assert connected.server_info.name == "wassette"
            tools = {tool.name: tool for tool in (await connected.list_tools()).tools}
            assert {"add", "load-component"} <= set(tools)
            assert tools["add"].output_schema is not None
            assert (await connected.call_tool("add", {"left": 2, "right": 3})).structured_content == {"result": 5}
            assert (await connected.call_tool("refuse", {"reason": "no"})).is_error
            assert (await connected.call_tool("list-components", {})).structured_content["total"] == 1
            with pytest.raises(MCPError) as raised:
                await connected.call_tool("nope", {})
            assert raised.value.error.code == -32602

    anyio.run(run)


@pytest.mark.parametrize("mode", MODES)
def test_a_load_reports_progress_and_its_tools_can_be_called(mode: Mode, tmp_path: Path) -> None:
    install(tmp_path)
    from tests.cli.guests import write_component

    path = write_component(tmp_path, "other", ONE_TOOL)
    seen: list[float] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        assert total == 100
        assert message
        seen.append(progress)

    async def run() -> None:
        async with client(mode) as connected:
            loaded = await connected.call_tool("load-component", {"path": str(path)}, progress_callback=progress)
            assert loaded.structured_content == {"status": "component loaded successfully", "id": "other", "tools": ["answer"]}
            assert (await connected.call_tool("answer", {})).structured_content == {"result": 42}

    anyio.run(run)
    assert seen == sorted(set(seen))
    assert seen[-1] == 100
    assert len(seen) >= 3


def test_many_calls_at_once_are_all_answered(tmp_path: Path) -> None:
    install(tmp_path)

    async def run() -> None:
        async with client("auto") as connected:
            results: dict[int, object] = {}

            async def call(number: int) -> None:
                results[number] = (await connected.call_tool("add", {"left": number, "right": 1})).structured_content

            async with anyio.create_task_group() as group:
                for number in range(50):
                    group.start_soon(call, number)
            assert results == {number: {"result": number + 1} for number in range(50)}

    anyio.run(run)


def test_a_subscription_hears_of_what_another_process_loads(tmp_path: Path) -> None:
    install(tmp_path)

    async def run() -> None:
        async with client("auto") as connected, connected.listen(tools_list_changed=True) as heard:
            await anyio.to_thread.run_sync(lambda: install(tmp_path, "other", ONE_TOOL))
            with anyio.fail_after(5):
                async for event in heard:
                    assert type(event).__name__ == "ToolsListChanged"
                    break
            assert "answer" in {tool.name for tool in (await connected.list_tools()).tools}

    anyio.run(run)


@pytest.mark.parametrize("mode", MODES)
def test_a_call_the_client_gives_up_stops_the_guest(mode: Mode, tmp_path: Path) -> None:
    install(tmp_path)

    async def run() -> None:
        async with client(mode) as connected:
            with anyio.move_on_after(0.3):
                await connected.call_tool("spin", {})
            assert (await connected.call_tool("add", {"left": 1, "right": 1})).structured_content == {"result": 2}

    anyio.run(run)
