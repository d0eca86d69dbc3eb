"""Signature objects as they are kept beside an installed component, so that the decision can be made again without a network.

What is read back is as untrusted as what was found: it is verified again, and what was changed on the disk no longer verifies.
"""

from __future__ import annotations

import base64
import json

from wassette_py.trust.evidence import Evidence, SignatureObject, decode, read_json

FORMAT = 1


def to_bytes(evidence: Evidence) -> bytes:
    """`evidence` as one JSON document."""
    objects = [
        {
            "where": one.where,
            "media_type": one.media_type,
            "data": base64.b64encode(one.data).decode(),
            "annotations": dict(one.annotations),
            "problem": one.problem,
        }
        for one in evidence.objects
    ]
    manifest = base64.b64encode(evidence.manifest).decode()
    return json.dumps({"format": FORMAT, "manifest": manifest, "objects": objects, "notes": list(evidence.notes)}, indent=1).encode()


def from_bytes(data: bytes) -> Evidence:
    """The inverse of `to_bytes`. Raises ValueError when `data` is something else."""
    document = read_json(data)
    if document.get("format") != FORMAT:
        raise ValueError(f"format {document.get('format')!r} is not {FORMAT}")
    try:
        objects = tuple(
            SignatureObject(
                str(one["where"]),
                str(one["media_type"]),
                decode(one["data"], "data"),
                {str(name): str(text) for name, text in one["annotations"].items()},
                None if one["problem"] is None else str(one["problem"]),
            )
            for one in document["objects"]
        )
        return Evidence(decode(document["manifest"], "manifest"), objects, tuple(map(str, document["notes"])))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not signatures that were kept: {type(error).__name__}: {error}") from None
