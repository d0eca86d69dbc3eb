"""Single words of a policy that a file and a command line share: methods, variables, tool patterns, guest paths."""

from __future__ import annotations

import re

from wassette_py.policy.network import Unenforceable
from wassette_py.policy.storage import parse_directory

NEVER_SENT = ("CONNECT", "TRACE")
"""A tunnel would leave every rule behind; an echo of the request would show what was added to it on the way."""


def check_method(text: str) -> str:
    """An HTTP method in upper case that can be granted. Raises Unenforceable."""
    if text in NEVER_SENT:
        raise Unenforceable(f"{text} is never sent for a component", None)
    return read_method(text)


def read_method(text: str) -> str:
    """Any HTTP method in upper case. Raises Unenforceable."""
    if re.fullmatch(r"[A-Z][A-Z0-9!#$%&'+.^_`|~-]*", text) is None:
        raise Unenforceable(f"{text!r} is not an HTTP method in upper case", text.upper() if text.isascii() and text.isalpha() else None)
    return text


def check_variable(text: str) -> str:
    """The name of one variable. Raises Unenforceable."""
    if "*" in text:
        raise Unenforceable("variables are granted one by one, not by a pattern", None)
    if not _is_variable(text):
        near = text.partition("=")[0].strip()
        raise Unenforceable(f"{text!r} is not the name of a variable", near if _is_variable(near) else None)
    return text


def _is_variable(text: str) -> bool:
    return re.fullmatch(r"[^\s=-][^\s=]*", text) is not None and text.isprintable()


def check_tool_pattern(text: str) -> str:
    """A tool's name without prefix, in which * stands for any characters. Raises Unenforceable."""
    if re.fullmatch(r"[A-Za-z0-9._*-]+", text) is None:
        raise Unenforceable(f"{text!r} is not a tool's name or a pattern such as get-*", None)
    return text


def check_access(text: str) -> str:
    """One word of `access`. Raises Unenforceable."""
    if text not in ("read", "write"):
        raise Unenforceable(f"access is read or write, not {text!r}", "access: [read]")
    return text


def check_guest(text: str) -> str:
    """Where the guest sees a directory: absolute and normalised. Raises Unenforceable."""
    if text.startswith("~"):
        raise Unenforceable("the guest has no home directory", "/home")
    return parse_directory(text, None)
