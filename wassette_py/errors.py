"""Every exception this program raises on purpose, with the exit code and the hint that go with it.

```
WassetteError                      exit 1   something failed
├─ InvalidReference                         a reference that does not parse
├─ InvalidSettings                          config.yaml, a WASSETTE_ variable or a flag that sets one
├─ InvalidPolicy                            a capability policy: file, line, key, reason, nearest enforceable form
├─ NotGranted                               a permission to revoke that the policy does not hold
├─ InvalidTrustPolicy                       trust.yaml, the same
├─ InvalidProject                           wassette.yaml and wassette.lock
├─ SecretError                              the operator's secrets cannot be read or written
│   └─ MissingSecret(names)                 one that is asked for has no value
├─ InvalidArguments                         tool arguments: JSON path and what was expected
├─ FetchError                               bytes could not be had
│   ├─ NotFound                             there is no such file, repository, tag or page
│   ├─ RegistryError(code, status)          the registry answered with an error
│   └─ DigestMismatch(got, want)            the bytes are not the ones asked for
├─ StoreError                               the component directory
│   ├─ UnknownComponent                     no component of that id
│   ├─ NameTaken(prefix)                    a tool's name is another component's, or a built-in tool's
│   └─ Locked                               another process holds the lock for too long
├─ Cancelled                       exit 130 a person or a client ended it
├─ Refused                         exit 3   wassette said no: scripts can tell refusal from breakage
│   ├─ VerificationError                    who made it is not proven
│   │   ├─ Unsigned                         nothing vouches for it
│   │   └─ UntrustedSigner                  somebody does, whom no rule names
│   └─ Drift                                what is there is not what was agreed to
└─ GuestError                               the component, not us
    ├─ Trap                                 it stopped itself
    ├─ LimitExceeded(limit)                 "memory" | "timeout" | "output" | "stack" | "busy" | ...
    └─ InvalidComponent                     it is not a component this program can run
```

Messages are one sentence in lower case without a full stop. A hint is a command or a line one can paste.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Never, NoReturn


def assert_never(value: Never) -> NoReturn:
    """`typing.assert_never`, without importing typing: a type checker has seen that nobody comes here."""
    raise AssertionError(f"nobody expected {value!r}")


def command(*words: object) -> str:
    """A command line for a hint, quoted for a shell."""
    import shlex

    return shlex.join(map(str, words))


class WassetteError(Exception):
    """Something failed; `str()` is the message, `hint` what to do about it (or None)."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class InvalidReference(WassetteError):
    """A reference that does not parse."""


class InvalidSettings(WassetteError):
    """A setting that is unknown or has no meaning."""


class InvalidPolicy(WassetteError):
    """A capability policy that cannot be enforced as written."""


class NotGranted(WassetteError):
    """A permission to revoke that the policy does not hold."""


class InvalidTrustPolicy(WassetteError):
    """A trust policy that cannot be enforced as written."""


class InvalidProject(WassetteError):
    """A project file or a lock that says nothing one could act on."""


class SecretError(WassetteError):
    """The operator's secrets cannot be read or written. The text never holds a value."""


class MissingSecret(SecretError):
    """Secrets that are asked for and have no value."""

    def __init__(self, names: Sequence[str], wanted_by: Mapping[str, str] | None = None) -> None:
        words = [f"{name} (of {wanted_by[name]})" if wanted_by else name for name in names]
        what = "the secret" if len(words) == 1 else "the secrets"
        super().__init__(f"{what} {', '.join(words)} {'has' if len(words) == 1 else 'have'} no value", _commands(names))
        self.names = tuple(names)


def _commands(names: Sequence[str]) -> str:
    return "\n".join(f"wassette secret set {name}" for name in names)


class InvalidArguments(WassetteError):
    """Tool arguments that do not fit the schema; the message names the JSON path."""


class FetchError(WassetteError):
    """The bytes of a reference could not be had."""


class NotFound(FetchError):
    """There is no such file, repository, tag or page."""


class RegistryError(FetchError):
    """The registry answered with an error: its OCI error code ("" when it gave none) and the HTTP status."""

    def __init__(self, message: str, hint: str | None = None, *, code: str = "", status: int = 0) -> None:
        super().__init__(message, hint)
        self.code = code
        self.status = status


class DigestMismatch(FetchError):
    """Bytes that are not the ones asked for."""

    def __init__(self, got: str, want: str, *, what: str = "", after: int | None = None) -> None:
        where = f"{what}: " if what else ""
        read = "" if after is None else f" after {after} bytes"
        super().__init__(f"{where}digest mismatch{read}: got {got}, want {want}")
        self.got = got
        self.want = want


class StoreError(WassetteError):
    """The component directory cannot be read or written, or says no."""


class UnknownComponent(StoreError):
    """No component of that id is installed."""

    def __init__(self, component_id: str) -> None:
        super().__init__(f"no component {component_id!r} is installed", "wassette component list")
        self.component_id = component_id


class NameTaken(StoreError):
    """A tool's name is that of another component's tool, or of a built-in one; `prefix` would tell them apart."""

    def __init__(self, message: str, hint: str, *, prefix: str) -> None:
        super().__init__(message, hint)
        self.prefix = prefix


class Locked(StoreError):
    """Another process holds the store's lock for longer than one waits."""


class Cancelled(WassetteError):
    """A person or a client ended the work; nothing was changed."""

    exit_code = 130


class Refused(WassetteError):
    """Wassette said no."""

    exit_code = 3


class VerificationError(Refused):
    """Who made these bytes is not proven."""


class Unsigned(VerificationError):
    """Nothing vouches for these bytes."""


class UntrustedSigner(VerificationError):
    """Somebody vouches for these bytes whom no rule names."""


class Drift(Refused):
    """What is there now is not what a person agreed to: another signer, other tools, an older version, a lock that does not fit."""


class GuestError(WassetteError):
    """The component failed, not this program."""


class Trap(GuestError):
    """The guest stopped itself: unreachable, out of bounds, division by zero, ..."""


class LimitExceeded(GuestError):
    """A limit of the call was reached; `limit` names it ("memory", "timeout", "output", "stack", "busy")."""

    def __init__(self, message: str, hint: str | None = None, *, limit: str) -> None:
        super().__init__(message, hint)
        self.limit = limit


class InvalidComponent(GuestError):
    """The bytes are not a component this program can run."""
