"""The official conformance suite, both revisions, through the bridge; and the official Inspector, over stdio."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.bridge import Bridge
from tests.conformance.fixtures import SERVER, fixture_component, made
from tests.server.process import install
from tests.toolchain import node_command, node_environment, npm_packages
from wassette_py.control import Control
from wassette_py.host import ComponentHost
from wassette_py.reference import parse_reference
from wassette_py.settings import Settings

HERE = Path(__file__).resolve().parent
SCORED = {"2025-11-25": 30, "2026-07-28": 37}


def packages() -> Path:
    return npm_packages(HERE / "npm") / "@modelcontextprotocol"


@pytest.mark.toolchain
@pytest.mark.parametrize("revision", SCORED)
def test_the_official_suite_finds_nothing_that_is_not_argued(revision: str, tmp_path: Path) -> None:
    ComponentHost(Settings.load()).load(parse_reference(str(fixture_component())), component_id="fixture", control=Control())
    suite = packages() / "conformance" / "dist" / "index.js"
    expected = HERE / f"expected-failures-{revision}.yml"
    settings = Settings.load()
    settings.config_dir.mkdir(parents=True, exist_ok=True)
    scope = f'{{match: "file://{tmp_path}", unsigned: allow, reason: made here}}'
    settings.trust_file.write_text(f"version: 1\ndefault: deny\nscopes:\n  - {scope}\n")
    with Bridge(SERVER, {**os.environ, "WASSETTE_GRANTS": "ask"}, made(tmp_path)) as bridge:
        options: list[str | Path] = [
            "--url",
            bridge.url,
            "--requirements",
            revision,
            "--expected-failures",
            expected,
            "-o",
            tmp_path / "out",
        ]
        done = subprocess.run(
            node_command(suite, "server", *options), cwd=tmp_path, env=node_environment(), capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert len(re.findall(r"=== Running scenario", done.stdout)) >= SCORED[revision]


@pytest.mark.toolchain
@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_lists_and_calls(era: str, tmp_path: Path) -> None:
    install(tmp_path)

    def inspect(*arguments: str) -> dict[str, Any]:
        options = ["--cli", *SERVER, *arguments, "--protocol-era", era, "--format", "json"]
        environment = {**node_environment(), **os.environ, "PATH": node_environment()["PATH"]}
        tool = node_command(packages().parent / ".bin" / "mcp-inspector", *options)
        done = subprocess.run(tool, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    listed = inspect("--method", "tools/list")
    assert "add" in json.dumps(listed)
    called = inspect("--method", "tools/call", "--tool-name", "add", "--tool-args-json", '{"left": 2, "right": 3}')
    assert '"result": 5' in json.dumps(called)
