"""Storage grants: `fs://` URIs, and which directories can be granted beside each other.

A grant becomes a preopen: a directory with everything below it. What a preopen cannot hold is refused here. Nothing looks at the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wassette_py.policy.document import StorageGrant
from wassette_py.policy.network import Unenforceable

if TYPE_CHECKING:
    from pathlib import Path


def parse_storage_uri(text: str, home: Path | None) -> str:
    """The absolute, normalised path of `fs://PATH`, `fs://~/…` or either with `/**` behind it. Raises Unenforceable."""
    scheme, separator, path = text.partition("://")
    if not separator:
        raise Unenforceable("a storage uri starts with fs://", f"fs://{text}")
    if scheme != "fs":
        raise Unenforceable(f"only directories can be granted, as fs://, not {scheme}://", f"fs://{path}")
    try:
        return parse_directory(path, home)
    except Unenforceable as error:
        raise Unenforceable(str(error), f"fs://{error.hint}" if error.hint else None) from None


def parse_directory(text: str, home: Path | None) -> str:
    """The absolute, normalised path of a directory as a grant names it. Raises Unenforceable; its hint is a path."""
    path = parse_path(text.removesuffix("/**") or "/" if text.endswith("/**") else text, home)
    parts = path.split("/")
    for position, part in enumerate(parts):
        if "*" in part:
            what = "one level alone" if parts[position:] == ["*"] else "a pattern"
            reason = f"{what} cannot be granted: a directory is granted with everything below it"
            raise Unenforceable(reason, "/".join(parts[:position]) or "/")
    return path


def parse_path(text: str, home: Path | None) -> str:
    """An absolute path, normalised; `~` is `home`. Raises Unenforceable; its hint is a path."""
    if text == "~" or text.startswith("~/"):
        if home is None:
            raise Unenforceable("there is no home directory for ~", f"/home/me{text[1:]}")
        text = f"{home.as_posix()}{text[1:]}"
    if not text.startswith("/"):
        raise Unenforceable("a path must be absolute", f"/absolute/path/{text.removeprefix('./')}" if text else "/absolute/path")
    if not text.isprintable():
        raise Unenforceable("a path holds a control character", None)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Unenforceable("a path must not hold ..", _climbed(parts))
    return "/" + "/".join(parts)


def _climbed(parts: list[str]) -> str:
    result = list[str]()
    for part in parts:
        if part == "..":
            del result[-1:]
        else:
            result.append(part)
    return "/" + "/".join(result)


def covers(outer: str, inner: str) -> bool:
    """Whether directory `outer` is `inner` or above it; both normalised."""
    return outer in ("/", inner) or inner.startswith(f"{outer}/")


def check_together(grants: Sequence[StorageGrant], new: StorageGrant) -> None:
    """Whether `new` can be enforced beside `grants`. Raises Unenforceable with the nearest form that can."""
    for other in grants:
        for outer, inner in ((other, new), (new, other)):
            if outer.path != inner.path and covers(outer.path, inner.path) and outer.write and not inner.write:
                reason = f"read access to {inner.path} is narrower than the write access to {outer.path} above it, which reaches inside"
                raise Unenforceable(reason, f"grant read and write for {inner.path}, or only read for {outer.path}")
        if other.path != new.path and (other.guest or other.path) == (new.guest or new.path):
            raise Unenforceable(
                f"the guest would see both {other.path} and {new.path} at {new.guest or new.path}", "choose another guest path"
            )
