"""What commands that sign share: the key's file and its password, which is never an argument."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wassette_py.cli.arguments import read_text
from wassette_py.errors import InvalidArguments

if TYPE_CHECKING:
    from wassette_py.trust.private_keys import PrivateKey

PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", metavar="FILE", help="The key's password (-: stdin; default: asked for).")
]


def read_key(path: Path, password_file: Path | None) -> PrivateKey:
    """The private key in `path`. Raises NotFound, InvalidArguments."""
    from wassette_py.trust.private_keys import read_private_key

    pem = read_text(path)
    return read_private_key(pem, read_password(password_file, f"Password of {path}"))


def read_password(password_file: Path | None, prompt: str, *, twice: bool = False) -> bytes:
    """The password in a file, without its line end, or typed by a person. Raises InvalidArguments when there is neither."""
    if password_file is not None:
        return read_text(password_file).rstrip("\r\n").encode()
    if not sys.stdin.isatty():
        raise InvalidArguments("there is no terminal to ask for the password", "--password-file FILE")
    typed: str = typer.prompt(prompt, hide_input=True, err=True, confirmation_prompt=twice)
    return typed.encode()
