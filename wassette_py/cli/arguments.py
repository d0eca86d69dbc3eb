"""Arguments that several commands take, and the files and JSON texts they name."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from wassette_py.cli.options import Session
from wassette_py.errors import InvalidArguments, NotFound, StoreError, UnknownComponent, WassetteError

MAX_FILE = 16 << 20


def installed_ids() -> list[str]:
    """For shell completion: the installed ids. A shell that completes wants an answer or nothing, never an error."""
    try:
        return [entry.id for entry in Session().host.entries()]
    except WassetteError:
        return []


def served_names() -> list[str]:
    """For shell completion: the tools that are served."""
    try:
        return [tool.name for tool in Session().host.tools()]
    except WassetteError:
        return []


ComponentId = Annotated[str, typer.Argument(metavar="ID", help="The component's id.", autocompletion=installed_ids)]
ReferenceText = Annotated[
    str, typer.Argument(metavar="REF", help="A path, file://…, https://…#sha256=…, oci://registry/repository:tag or oci-layout:///dir:tag.")
]
Assignments = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Arguments: strings as they are, everything else as JSON.")
]
JsonArguments = Annotated[str | None, typer.Option("--json", metavar="JSON|-", help="All arguments as one JSON object (-: from stdin).")]


def is_installed(session: Session, target: str) -> bool:
    """Whether `target` is installed, which wins over a file of that name. Raises UnknownComponent for a bare word that is neither, and
    StoreError for what is installed and cannot be read."""
    entry = next((entry for entry in session.host.entries() if entry.id == target and entry.status != "foreign"), None)
    if entry is not None and entry.record is None:
        raise StoreError(f"{target!r} is broken: {entry.problem}", f"wassette component unload {target}")
    if entry is not None:
        return True
    if target.isalnum() and not Path(target).exists():
        raise UnknownComponent(target)
    return False


def read_text(path: Path) -> str:
    """The text of a file that a person named; `-` is stdin. Raises NotFound or WassetteError."""
    try:
        with sys.stdin.buffer if str(path) == "-" else path.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise WassetteError(f"{path}: larger than {MAX_FILE} bytes")
        return data.decode()
    except FileNotFoundError as error:
        raise NotFound(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise WassetteError(f"{path}: not a UTF-8 text") from error


def read_json_object(text: str) -> Mapping[str, object]:
    """The JSON object that `text` (`-`: stdin) is. Raises InvalidArguments."""
    try:
        value = json.loads(read_text(Path("-")) if text == "-" else text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidArguments(f"$: not JSON: {str(error)[:1].lower()}{str(error)[1:]}", '--json \'{"name": "value"}\'') from error
    if not isinstance(value, dict):
        raise InvalidArguments(f"$: expected an object, got {_kind(value)}", '--json \'{"name": "value"}\'')
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value; write it as the string {json.dumps(name)}")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "a number"
