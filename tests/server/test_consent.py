"""Loading what no trust scope names: a person says yes to fetching it, and to exactly the bytes that are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.guests import ONE_TOOL, TEXT_TOOLS, write_component
from tests.layout_writer import artifact
from tests.patience import LONG
from tests.pulling import settings_for
from tests.registry import Registry, running
from tests.server.asking import Asked, Handshaken, Stateless, says
from wassette_py.audit.reading import events
from wassette_py.errors import InvalidTrustPolicy
from wassette_py.host import ComponentHost
from wassette_py.names import Digest
from wassette_py.reference import parse_reference

ERAS = pytest.mark.parametrize("era", [Handshaken, Stateless])
YES = says("yes")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running(Registry()) as server:
        server.put("acme/one", "1.0", artifact(write_component(tmp_path, "one", ONE_TOOL).read_bytes()))
        yield server


def first_yes_then(decision: str, served: Asked) -> Any:
    """Says yes to fetching, and this to loading."""

    def answer(params: dict[str, Any]) -> object:
        return says("yes" if len(served.questions) == 1 else decision)(params)

    return answer


def manifest(registry: Registry) -> str:
    return next(name for _, name in registry.manifests if name.startswith("sha256:"))


def reference(registry: Registry, rest: str = ":1.0") -> str:
    return f"oci://{registry.host}/acme/one{rest}"


@ERAS
def test_a_file_is_loaded_when_a_person_says_yes_to_its_digest(era: type[Asked], tmp_path: Path) -> None:
    served, path = era(), write_component(tmp_path, "one", ONE_TOOL)
    assert "refused by a person" in served.error("load-component", says("no"), path=str(path))
    served.anew()
    assert served.ok("load-component", YES, path=str(path))["id"] == "one"
    assert f"digest: {Digest.of(path.read_bytes())}" in served.questions[-1]["message"]
    assert served.ok("answer", says("no")) == {"result": 42}


def test_other_bytes_than_were_shown_are_another_question(tmp_path: Path) -> None:
    served, path = Stateless(), write_component(tmp_path, "one", ONE_TOOL)

    def changes(params: dict[str, Any]) -> object:
        if len(served.questions) == 1:
            write_component(tmp_path, "one", TEXT_TOOLS)
        return says("yes" if len(served.questions) == 1 else "no")(params)

    assert "refused by a person" in served.error("load-component", changes, path=str(path))
    assert len({question["message"] for question in served.questions}) == 2
    assert served.host.entries() == ()


def test_the_bytes_that_were_shown_are_loaded_whatever_is_there_meanwhile(tmp_path: Path) -> None:
    served, path = Handshaken(), write_component(tmp_path, "one", ONE_TOOL)

    def changes(params: dict[str, Any]) -> object:
        write_component(tmp_path, "one", TEXT_TOOLS)
        return YES(params)

    served.ok("load-component", changes, path=str(path))
    assert f"digest: {served.host.store.record('one').digest}" in served.questions[0]["message"]
    assert served.ok("answer", says("no")) == {"result": 42}


@pytest.mark.claim("approval:a-person-decides")
@ERAS
def test_nothing_is_fetched_before_a_person_says_yes(era: type[Asked], registry: Registry) -> None:
    served = era(settings=settings_for(registry))
    assert "refused by a person" in served.error("load-component", says("no"), path=reference(registry))
    assert registry.requests == []
    assert f"reference: {reference(registry)}" in served.questions[0]["message"]
    assert f"{reference(registry)} (no trust scope names it).\n" in served.questions[0]["message"]
    assert "not known before it is fetched" in served.questions[0]["message"]


@ERAS
@pytest.mark.parametrize("grants", ["ask", "deny"])
def test_nothing_is_fetched_where_nobody_can_say_yes(era: type[Asked], grants: Any, registry: Registry) -> None:
    served = era(settings=settings_for(registry), grants=grants, capabilities={})
    served.error("load-component", YES, path=reference(registry))
    assert registry.requests == []


@ERAS
def test_the_digest_of_what_was_fetched_is_another_question(era: type[Asked], registry: Registry) -> None:
    served = era(settings=settings_for(registry))
    assert "refused by a person" in served.error("load-component", first_yes_then("no", served), path=reference(registry))
    assert f"digest: {manifest(registry)}" in served.questions[1]["message"]
    assert served.questions[1]["requestedSchema"]["properties"]["decision"]["enum"] == ["this session", "always", "no"]
    assert served.host.entries() == ()


@ERAS
def test_a_component_of_this_session_is_not_trusted_by_the_next_server(era: type[Asked], registry: Registry) -> None:
    served = era(settings=settings_for(registry))
    served.ok("load-component", first_yes_then("this session", served), path=reference(registry))
    assert len(served.questions) == 2
    assert served.ok("answer", says("no")) == {"result": 42}
    record = served.host.store.record("one")
    assert (record.verdict, record.signer.scope) == (None, None)
    assert record.signer.text == "accepted by a person for one session"
    assert not served.settings.trust_file.exists()
    again = served.ok("load-component", YES, path=reference(registry))
    assert again["status"] == "component reloaded successfully"
    assert len(served.questions) == 3  # to fetch it; that digest was accepted
    (other,) = ComponentHost(served.settings).entries()
    assert (other.status, served.host.entries()[0].status) == ("unverified", "ready")


@ERAS
def test_a_trust_policy_that_speaks_of_it_later_decides(era: type[Asked], registry: Registry) -> None:
    served = era(settings=settings_for(registry))
    served.ok("load-component", first_yes_then("this session", served), path=reference(registry))
    scope = f"{registry.host}/acme"
    other = f"sha256:{'0' * 64}"
    served.settings.config_dir.mkdir(parents=True, exist_ok=True)
    served.settings.trust_file.write_text(f'version: 1\ndefault: deny\nscopes:\n  - match: "{scope}"\n    digests: ["{other}"]\n')
    assert "pins other digests" in served.error("answer", YES)


@ERAS
def test_always_writes_the_digest_into_the_trust_policy(era: type[Asked], registry: Registry) -> None:
    served = era(settings=settings_for(registry))
    served.ok("load-component", first_yes_then("always", served), path=reference(registry))
    assert manifest(registry) in served.settings.trust_file.read_text()
    (other,) = ComponentHost(served.settings).entries()
    assert other.status == "ready"
    assert served.host.store.record("one").signer.kind == "digest"
    assert served.host.recorder.log.flush(LONG)
    told = [event for event in events(served.settings.audit.dir, unreadable=lambda path, line: None) if event["event"] == "trust-add"]
    assert [(event["reference"], event["accepts"]) for event in told] == [(reference(registry), str(manifest(registry)))]
    served.ok("load-component", says("no"), path=reference(registry))
    assert len(served.questions) == 2


@ERAS
def test_a_digest_in_the_reference_is_one_question(era: type[Asked], registry: Registry) -> None:
    served = era(settings=settings_for(registry))
    path = reference(registry, f"@{manifest(registry)}")
    assert "refused by a person" in served.error("load-component", says("no"), path=path)
    assert registry.requests == []
    served.anew()
    served.ok("load-component", says("this session"), path=path)
    assert len(served.questions) == 2
    assert served.ok("answer", says("no")) == {"result": 42}


def test_a_load_that_is_cancelled_while_it_asks_installs_nothing(tmp_path: Path) -> None:
    served, path = Handshaken(), write_component(tmp_path, "one", ONE_TOOL)
    served.wire.send("tools/call", {"name": "load-component", "arguments": {"path": str(path)}}, id="load")
    served.wire.wait(lambda sent: sent.get("method") == "elicitation/create")
    served.wire.send("notifications/cancelled", {"requestId": "load"})
    assert served.wire.toolbox.idle(10)
    assert served.host.entries() == ()


def test_a_trust_policy_that_is_no_text_is_not_written_over(registry: Registry) -> None:
    served = Handshaken(settings=settings_for(registry))
    served.settings.config_dir.mkdir(parents=True, exist_ok=True)
    served.settings.trust_file.write_bytes(b"\xff")
    with pytest.raises(InvalidTrustPolicy, match="UTF-8 text"):
        served.host.trust.trust_digest(parse_reference(reference(registry)), Digest.parse(manifest(registry)))
    assert served.settings.trust_file.read_bytes() == b"\xff"
