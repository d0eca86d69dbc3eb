"""A component directory of a test's own, with components loaded and called through ComponentHost, as the commands and the server do.

Compiled code is kept between runs, beside the components that toolchain.py builds: compiling CPython takes seconds.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.toolchain import cache_dir
from wassette_py.control import Control
from wassette_py.host.component_host import ComponentHost
from wassette_py.host.outcome import CallResult
from wassette_py.reference import parse_reference
from wassette_py.settings import Settings


class Installed:
    """Components below `folder`; `environ` is what the host knows of variables."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        places = {"HOME": str(folder), "WASSETTE_CACHE_DIR": str(cache_dir() / "compiled"), "WASSETTE_COMPILE": "optimized"}
        self.host = ComponentHost(Settings.load(environ={**(environ or {}), **places}, component_dir=folder / "components"))

    def load(self, reference: str | Path, component_id: str, policy: str | None = None) -> None:
        """Loads a component under an id, with a policy's permissions (YAML, what stands below `permissions:`)."""
        text = None if policy is None else f'version: "1.0"\npermissions:\n{policy}'
        self.host.load(parse_reference(str(reference)), component_id=component_id, policy=text, control=Control())

    def call(self, tool: str, **arguments: object) -> CallResult:
        """The result of one call, made on another thread as a server makes it."""
        results: queue.Queue[CallResult] = queue.Queue()

        def work() -> None:
            self.host.start_call(tool, arguments, cancel=threading.Event(), done=results.put)

        threading.Thread(target=work, daemon=True).start()
        return results.get(timeout=120)

    def value(self, tool: str, **arguments: object) -> object:
        """The value of a call that must not fail."""
        result = self.call(tool, **arguments)
        assert result.error is None, result.lines
        return result.value

    def tools(self) -> dict[str, str]:
        """Names and descriptions."""
        return {tool.name: tool.definition.description for tool in self.host.tools()}
