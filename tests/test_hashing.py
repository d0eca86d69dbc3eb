"""The short hashes are those of the standard library."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from wassette_py import hashing
from wassette_py.hashing import hmac_of, same_text, sha256_of

PARTS = st.lists(st.binary(max_size=300), max_size=4)


@given(PARTS)
def test_a_hash_is_that_of_the_parts_joined(parts: list[bytes]) -> None:
    assert sha256_of(*parts) == hashlib.sha256(b"".join(parts)).digest()


@given(st.binary(max_size=200), PARTS)
def test_a_mac_is_that_of_the_parts_joined(key: bytes, parts: list[bytes]) -> None:
    assert hmac_of(key, *parts) == hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def test_what_is_long_is_hashed_alike() -> None:
    for size in (hashing.LONG - 1, hashing.LONG, hashing.LONG + 1):
        data = b"x" * size
        assert sha256_of(data) == hashlib.sha256(data).digest()
        assert hmac_of(data, b"a", data) == hmac.new(data, b"a" + data, hashlib.sha256).digest()


def test_texts_are_compared_whole() -> None:
    assert same_text("a", "a")
    assert not same_text("a", "b")
    assert not same_text("a", "aa")
