"""A component in words and as a JSON document: what it is, what it offers, what it asks for. Shared by load and inspect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wassette_py.cli.columns import facts, folded
from wassette_py.cli.permissions import policy_lines
from wassette_py.cli.render import screen
from wassette_py.cli.text import escape, one_line, plural, signature, size_text
from wassette_py.dataclass import dataclass

if TYPE_CHECKING:
    from wassette_py.errors import InvalidPolicy
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.store import Record
    from wassette_py.wit.describe import NotTool, ToolDefinition


@dataclass(frozen=True)
class Portrait:
    """One component, installed or not (then `id` is the one it would get, and nobody has looked who vouches for it)."""

    id: str | None
    source: str
    digest: str
    size: int
    verified: Mapping[str, Any] | None
    verified_text: str
    imports: tuple[str, ...]
    tools: tuple[ToolDefinition, ...]
    not_tools: tuple[NotTool, ...]
    policy: PolicyDocument | None
    installed: bool
    problem: InvalidPolicy | None = None
    """Why its policy cannot be enforced; then `policy` is None."""


def portrait_of(
    record: Record, policy: PolicyDocument | None, *, refused: str | None = None, problem: InvalidPolicy | None = None
) -> Portrait:
    """An installed component; `policy` None when it has none, `refused` why the trust policy does not accept it any more."""
    return Portrait(
        record.id,
        record.source,
        str(record.digest),
        record.size,
        record.signer.to_json() if record.signer.vouches and refused is None else None,
        record.signer.words if refused is None else f"no one ({refused})",
        record.imports,
        record.tools,
        record.not_tools,
        policy,
        installed=True,
        problem=problem,
    )


def document(portrait: Portrait) -> dict[str, Any]:
    """`component inspect -o json`."""
    from wassette_py.policy.document import document_json

    return {
        "id": portrait.id,
        "source": portrait.source,
        "digest": portrait.digest,
        "size": portrait.size,
        "verified": portrait.verified,
        "imports": [{"interface": interface, "means": meaning} for interface, meaning in _meanings(portrait.imports)],
        "tools": [tool_document(tool) for tool in portrait.tools],
        "not_tools": [no.to_json() for no in portrait.not_tools],
        "policy": None if portrait.policy is None else document_json(portrait.policy),
        "problem": None if portrait.problem is None else str(portrait.problem),
    }


def tool_document(tool: ToolDefinition) -> dict[str, Any]:
    """A tool as every JSON document shows it."""
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": dict(tool.input_schema),
        "outputSchema": dict(tool.output_schema),
    }


def lines(portrait: Portrait) -> Iterator[str]:
    """`component inspect`, for people."""
    from wassette_py.policy.document import EMPTY

    yield from facts(
        [
            ("id", portrait.id or "(give one with --name)"),
            ("source", portrait.source),
            ("digest", portrait.digest),
            ("size", size_text(portrait.size)),
            ("verified", portrait.verified_text),
        ],
        screen(),
    )
    yield ""
    yield from tool_lines(portrait.tools, portrait.not_tools)
    yield ""
    yield from import_lines(portrait.imports)
    if portrait.problem is not None:
        refused = "what it may do: nothing, for its policy cannot be enforced"
        yield refused if portrait.installed else "a policy came with it that is refused"
    elif portrait.installed:
        yield "what it may do:"
        yield from policy_lines(portrait.policy or EMPTY)
    elif portrait.policy is not None:
        yield "a policy came with it, which nobody applies by itself:"
        yield from policy_lines(portrait.policy)


def tool_lines(tools: Sequence[ToolDefinition], not_tools: Sequence[NotTool]) -> Iterator[str]:
    """Signatures with what each tool says it does, then the exports that are no tools."""
    yield f"{plural(len(tools), 'tool')}:"
    for tool in tools:
        yield from folded([f"  {signature(tool.name, tool.input_schema, tool.output_schema)}"], screen())
        yield from folded([f"      {line}" for line in escape(tool.description).splitlines() if line.strip()], screen())
    if not_tools:
        yield f"{plural(len(not_tools), 'export')} cannot be a tool:"
        yield from facts([(no.export, no.reason) for no in not_tools], screen(), indent="  ")


def import_lines(imports: Sequence[str]) -> Iterator[str]:
    """What a component asks for, in words, each meaning once."""
    from wassette_py.wit.describe import means

    words = dict.fromkeys(meaning for _, meaning in means(imports))
    yield "what it asks for:" if words else "what it asks for: no access to anything"
    yield from (f"  {one_line(word)}" for word in words)


def _meanings(imports: Sequence[str]) -> Iterable[tuple[str, str]]:
    from wassette_py.wit.describe import means

    return means(imports)
