"""The HTTP gate: every outgoing request is read once, judged by the policy, and refused with the interface's own error or sent on.

What is sent on goes to the egress proxy on loopback, with a ticket in the place of its path; scheme, host, port and path as they were
judged stay in this process. Redirects are answers like any other: the guest's next request is judged by itself.
"""

from __future__ import annotations

from typing import Any

from wassette_py.dataclass import dataclass
from wassette_py.policy.matching import Decision, match_target
from wassette_py.policy.network import DEFAULT_PORTS, RequestTarget, Unenforceable, host_address, parse_url
from wassette_py.policy.targets import Request
from wassette_py.policy.terms import NEVER_SENT
from wassette_py.sandbox import calling, layout, packing
from wassette_py.sandbox.egress.addresses import GRANTABLE, special
from wassette_py.sandbox.egress.route import NotSent, Route
from wassette_py.sandbox.gates.gate import Gate
from wassette_py.sandbox.gates.http_component import EXPORTS, METHODS, REQUEST, TEXT
from wassette_py.sandbox.hosting import Bodies
from wassette_py.sandbox.state import CallState

__all__ = ["EXPORTS", "TEXT", "functions"]

_METHODS = [name.upper() for name in METHODS]
_SCHEMES = ("http", "https")
_READ_REQUEST = layout.tuple_reader(REQUEST)
_PACK_U64 = packing.scalar_packer(layout.U64)

_NET = 0.25
"""Seconds past the deadline at which WASI itself gives a request up, should the proxy not have cut it."""


@dataclass(frozen=True)
class Asked:
    """A request as the guest made it."""

    method: str
    scheme: str
    authority: str
    path: str
    connect_timeout: float | None = None
    """The guest's own, in seconds: a connection to the proxy is made at once, so the proxy holds it."""

    def target(self) -> RequestTarget:
        """What is judged and dialled. Raises Unenforceable for what two readers might read differently."""
        if set(self.authority) & set("/?#\\") or "#" in self.path:
            raise Unenforceable("a host or path with a character that ends it")
        return parse_url(f"{self.scheme}://{self.authority}{self.path}")

    def is_delicate(self) -> bool:
        """Whether it is for an address whose grant is not to be suggested."""
        try:
            address = host_address(self.target().host)
        except Unenforceable:
            return False
        kind = None if address is None else special(address)
        return kind is not None and kind not in GRANTABLE

    def name(self) -> str:
        """What people read of it."""
        try:
            target = self.target()
        except Unenforceable:
            target = None
        if target is not None and target.port:
            return f"{self.method} {target}"
        has_port = ":" in self.authority.rpartition("]")[2]
        port = "" if has_port or self.scheme not in DEFAULT_PORTS else f":{DEFAULT_PORTS[self.scheme]}"
        return f"{self.method} {self.scheme}://{self.authority}{port}"


def functions(gate: Gate) -> Bodies:
    """`wasi:http/outgoing-handler`, whole."""

    def handle(call: CallState, args: Any, results: Any) -> None:
        asked = _read(gate, call, args)
        try:
            target = asked.target()
        except Unenforceable as error:
            _deny(call, asked, Decision(False, None, f"not a target a policy can name: {error}"), results)
            return
        decision = match_target(call.policy, asked.method, target)
        if not decision.allowed and not _is_final(asked, decision) and call.granted_meanwhile(Request(asked.method.upper(), target)):
            decision = match_target(call.policy, asked.method, target)
        if not decision.allowed:
            _deny(call, asked, decision, results)
            return
        route = Route(asked.method, target, asked.path, asked.connect_timeout)
        try:
            place = call.egress.place_for(call, route)
        except NotSent as error:
            call.note(f"{route.name} failed: {error}")
            packing.put(results[0], _failure("internal-error", str(error)))
            return
        call.count(route.name)
        _forward(gate, call, args, place, results)

    return {"handle": handle}


def _read(gate: Gate, call: CallState, args: Any) -> Asked:
    with gate.result(call, "request", args, 2) as result:
        method, own_method, has_scheme, scheme, own_scheme, _, authority, _, path, has_timeout, timeout = _READ_REQUEST(result)
    return Asked(
        method=_METHODS[method] if method < len(_METHODS) else own_method,
        scheme=(_SCHEMES[scheme] if scheme < len(_SCHEMES) else own_scheme.lower()) if has_scheme else "https",
        authority=authority,
        path=path if path.startswith("/") else f"/{path}",
        connect_timeout=timeout / 1e9 if has_timeout else None,
    )


def _deny(call: CallState, asked: Asked, decision: Decision, results: Any) -> None:
    call.deny("network", asked.name(), decision.reason, is_final=_is_final(asked, decision))
    packing.put(results[0], _failure("HTTP-request-denied", None))


def _is_final(asked: Asked, decision: Decision) -> bool:
    """Whether no grant helps, or none that anybody should be asked for."""
    # A deny entry wins over any grant; what is never sent is granted by none; and where a redirect to a metadata service leads
    # nobody is to be told how to follow.
    return decision.by is not None or asked.method.upper() in NEVER_SENT or asked.is_delicate()


def _failure(case: str, text: str | None) -> bytes:
    payload = None if text is None else packing.pack_option(packing.pack_string(text))
    return packing.pack_result(False, packing.pack_variant(case, payload))


def _forward(gate: Gate, call: CallState, args: Any, place: tuple[str, str], results: Any) -> None:
    """Hands the request to WASI with the proxy's authority and a ticket as path; its answer is the guest's."""
    # NOTE: a shallow copy: request and options stay wasmtime's, the two strings are ours to free.
    forwarded = (layout.Val * 5)(args[0], args[1])
    packing.put(forwarded[2], packing.pack_string(place[0]))
    packing.put(forwarded[3], packing.pack_string(place[1]))
    packing.put(forwarded[4], _PACK_U64(int((call.time_left() + _NET) * 1e9)))
    try:
        gate.call(call, "forward", forwarded, 5, results[0])
    finally:
        calling.delete(forwarded[2])
        calling.delete(forwarded[3])
