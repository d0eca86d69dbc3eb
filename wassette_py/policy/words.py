"""Permissions as people and models type them, and back: what stands in a command line, in one place.

Wrong words are a ValueError (usage: exit 2); words that name what cannot be enforced are an InvalidPolicy (exit 1) with the nearest
form. Nothing here reads the environment or the disk: `home` and `base` (for relative paths) come from the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, assert_never, cast

from wassette_py.dataclass import dataclass
from wassette_py.errors import InvalidPolicy
from wassette_py.limits import LIMIT_NAMES, LimitName, format_limit, parse_limit
from wassette_py.policy.document import (
    NetworkCidr,
    NetworkHost,
    PolicyDocument,
    SecretGrant,
    SecretHeader,
    SecretVariable,
    StorageGrant,
    Variable,
)
from wassette_py.policy.grants import AnyLimit, AnyStorage, LimitValue, Permission, Revocation
from wassette_py.policy.network import Unenforceable, parse_cidr, parse_host_pattern
from wassette_py.policy.paths import check_glob
from wassette_py.policy.secrets import HEADER, check_format, check_header, check_host, check_secret, usual_format
from wassette_py.policy.storage import parse_directory, parse_storage_uri
from wassette_py.policy.targets import parse_target, permission_for
from wassette_py.policy.terms import check_guest, check_method, check_variable

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
KINDS = ("storage", "network", "env", "secret", *LIMIT_NAMES)
_OTHER_NAMES = {"environment": "env", "environment-variable": "env"}  # Wassette 0.8


@dataclass(frozen=True)
class Words:
    """What stands behind KIND VALUE; `access` is `read`, `read,write` or a list of these."""

    access: str | Sequence[str] | None = None
    guest: str | None = None
    methods: Sequence[str] = ()
    paths: Sequence[str] = ()
    cidr: str | None = None
    env: str | None = None
    inject: str | None = None
    header: str | None = None
    format: str | None = None

    def of(self) -> dict[str, tuple[object, ...]]:
        """The kinds that take options, with theirs."""
        return {
            "storage": (self.access, self.guest),
            "network": (self.methods, self.paths, self.cidr),
            "secret": (self.env, self.inject, self.header, self.format),
        }


NO_WORDS = Words()


def parse_permission(
    kind: str,
    value: str | None,
    words: Words = NO_WORDS,
    *,
    home: Path | None = None,
    base: Path | None = None,
) -> Permission:
    """What `policy grant ID KIND VALUE` grants. Raises ValueError, InvalidPolicy."""
    kind = _known(kind, words)
    if kind == "network":
        return _network(value, words)
    text = _needed(kind, value)
    if kind == "storage":
        return _storage(text, words, home, base)
    if kind == "secret":
        return _secret(text, words)
    with _refusals(kind):
        if kind == "env":
            return Variable(check_variable(text))
        name = cast(LimitName, kind)
        return LimitValue(name, parse_limit(name, text))


def parse_revocation(
    kind: str,
    value: str | None,
    words: Words = NO_WORDS,
    *,
    home: Path | None = None,
    base: Path | None = None,
) -> Revocation:
    """What `policy revoke ID KIND VALUE` takes back: the same words; storage without access, or a limit without value, means any."""
    known = _known(kind, words)
    if known == "storage" and not _access(words.access) and words.guest is None:
        text = _needed(known, value)
        with _refusals("storage"):
            return AnyStorage(_directory(text, home, base))
    if known in LIMIT_NAMES and value is None:
        return AnyLimit(known)
    return parse_permission(kind, value, words, home=home, base=base)


def permission_words(permission: Revocation) -> tuple[str, ...]:
    """The words behind `wassette policy grant ID`, unquoted."""
    match permission:
        case StorageGrant():
            access = "read,write" if permission.write else "read"
            return ("storage", permission.path, "--access", access, *(("--guest", permission.guest) if permission.guest else ()))
        case NetworkHost():
            methods = (word for method in permission.methods for word in ("--method", method))
            return ("network", permission.text(), *methods, *(word for path in permission.paths for word in ("--path", path)))
        case NetworkCidr():
            return ("network", "--cidr", permission.cidr)
        case Variable():
            return ("env", permission.key)
        case SecretVariable():
            return ("secret", permission.name, "--env", permission.key)
        case SecretHeader():
            where = ("--inject", permission.text(), "--header", permission.header, "--format", permission.format)
            return ("secret", permission.name, *where)
        case LimitValue():
            return (permission.name, format_limit(permission.name, permission.value))
        case AnyStorage():
            return ("storage", permission.path)
        case AnyLimit():
            return (permission.name,)
    assert_never(permission)


def command_for(component_id: str, permission: Permission) -> str:
    """The command line with which a person grants it, quoted for a shell."""
    import shlex

    return shlex.join(("wassette", "policy", "grant", component_id, *permission_words(permission)))


def command_for_denial(component_id: str, capability: str, target: str) -> str | None:
    """The command line that would allow what was denied; None when nothing can. The target may come from a guest."""
    if capability == "sockets":
        return None
    try:
        permission = permission_for(parse_target(target))
    except ValueError:
        return None
    return None if permission is None else command_for(component_id, permission)


def storage_words(policy: PolicyDocument) -> str:
    """The granted directories in one line, as the guest sees them."""
    return ", ".join(f"{grant.guest or grant.path} ({'read and write' if grant.write else 'read'})" for grant in policy.storage) or "none"


# words


def _known(kind: str, words: Words) -> str:
    """The kind's one name, when it takes the options that are given."""
    known = _OTHER_NAMES.get(kind, kind)
    if known not in KINDS:
        raise ValueError(f"{kind!r} is not a kind of permission: {', '.join(KINDS)}")
    for owner, given in words.of().items():
        if owner != known and any(given):
            raise ValueError(f"{known} does not take the options of {owner}")
    return known


