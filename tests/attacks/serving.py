"""Components and servers for attacks: what is loaded is loaded as a person would, what is called is called over stdio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.sandbox.guests import ENVIRONMENT, component
from wassette_py.host import ComponentHost

HOST_CALLS = component(
    imports="""(import "wasi:cli/environment@0.2.3" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))))""",
    lowers={"get-environment": ('$environment "get-environment"', "(param i32)")},
    code="""(func (export "ask-often") (param i32) (result i32)
      (loop $more (call $get-environment (i32.const 0))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $more (local.get 0))) (i32.const 7))""",
    exports={"ask-often": '(param "times" u32) (result u32)'},
)
"""Calls into the host as often as it is told, and every call is one of Python's."""

__all__ = ["ENVIRONMENT", "HOST_CALLS", "limits", "set_policy", "text_of"]


def text_of(result: dict[str, Any]) -> str:
    """The text of a tools/call result."""
    return "\n".join(part["text"] for part in result["content"])


def set_policy(host: ComponentHost, component_id: str, permissions: str) -> Path:
    """Replaces the policy of a component, as `policy set` does."""
    host.policies.replace(component_id, f"version: '1.0'\npermissions: {permissions}\n", "set")
    return host.store.policy_path(component_id)


def limits(**given: str) -> str:
    """Permissions that only limit."""
    return "{resources: {limits: {" + ", ".join(f"{name}: {value}" for name, value in given.items()) + "}}}"
