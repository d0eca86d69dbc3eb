"""Keyless signers on the command line: what verifying says of them, and how they come to be trusted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.cli.guests import ONE_TOOL, write_component
from tests.keyless_layout import LAB, SIGNED, lab_root, write_keyless, write_policy
from tests.layout_writer import artifact, write_layout
from tests.signatures import legacy_carrier, sig_tag
from tests.sigstore_lab import IDENTITY, ISSUER


@pytest.fixture
def trust_file(home: Path) -> Path:
    return home / ".config" / "wassette" / "trust.yaml"


@pytest.mark.claim("trust:keyless")
def test_explain_shows_identity_issuer_time_and_log(wassette: Wassette, trust_file: Path, tmp_path: Path) -> None:
    reference = write_keyless(tmp_path)
    write_policy(trust_file, reference.rpartition(":")[0], lab_root())
    ran = wassette("component", "verify", reference, "--explain")
    assert ran.code == 0
    time = f"{SIGNED + timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}"
    assert f"  met: signed by {IDENTITY} (issuer {ISSUER})\n" in ran.out
    assert f"    signed by  {IDENTITY} (issuer {ISSUER})\n" in ran.out
    assert f"    logged at  {time} (https://rekor.lab.example)\n" in ran.out
    [found] = wassette("component", "verify", reference, "-o", "json").json["signatures"]
    assert found["signers"] == [{"kind": "keyless", "identity": IDENTITY, "issuer": ISSUER}]
    assert (found["logged_at"], found["clock"], found["problem"]) == (time, "https://rekor.lab.example", None)


@pytest.mark.claim("trust:keyless")
def test_another_identity_is_refused_with_exit_3_and_named(wassette: Wassette, trust_file: Path, tmp_path: Path) -> None:
    reference = write_keyless(tmp_path, "mallory@evil.example")
    write_policy(trust_file, reference.rpartition(":")[0], lab_root())
    for words in (("component", "verify", reference), ("component", "load", reference), ("run", reference)):
        ran = wassette(*words)
        assert ran.code == 3
        assert f"signature by mallory@evil.example (issuer {ISSUER})" in ran.err


@pytest.mark.claim("trust:keyless")
def test_annotations_beside_an_artifact_are_found_and_verified(wassette: Wassette, trust_file: Path, tmp_path: Path) -> None:
    component = artifact(write_component(tmp_path, "one", ONE_TOOL).read_bytes())
    signed = LAB.legacy(component.digest, "ghcr.io/acme/one", at=SIGNED)
    write_layout(tmp_path / "layout", {"one": component, sig_tag(component): legacy_carrier([signed])})
    reference = f"oci-layout://{tmp_path}/layout:one"
    write_policy(trust_file, f"oci-layout://{tmp_path}/layout", lab_root(), scope="    signed_repository: {exact: ghcr.io/acme/one}\n")
    [found] = wassette("component", "verify", reference, "-o", "json").json["signatures"]
    assert (found["format"], found["problem"]) == ("cosign-legacy", None)
    assert found["signers"] == [{"kind": "keyless", "identity": IDENTITY, "issuer": ISSUER}]
    assert wassette("component", "load", reference).code == 0


@pytest.mark.parametrize(("age", "says"), [("90d", "90 days"), ("1d", "1 day"), ("36h", "36 hours")])
def test_how_old_a_signature_may_be_is_shown(wassette: Wassette, trust_file: Path, age: str, says: str) -> None:
    write_policy(trust_file, "ghcr.io/acme", lab_root(), scope=f"    freshness: {{max_age: {age}}}\n")
    assert f"signed by {IDENTITY} (issuer {ISSUER}) and at most {says} ago" in wassette("trust", "show").out
    signatures = wassette("trust", "show", "-o", "json").json["scopes"][0]["signatures"]
    assert signatures["max_age_seconds"] == {"90d": 7776000, "1d": 86400, "36h": 129600}[age]
