"""The order of operations: load, unload, list, call, grant, revoke. Everything it needs is below it; it decides nothing itself.

Nothing here imports an engine until a component is compiled or called, so that a server can answer before that.
"""

from __future__ import annotations

from wassette_py.host.caller import Call
from wassette_py.host.component_host import ComponentHost
from wassette_py.host.outcome import CallResult, DeniedLine
from wassette_py.host.tools import BUILTIN_NAMES, HostedTool
from wassette_py.host.verifying import Judged

__all__ = ["BUILTIN_NAMES", "Call", "CallResult", "ComponentHost", "DeniedLine", "HostedTool", "Judged"]
