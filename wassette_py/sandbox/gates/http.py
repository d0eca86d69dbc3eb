"""The HTTP gate: every outgoing request is looked at, and refused with the interface's own error.

Serving requests is another part's work; until then a request the policy grants is refused too, with a reason that says so.
"""

from __future__ import annotations

from typing import Any

from wassette_py.policy.matching import match_request
from wassette_py.sandbox import layout
from wassette_py.sandbox.codec import lifter
from wassette_py.sandbox.gates.gate import MEMORY, Gate
from wassette_py.sandbox.hosting import Functions, hosted
from wassette_py.sandbox.state import CallState
from wassette_py.wit.types import OptionType, StringType, VariantType

EXPORTS: tuple[str, ...] = ("method", "scheme", "authority", "path")
NOT_SERVED = "outgoing HTTP is not served yet"

_METHODS = ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")
_METHOD = VariantType((*((name, None) for name in _METHODS), ("other", StringType())))
_SCHEME = VariantType((("HTTP", None), ("HTTPS", None), ("other", StringType())))
_LIFT_METHOD = lifter(_METHOD)
_LIFT_SCHEME = lifter(OptionType(_SCHEME))
_LIFT_TEXT = lifter(OptionType(StringType()))
_PORTS = {"http": "80", "https": "443"}

_WIT = {"method": "$method", "scheme": "(option $scheme)", "authority": "(option string)", "path": "(option string)"}
_GETTERS = {"method": "method", "scheme": "scheme", "authority": "authority", "path": "path-with-query"}


def _each(template: str) -> str:
    return "\n".join(
        template.replace("NAME", name).replace("GETTER", _GETTERS[name]).replace("RESULT", result) for name, result in _WIT.items()
    )


_CASES = " ".join(f'(case "{name}")' for name in _METHODS)
_IMPORTS = _each('(export "[method]outgoing-request.GETTER" (func (param "self" (borrow $request)) (result RESULT)))')
_LOWERED = _each(
    """(core func $NAME (canon lower (func $types "[method]outgoing-request.GETTER")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))"""
)
_CODE = _each(
    """(func (export "NAME") (param i32) (result i32)
      (call $forget) (call $NAME (local.get 0) (i32.const 0)) (call $drop (local.get 0)) (i32.const 0))"""
)
_LIFTED = _each(
    """(func (export "NAME") (param "request" (borrow $request)) (result RESULT)
    (canon lift (core func $code "NAME") (memory (core memory $memory "memory"))))"""
)

TEXT = f"""
(component
  (import "wasi:http/types@0.2.3" (instance $types
    (export "outgoing-request" (type $request (sub resource)))
    (type $m (variant {_CASES} (case "other" string))) (export "method" (type $method (eq $m)))
    (type $s (variant (case "HTTP") (case "HTTPS") (case "other" string))) (export "scheme" (type $scheme (eq $s)))
    {_IMPORTS}))
  (alias export $types "outgoing-request" (type $request))
  (alias export $types "method" (type $method))
  (alias export $types "scheme" (type $scheme))
  {MEMORY}
  {_LOWERED}
  (core func $drop (canon resource.drop $request))
  (core module $code
    (import "memory" "forget" (func $forget))
    (import "" "drop" (func $drop (param i32)))
    {_each('(import "" "NAME" (func $NAME (param i32 i32)))')}
    {_CODE})
  (core instance $code (instantiate $code (with "memory" (instance $memory)) (with "" (instance
    (export "drop" (func $drop)) {_each('(export "NAME" (func $NAME))')}))))
  {_LIFTED})
"""


def functions(gate: Gate) -> Functions:
    """`wasi:http/outgoing-handler`, whole."""

    @hosted
    def handle(call: CallState, args: Any, results: Any) -> None:
        values = {}
        for name, lift in (("method", _LIFT_METHOD), ("scheme", _LIFT_SCHEME), ("authority", _LIFT_TEXT), ("path", _LIFT_TEXT)):
            with gate.result(call, name, args, 1) as packed:
                values[name] = lift(packed, 0)
        _deny(call, **values)
        layout.put(results[0], layout.pack_result(False, layout.pack_variant("HTTP-request-denied", None)))

    return {"handle": handle}


_Named = tuple[str, str | None]


def _deny(call: CallState, *, method: _Named, scheme: tuple[_Named] | None, authority: tuple[str] | None, path: tuple[str] | None) -> None:
    verb = method[1] or method[0].upper()
    protocol = "https" if scheme is None else (scheme[0][1] or scheme[0][0]).lower()
    host = authority[0] if authority else ""
    target = f"{protocol}://{_with_port(host, protocol)}"
    route = path[0] if path else "/"
    decision = match_request(call.policy, verb, target + (route if route.startswith("/") else f"/{route}"))
    call.deny("network", f"{verb} {target}", NOT_SERVED if decision.allowed else decision.reason)


def _with_port(authority: str, scheme: str) -> str:
    """`authority` with the port that its scheme means."""
    has_port = ":" in authority.rpartition("]")[2]
    return authority if has_port or scheme not in _PORTS else f"{authority}:{_PORTS[scheme]}"
