"""Tools and results as MCP writes them: HostedTool -> list entry, CallResult -> tools/call result. Nothing here calls or decides.

`structuredContent` is always an object, `{"result": …}` for a component's tool, because clients before 2026-07-28 accept nothing else; some
clients show the model nothing but it, so the text never says more about the result than it does.
"""

from __future__ import annotations

from collections.abc import Iterator

from wassette_py.errors import WassetteError
from wassette_py.server.messages import dump
from wassette_py.wire import Written, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wassette_py.host import CallResult, HostedTool

LOG_LINES = 200
LOG_CHARACTERS = 16_384
"""How much of what a guest printed becomes log notifications, per stream and call."""


def listed(tool: HostedTool) -> dict[str, Any]:
    """`tool` as an entry of tools/list."""
    definition = tool.definition
    return {
        "name": tool.name,
        # Some clients refuse a tool without a description.
        "description": definition.description or f"The function {definition.function} of the component {tool.component}.",
        "inputSchema": dict(definition.input_schema),
        **({} if definition.content else {"outputSchema": dict(definition.output_schema)}),
        **({"annotations": tool.annotations} if tool.annotations else {}),
        "_meta": {"wassette/component": tool.component, "wassette/digest": tool.digest},
    }


def text_block(text: str) -> dict[str, str]:
    """One block of text content."""
    return {"type": "text", "text": text}


def called(outcome: CallResult) -> dict[str, Any]:
    """The tools/call result of a component's tool."""
    if outcome.error is not None:
        return failed(outcome.message)
    said = text_block(outcome.message) if outcome.denied or outcome.notes or outcome.hint else None  # a denial the guest swallowed
    if outcome.content is not None:
        return {"content": [*outcome.content, *([said] if said else [])], "isError": False}
    # NOTE: a large result is written once, and once more as text within text; a text is the same in both places.
    value = outcome.value_text.encode("utf-8", "replace")
    text = value if value.startswith(b'"') else quoted(outcome.value_text).encode("utf-8", "replace")
    more = b"" if said is None else f",{dump(said)}".encode("utf-8", "replace")
    content = Written(b'[{"type":"text","text":', text, b"}", more, b"]")
    return {"content": content, "structuredContent": Written(b'{"result":', value, b"}"), "isError": False}


def succeeded(value: dict[str, Any]) -> dict[str, Any]:
    """The tools/call result of a built-in tool: a plain object, structured and as text."""
    return {"content": [text_block(dump(value))], "structuredContent": value, "isError": False}


def failed(text: str) -> dict[str, Any]:
    """A tools/call result that says what went wrong, in words a model can act on."""
    return {"content": [text_block(text)], "isError": True}


def refused(error: WassetteError) -> dict[str, Any]:
    """`failed`, for an error of ours with its hint."""
    from wassette_py.host.voices import as_told

    return failed(f"{as_told(str(error))}\nhint: {error.hint}" if error.hint else as_told(str(error)))


def log_lines(text: str) -> Iterator[str]:
    """The lines of what a guest printed, as many as a client should be sent; the rest is counted."""
    shown = text[:LOG_CHARACTERS].splitlines()[:LOG_LINES]
    yield from shown
    left = len(text) - sum(len(line) + 1 for line in shown)
    if left > 0:
        yield f"… {left} more characters"
