"""Changes to permissions that never reach disk: for one call, or for as long as this process runs. Pure.

They are laid over the policy as its file says now, whoever changed the file meanwhile. What does not fit over it any more is left out, and
nothing is granted by that: a grant that cannot be added is not there, and what a revocation would remove is gone already.
"""

from __future__ import annotations

from collections.abc import Iterable

from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import InvalidPolicy, NotGranted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from wassette_py.policy.document import PolicyDocument
    from wassette_py.policy.grants import Permission, Revocation

Lasting: TypeAlias = 'Literal["once", "session", "always"]'
"""For the next call, until this process ends, or written to the policy file."""


@dataclass(frozen=True)
class Granted:
    """A permission more, for the component with that digest and for no other that takes its id."""

    permission: Permission
    digest: str
    once: bool


@dataclass(frozen=True)
class Revoked:
    """A permission less (None: none at all), whatever is loaded under that id."""

    permission: Revocation | None
    once: bool


Change = Granted | Revoked


def compose(policy: PolicyDocument, changes: Iterable[Change], digest: str) -> PolicyDocument:
    """`policy` with `changes` over it, in their order, for the component with that digest."""
    from wassette_py.policy.grants import grant, revoke

    for change in changes:
        try:
            if isinstance(change, Granted):
                policy = grant(policy, change.permission) if change.digest == digest else policy
            elif change.permission is None:
                policy = replace(policy, storage=(), allow=(), variables=(), secrets=(), limits={})  # what it forbids stays
            else:
                policy = revoke(policy, change.permission)
        except (InvalidPolicy, NotGranted):
            continue
    return policy


def change_json(change: Change) -> dict[str, str]:
    """`change` as get-policy shows it."""
    from wassette_py.policy.grants import describe

    permission = "everything" if change.permission is None else describe(change.permission)
    verb = "grant" if isinstance(change, Granted) else "revoke"
    return {"change": verb, "permission": permission, "lasts": "once" if change.once else "session"}