def _needed(kind: str, value: str | None) -> str:
    if value is None:
        raise ValueError(f"{kind} needs a value")
    return value


def _secret(name: str, words: Words) -> SecretGrant:
    env, inject, header, pattern = words.env, words.inject, words.header, words.format
    if (env is None) == (inject is None):
        raise ValueError("secret needs either --env NAME (the component sees it) or --inject HOST (it never does)")
    if env is not None:
        if header is not None or pattern is not None:
            raise ValueError("--header and --format belong to --inject")
        with _refusals("secret"):
            return SecretVariable(check_secret(name), check_variable(env))
    with _refusals("secret"):
        host, port = check_host(cast(str, inject))
        known = HEADER if header is None else check_header(header)
        return SecretHeader(check_secret(name), host, known, usual_format(known) if pattern is None else check_format(pattern), port)


def _access(access: str | Sequence[str] | None) -> set[str]:
    texts = [access] if isinstance(access, str) else access or ()
    words = {word.strip() for text in texts for word in text.split(",")}
    if words - {"read", "write"}:
        raise ValueError(f"access is read or read,write, not {','.join(sorted(words))}")
    return words


def _storage(text: str, words: Words, home: Path | None, base: Path | None) -> StorageGrant:
    access, guest = _access(words.access), words.guest
    if not access:
        raise ValueError("storage needs --access read or --access read,write")
    with _refusals("storage"):
        if access == {"write"}:
            raise Unenforceable("a directory cannot be written without being read", "--access read,write")
        path = _directory(text, home, base)
        seen_as = None if guest is None else check_guest(guest)
    return StorageGrant(path, "write" in access, None if seen_as == path else seen_as)


def _directory(text: str, home: Path | None, base: Path | None) -> str:
    if "://" in text:
        return parse_storage_uri(text, home)
    if base is not None and text and not text.startswith(("/", "~")):
        import posixpath

        text = posixpath.normpath(posixpath.join(base.as_posix(), text)) if "*" not in text else f"{base.as_posix()}/{text}"
    return parse_directory(text, home)


def _network(value: str | None, words: Words) -> NetworkHost | NetworkCidr:
    methods, paths, cidr = words.methods, words.paths, words.cidr
    if (value is None) == (cidr is None):
        raise ValueError("network needs either a host or --cidr")
    with _refusals("network"):
        if value is None:
            if methods or paths:
                raise Unenforceable("methods and paths cannot be combined with cidr", "name the host beside them")
            return NetworkCidr(parse_cidr(cast(str, cidr)))
        scheme, host, port = parse_host_pattern(value)
        verbs = _each(methods, lambda text: check_method(text.upper()))
        return NetworkHost(host, scheme, port, verbs, _each(paths, check_glob))


def _each(texts: Sequence[str], check: Callable[[str], T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(check(text) for text in texts))


@contextmanager
def _refusals(kind: str) -> Iterator[None]:
    """What cannot be enforced becomes an InvalidPolicy that names the kind."""
    try:
        yield
    except Unenforceable as error:
        raise InvalidPolicy(f"{kind}: {error}", error.hint) from None
    except ValueError as error:
        raise InvalidPolicy(f"{kind}: {error}") from None
