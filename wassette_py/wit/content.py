"""Results that are more than data: pictures, sounds and documents, by a WIT shape of their own.

A function that returns `list<block>` (or `result<list<block>, …>`) of exactly this variant gives MCP content blocks instead of structured
content, since clients that show a model structured content show it nothing else:

```wit
record media { data: list<u8>, mime-type: string }
record document { uri: string, mime-type: string, text: string }
variant block { text(string), image(media), audio(media), document(document) }
```

The names of the types are the author's; cases, fields and their order are not. Source: MCP 2025-11-25, *Tools*, Tool Result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wassette_py.errors import GuestError
from wassette_py.wit.types import BYTES, FunctionType, ListType, RecordType, ResultType, StringType, VariantType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MEDIA = RecordType((("data", BYTES), ("mime-type", StringType())))
_DOCUMENT = RecordType((("uri", StringType()), ("mime-type", StringType()), ("text", StringType())))
BLOCK = VariantType((("text", StringType()), ("image", _MEDIA), ("audio", _MEDIA), ("document", _DOCUMENT)))
_BLOCKS = ListType(BLOCK)

_MEDIA_TYPE = r"[a-z]+/[A-Za-z0-9][A-Za-z0-9.+-]{0,100}"
_URI = r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f\x7f]{1,2000}"


def returns_content(f: FunctionType) -> bool:
    """Whether what `f` returns is content blocks."""
    result = f.result.ok if isinstance(f.result, ResultType) else f.result
    return isinstance(result, ListType) and result == _BLOCKS


def content_blocks(value: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The MCP content blocks of a result (its JSON value). Raises GuestError for a media type or URI that is none."""
    return tuple([_block(each["tag"], each["val"]) for each in value])


def _block(tag: str, payload: Any) -> dict[str, Any]:
    if tag == "text":
        return {"type": "text", "text": payload}
    if tag == "document":
        uri = _checked(_URI, payload["uri"], "a URI")
        mime_type = _checked(_MEDIA_TYPE, payload["mime-type"], "a media type")
        return {"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": payload["text"]}}
    mime_type = _checked(_MEDIA_TYPE, payload["mime-type"], "a media type")
    if not mime_type.startswith(f"{tag}/"):
        raise GuestError(f"it returned an {tag} whose media type is {mime_type!r}")
    return {"type": tag, "data": payload["data"], "mimeType": mime_type}


def _checked(pattern: str, text: str, what: str) -> str:
    import re

    if not re.fullmatch(pattern, text):
        raise GuestError(f"it returned content with {text[:100]!r} for {what}")
    return text
