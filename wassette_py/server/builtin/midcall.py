"""A component asks in the middle of a call: a person sees what it wants to send where, and the call goes on with their answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wassette_py.errors import Refused
from wassette_py.policy.grants import describe
from wassette_py.policy.words import permission_words
from wassette_py.server.builtin.bench import PERMISSION_CHOICES, Matter

if TYPE_CHECKING:
    from wassette_py.host.overlay import Lasting
    from wassette_py.host.wanting import Wanted
    from wassette_py.server.builtin.bench import Bench
    from wassette_py.server.seam import CallContext

_CHOICES = {**PERMISSION_CHOICES, "once": "for the rest of this call; it waits for you"}


def decided(bench: Bench, wanted: Wanted, context: CallContext) -> Lasting:
    """How long a person grants it. Raises Refused, Cancelled."""
    host = wanted.permission.host
    if any(bench.host.secrets.redactor.text(text) != text for text in (host, host.upper())):
        raise Refused(f"a running call of {wanted.component!r} asks for a host whose name holds a secret; nobody is asked about that")
    command = ("policy", "grant", wanted.component, *permission_words(wanted.permission))
    shown = {
        "component": wanted.component,
        "digest": wanted.digest,
        "it wants": wanted.request,
        "permission": describe(wanted.permission),
    }
    what = f"granting a network permission to {wanted.component!r}"
    return bench.lasting(Matter(what, command, shown, _CHOICES, who="a running call"), context)
