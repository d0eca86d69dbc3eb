"""Host functions of ours: a Python function on the call it belongs to, as a callback for any number of linkers.

`calling.host_function` lets nothing out of a callback; what goes wrong in one is kept on its call, so that it is not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wassette_py.sandbox import calling, layout
from wassette_py.sandbox.native import WasmtimeError, new_error
from wassette_py.sandbox.state import CALLS, CallState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

HostFunction: TypeAlias = "Callable[[CallState, Any, Any], None]"
"""(the call, args, results)."""

Bodies = Mapping[str, HostFunction]
"""The functions of one interface, by name."""
Functions: TypeAlias = "Mapping[str, Any]"
"""The same as `hosted` makes them; keep it as long as a linker that has them."""

_NOT_YET = "nothing of a call is there before it is made"


def hosted(body: HostFunction) -> Any:
    """The callback that runs `body` for whichever call reaches it."""

    def run(context: int, args: Any, results: Any) -> None:
        call = CALLS[context]
        if call.is_ahead:
            raise WasmtimeError(_NOT_YET)
        try:
            body(call, args, results)
        except WasmtimeError:  # a gate was stopped: the guest is too
            raise
        except Exception as error:
            call.failure = error
            raise

    return calling.host_function(run)


def hosted_number(read: Callable[[], int]) -> Any:
    """The callback that returns the u64 of `read` to whichever call asks: for what guests ask all the time, with nothing in its way."""

    def run(_env: Any, context: int, _type: Any, _args: Any, _nargs: int, results: int, _nresults: int) -> int:
        call = CALLS.get(context)
        if call is None or call.is_ahead:
            return new_error(_NOT_YET)
        layout.put_integer(results, read())
        return 0

    return calling.PLAIN_CALLBACK(run)
