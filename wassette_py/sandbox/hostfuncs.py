"""The interfaces this program provides itself, as host functions: variables, configuration, logging, the wall clock, and no sockets.

Guest and host see the granted variables alone. Asking for one that is not granted is noted, and answered as if it did not exist.
"""

from __future__ import annotations

import time

from wassette_py.sandbox import calling, layout, packing
from wassette_py.sandbox.hosting import Functions, hosted, hosted_number
from wassette_py.sandbox.state import CallState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PACK_U32 = packing.scalar_packer(layout.U32)
_PACK_U64 = packing.scalar_packer(layout.U64)


@hosted
def _get_environment(call: CallState, _args: Any, results: Any) -> None:
    call.asked_for_variables = True
    packing.put(results[0], _pairs(call))


@hosted
def _get_arguments(_call: CallState, _args: Any, results: Any) -> None:
    packing.put(results[0], packing.pack_list(b""))


@hosted
def _initial_cwd(_call: CallState, _args: Any, results: Any) -> None:
    packing.put(results[0], packing.pack_option(None))


@hosted
def _get(call: CallState, args: Any, results: Any) -> None:
    from wassette_py.policy.matching import match_variable

    call.asked_for_variables = True
    key = layout.read_string(args[0])
    value = call.variables.get(key)
    decision = match_variable(call.policy, key)
    if not decision.allowed:
        call.deny("environment", f"env {key}", decision.reason)
    packing.put(results[0], packing.pack_result(True, packing.pack_option(None if value is None else packing.pack_string(value))))


@hosted
def _get_all(call: CallState, _args: Any, results: Any) -> None:
    call.asked_for_variables = True
    packing.put(results[0], packing.pack_result(True, _pairs(call)))


@hosted
def _log(call: CallState, args: Any, _results: Any) -> None:
    level, context, message = (layout.read_string(args[index]) for index in range(3))
    line = f"{level} {context}: {message}\n" if context else f"{level}: {message}\n"
    call.capture(call.stderr, line.encode())


@hosted
def _wall_now(_call: CallState, _args: Any, results: Any) -> None:
    packing.put(results[0], _datetime(time.time_ns()))


@hosted
def _wall_resolution(_call: CallState, _args: Any, results: Any) -> None:
    packing.put(results[0], _datetime(1))


def _datetime(nanoseconds: int) -> bytes:
    seconds, rest = divmod(nanoseconds, 10**9)
    return packing.pack_record([("seconds", _PACK_U64(seconds)), ("nanoseconds", _PACK_U32(rest))])


@hosted
def _create_tcp_socket(call: CallState, _args: Any, results: Any) -> None:
    _refuse_socket(call, "tcp", results)


@hosted
def _create_udp_socket(call: CallState, _args: Any, results: Any) -> None:
    _refuse_socket(call, "udp", results)


def _refuse_socket(call: CallState, kind: str, results: Any) -> None:
    call.deny("sockets", kind, "raw sockets are not given to components")
    packing.put(results[0], packing.pack_result(False, packing.pack_enum("access-denied")))


@hosted
def _resolve_addresses(call: CallState, args: Any, results: Any) -> None:
    call.deny("sockets", f"look-up {layout.read_string(args[1])}", "names are looked up for granted HTTP requests, not for components")
    calling.drop_borrowed(call.context, args[0])
    packing.put(results[0], packing.pack_result(False, packing.pack_enum("permanent-resolver-failure")))


@hosted
def _of_a_stream(_call: CallState, _args: Any, _results: Any) -> None:  # pragma: no cover - there never is such a stream
    raise NotImplementedError("no look-up succeeds")


def _pairs(call: CallState) -> bytes:
    return packing.pack_list(
        b"".join([packing.pack_tuple(packing.pack_string(key) + packing.pack_string(value)) for key, value in call.variables.items()])
    )


MONOTONIC_CLOCK: Functions = {"now": hosted_number(time.monotonic_ns), "resolution": hosted_number(lambda: 1)}
ENVIRONMENT: Functions = {"get-environment": _get_environment, "get-arguments": _get_arguments, "initial-cwd": _initial_cwd}
CONFIG: Functions = {"get": _get, "get-all": _get_all}
WALL_CLOCK: Functions = {"now": _wall_now, "resolution": _wall_resolution}
LOGGING: Functions = {"log": _log}
TCP: Functions = {"create-tcp-socket": _create_tcp_socket}
UDP: Functions = {"create-udp-socket": _create_udp_socket}
LOOKUP: Functions = {
    "resolve-addresses": _resolve_addresses,
    "[method]resolve-address-stream.resolve-next-address": _of_a_stream,
    "[method]resolve-address-stream.subscribe": _of_a_stream,
}

BY_NAME: dict[str, Functions] = {
    "wasi:config/store@0.2.0-draft": CONFIG,
    "wasi:config/store@0.2.0-rc.1": CONFIG,
    "wasi:config/runtime@0.2.0-draft": CONFIG,
    "wasi:logging/logging@0.1.0-draft": LOGGING,
    "wasi:logging/logging": LOGGING,
}
"""Pre-releases match exactly only: each published name."""

BY_INTERFACE: dict[str, Functions] = {
    "wasi:cli/environment": ENVIRONMENT,
    "wasi:clocks/wall-clock": WALL_CLOCK,
    "wasi:sockets/tcp-create-socket": TCP,
    "wasi:sockets/udp-create-socket": UDP,
    "wasi:sockets/ip-name-lookup": LOOKUP,
}
"""Any 0.2.x of them."""

BESIDE_GATES: dict[str, Functions] = {"wasi:clocks/monotonic-clock": MONOTONIC_CLOCK}
"""What takes no gate of an interface that has one."""

RESOURCES: dict[str, str] = {"wasi:sockets/ip-name-lookup": "resolve-address-stream"}
"""The resource type of an interface above that has one of its own."""
