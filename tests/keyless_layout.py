"""A layout of one component that somebody signed keyless, just now, and a trust policy that asks for them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.guests import ONE_TOOL, write_component
from tests.layout_writer import artifact, write_layout
from tests.signatures import referrer
from tests.signed_layout import add_referrer
from tests.sigstore_lab import IDENTITY, ISSUER, Lab

LAB = Lab()
SIGNED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
SINCE = (datetime(2020, 1, 1, tzinfo=UTC), None)


def lab_root(lab: Lab = LAB) -> bytes:
    """The trusted root of the lab, for any time."""
    return lab.root(ca=SINCE, ct=SINCE, log=SINCE, tsa=SINCE)


def write_keyless(folder: Path, identity: str = IDENTITY) -> str:
    """Makes a layout of a component, signed an hour ago; returns its reference."""
    component = artifact(write_component(folder, "one", ONE_TOOL).read_bytes())
    write_layout(folder / "layout", {"one": component})
    add_referrer(folder / "layout", referrer(component, LAB.bundle(component.digest, identity, at=SIGNED)))
    return f"oci-layout://{folder}/layout:one"


def write_policy(trust_file: Path, source: str, root: bytes, *, about_root: str = "", scope: str = "") -> None:
    """A trust policy that asks for `IDENTITY` under `root`."""
    trust_file.parent.mkdir(parents=True, exist_ok=True)
    (trust_file.parent / "lab.json").write_bytes(root)
    trust_file.write_text(
        f"""\
version: 1
roots:
  lab: {{file: lab.json, sha256: {hashlib.sha256(root).hexdigest()}{about_root}}}
scopes:
  - match: {source}
    all: [{{keyless: {{root: lab, issuer: "{ISSUER}", identity: "{IDENTITY}"}}}}]
{scope}"""
    )
