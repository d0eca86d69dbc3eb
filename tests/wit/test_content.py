"""Results as pictures, sounds and documents: which functions give them, what they become, and what is refused."""

from __future__ import annotations

import pytest

from wassette_py.errors import GuestError
from wassette_py.wit.content import BLOCK, content_blocks, returns_content
from wassette_py.wit.types import FunctionType, ListType, ResultType, StringType, VariantType, WitType


def returning(result: WitType | None) -> FunctionType:
    return FunctionType(None, "draw", (), result)


def test_a_list_of_blocks_is_content_also_as_the_good_side_of_a_result() -> None:
    assert returns_content(returning(ListType(BLOCK)))
    assert returns_content(returning(ResultType(ListType(BLOCK), StringType())))


@pytest.mark.parametrize(
    "result", [None, StringType(), BLOCK, ListType(StringType()), ResultType(None, None), ListType(VariantType(BLOCK.cases[:2]))]
)
def test_anything_else_is_data(result: WitType | None) -> None:
    assert not returns_content(returning(result))


def test_each_case_becomes_the_block_of_mcp() -> None:
    media = {"data": "iVBO", "mime-type": "image/png"}
    assert content_blocks(
        [
            {"tag": "text", "val": "look"},
            {"tag": "image", "val": media},
            {"tag": "audio", "val": {**media, "mime-type": "audio/wav"}},
            {"tag": "document", "val": {"uri": "test://a", "mime-type": "text/plain", "text": "b"}},
        ]
    ) == (
        {"type": "text", "text": "look"},
        {"type": "image", "data": "iVBO", "mimeType": "image/png"},
        {"type": "audio", "data": "iVBO", "mimeType": "audio/wav"},
        {"type": "resource", "resource": {"uri": "test://a", "mimeType": "text/plain", "text": "b"}},
    )


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ({"tag": "image", "val": {"data": "", "mime-type": "text/html"}}, "an image whose media type is 'text/html'"),
        ({"tag": "audio", "val": {"data": "", "mime-type": "audio/wav\nx"}}, "for a media type"),
        ({"tag": "document", "val": {"uri": "no uri", "mime-type": "text/plain", "text": ""}}, "'no uri' for a URI"),
        ({"tag": "document", "val": {"uri": "a:b", "mime-type": "plain", "text": ""}}, "for a media type"),
    ],
)
def test_a_media_type_or_uri_that_is_none_is_the_guests_error(block: dict[str, object], reason: str) -> None:
    with pytest.raises(GuestError, match=reason):
        content_blocks([block])
