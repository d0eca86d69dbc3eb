"""Calls that a command line makes: of what is fetched and verified but not installed, of an installed component, and measured.

Each is opened first, without arguments, so that these can be read by the types of its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from wassette_py.errors import InvalidArguments
from wassette_py.host.caller import Call

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.host.component_host import ComponentHost
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.reference import Reference
    from wassette_py.sandbox.measuring import Measured

_Tool = TypeVar("_Tool")


def opened(host: ComponentHost, reference: Reference, tool: str | None, control: Control, policy: PolicyDocument | None = None) -> Call:
    """A call (without arguments, under `policy` or none) of one tool of `reference`, fetched and verified but not installed."""
    return opened_with_bytes(host, reference, tool, control, policy)[0]


def opened_with_bytes(
    host: ComponentHost, reference: Reference, tool: str | None, control: Control, policy: PolicyDocument | None = None
) -> tuple[Call, bytes]:
    """What `opened` opens, and the component."""
    from wassette_py.policy.document import EMPTY
    from wassette_py.policy.matching import match_tool

    policy = policy or EMPTY
    with host.recorder.operation("open", reference.default_id, reference=str(reference)) as learnt:
        verified = host.verifier.verified(reference, control)
        fetched = verified.fetched
        learnt |= {"digest": str(fetched.digest), "signer": verified.signer.text}
        component, description = host.loader.compiled(fetched, "", control)
    definition = _chosen(str(reference), tool, {one.name: one for one in description.tools if match_tool(policy, one.name).allowed})
    function = next(f for f in component.type.exports if (f.interface, f.name) == (definition.interface, definition.function))
    return Call(reference.default_id or "component", component, function, {}, policy, {}, definition.name), fetched.wasm


def opened_installed(host: ComponentHost, component_id: str, tool: str | None) -> Call:
    """A call (without arguments) of one tool of an installed component, under its policy. Raises WassetteError."""
    host.store.record(component_id)
    tools = {tool.name: tool for tool in host.tools() if tool.component == component_id}
    return host.caller.prepared(_chosen(component_id, tool, tools), {})


def measured(host: ComponentHost, call: Call, wasm: bytes, *, calls: int, control: Control) -> Measured:
    """What `call`, of the component `wasm`, costs; on this thread, without secrets. Raises WassetteError."""
    from wassette_py.sandbox.call import CallSpec
    from wassette_py.sandbox.measuring import measure
    from wassette_py.wit.values import read_arguments

    values = read_arguments(call.function, call.arguments)
    known = host.settings.environ
    variables = {variable.key: known[variable.key] for variable in call.policy.variables if variable.key in known}
    spec = CallSpec(call.component_id, call.function, values, call.policy, host.policies.check(call.policy), variables)
    folder = host.settings.cache_dir
    return measure(host.sandbox, call.component, wasm, spec, calls=calls, folder=folder, control=control)


def _chosen(where: str, tool: str | None, tools: Mapping[str, _Tool]) -> _Tool:
    """The tool of that name, or the only one there is. Raises InvalidArguments, naming those there are."""
    chosen = tools.get(tool) if tool else next(iter(tools.values())) if len(tools) == 1 else None
    if chosen is None:
        asked = f"{where} has no tool {tool!r}" if tool else f"{where} has several tools; say which" if tools else f"{where} has no tool"
        raise InvalidArguments(asked, f"one of: {', '.join(tools)}" if tools else None)
    return chosen
