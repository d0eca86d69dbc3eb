from __future__ import annotations

import json

import pytest

from wassette_py.trust.evidence import Evidence, SignatureObject
from wassette_py.trust.kept import from_bytes, to_bytes

EVIDENCE = Evidence(
    b"manifest\xff",
    (SignatureObject("tag", "application/x", b"\0data", {"a": "b"}), SignatureObject("referrer", "", problem="gone")),
    ("3 more were not looked at",),
)


def test_what_is_kept_is_read_again() -> None:
    assert from_bytes(to_bytes(EVIDENCE)) == EVIDENCE


@pytest.mark.parametrize(
    "changed", [{"format": 2}, {"objects": 5}, {"objects": [{}]}, {"objects": ["x"]}, {"manifest": "*"}, {"notes": None}]
)
def test_what_is_not_kept_signatures_is_refused(changed: dict[str, object]) -> None:
    document = {**json.loads(to_bytes(EVIDENCE)), **changed}
    with pytest.raises(ValueError, match=r"format|not"):
        from_bytes(json.dumps(document).encode())
