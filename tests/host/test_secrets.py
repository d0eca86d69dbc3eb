"""Secrets in calls: the guest that is granted one sees it, nobody who reads what leaves the process does."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.guests import ONE_TOOL, TEXT_TOOLS
from tests.host.conftest import Load, call
from tests.sandbox.egress.origin import Visit, origin
from tests.sandbox.guests import ENVIRONMENT, PRINT
from tests.sandbox.guests_http import CLIENT
from tests.tls import make_authority
from wassette_py.errors import InvalidPolicy, MissingSecret, NotGranted
from wassette_py.host import CallResult, ComponentHost, DeniedLine
from wassette_py.host.granted import granted_secrets
from wassette_py.host.outcome import without_secrets
from wassette_py.policy.document import parse_policy
from wassette_py.policy.words import Words, parse_permission
from wassette_py.secrets import Redactor
from wassette_py.settings import Settings

TOKEN = "tok-4711-geheim"


def policy(*entries: str) -> str:
    return f"version: '1.0'\npermissions:\n  secrets: [{', '.join(entries)}]\n"


def test_the_guest_sees_the_variable_and_the_caller_not_the_value(host: ComponentHost, load: Load) -> None:
    host.secrets.set_value("TOKEN", TOKEN)
    load("env", ENVIRONMENT, policy=policy("{name: TOKEN, env: API_TOKEN}"))
    result = call(host, "variables")
    assert result.value == [["API_TOKEN", "[redacted]"]]
    assert json.loads(result.value_text) == result.value
    # The guest has the true value: what it returns is longer than what is shown, and too long here.
    limited = f"{policy('{name: TOKEN, env: API_TOKEN}')}  resources: {{limits: {{output: '{len(result.value_text) + 2}'}}}}\n"
    host.policies.replace("env", limited, "text")
    assert call(host, "variables").kind == "limit"


def test_a_granted_secret_is_no_other_variable(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN", "not granted")
    host = ComponentHost(Settings.load())
    host.secrets.set_reference("TOKEN", "env", "HIDDEN")
    host.secrets.set_value("OTHER", "never granted")
    load("env", ENVIRONMENT, policy=policy("{name: TOKEN, env: SEEN}"))
    assert call(host, "variables").value == [["SEEN", "[redacted]"]]


def test_what_a_guest_prints_and_fails_with_is_free_of_it(host: ComponentHost, load: Load) -> None:
    host.secrets.set_value("TOKEN", TOKEN)
    grant = policy("{name: TOKEN, env: T}")
    load("print", PRINT, policy=grant)
    load("text", TEXT_TOOLS, policy=grant)
    assert call(host, "say", text=f"<{TOKEN}>").stdout == "<[redacted]>"
    assert call(host, "complain-and-trap", text=f"<{TOKEN}>").stderr == "<[redacted]>"
    assert call(host, "refuse", reason=f"no {TOKEN}").message == "no [redacted]"
    assert call(host, "echo", text=f"yes {TOKEN}").value == "yes [redacted]"


def test_the_audit_log_is_free_of_it_also_with_values(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASSETTE_AUDIT_ARGUMENTS", "values")
    host = ComponentHost(Settings.load())
    host.secrets.set_value("TOKEN", TOKEN)
    load("text", TEXT_TOOLS, policy=policy("{name: TOKEN, env: T}"))
    call(host, "echo", text=f"yes {TOKEN}")
    assert host.recorder.log.flush(10)
    text = "".join(path.read_text() for path in host.settings.audit.dir.iterdir())
    assert "yes [redacted]" in text
    assert TOKEN not in text


def test_every_text_of_a_result_is_cleaned() -> None:
    redactor = Redactor()
    redactor.learn([TOKEN])
    content = ({"type": "text", "text": TOKEN},)
    result = CallResult(
        error=TOKEN,
        notes=(TOKEN,),
        content=content,
        denied=(DeniedLine(f"GET https://{TOKEN}:443", "no", f"grant {TOKEN}"), DeniedLine("x", "no", None)),
    )
    assert TOKEN not in repr(without_secrets(result, redactor))
    assert without_secrets(result, Redactor()) is result


def test_a_call_without_its_secrets_fails_and_names_them_all(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL, policy=policy("{name: B, env: B}", "{name: A, env: A}"))
    result = call(host, "answer")
    assert (result.kind, result.error) == ("broken", "the secrets B, A have no value")
    assert result.hint == "wassette secret set B\nwassette secret set A"
    host.secrets.set_value("A", "value")
    host.secrets.set_value("B", "value")
    assert call(host, "answer").value == 42
    host.secrets.delete("B")
    assert call(host, "answer").error == "the secret B has no value"


def test_missing_secrets_are_told_with_the_component_that_is_granted_them(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL, policy=policy("{name: A, env: A}", "{name: B, env: B}"))
    load("text", TEXT_TOOLS, policy=policy("{name: B, env: B}", "{name: C, env: C}"))
    load("env", ENVIRONMENT)
    host.secrets.set_value("B", "value")
    with pytest.raises(MissingSecret, match=r"^the secrets A \(of one\), C \(of text\) have no value$"):
        host.check_secrets()
    with pytest.raises(MissingSecret, match=r"^the secret C \(of text\) has no value$"):
        host.check_secrets({"text"})
    host.check_secrets({"env"})
    host.store.policy_path("text").write_text("permissions: [")
    host.secrets.set_value("A", "value")
    host.check_secrets()


def test_a_secret_is_granted_when_it_has_a_value_and_revoked_by_the_same_words(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    permission = parse_permission("secret", "TOKEN", Words(env="API_TOKEN"))
    with pytest.raises(MissingSecret):
        host.policies.grant("one", permission)
    host.policies.grant("one", parse_permission("network", "a.com"))
    with pytest.raises(MissingSecret):
        host.policies.grant("one", parse_permission("secret", "TOKEN", Words(inject="a.com")))
    host.secrets.set_value("TOKEN", TOKEN)
    assert host.policies.grant("one", permission).keys == ("API_TOKEN",)
    host.policies.revoke("one", permission)
    with pytest.raises(NotGranted):
        host.policies.revoke("one", permission)


def test_a_header_is_put_into_requests_and_its_value_is_in_no_text(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, context = make_authority(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    host = ComponentHost(Settings.load())
    host.secrets.set_value("TOKEN", TOKEN)

    def mirror(visit: Visit) -> None:
        visit.answer(f"you said {visit.headers['authorization']}".encode())

    with origin(mirror, context) as server:
        place = f"127.0.0.1:{server.port}"
        load("web", CLIENT, policy=f"version: '1.0'\npermissions:\n  network: {{allow: [{{host: 'https://{place}'}}]}}\n")
        permission = parse_permission("secret", "TOKEN", Words(inject=place))
        host.policies.grant("web", permission)
        opened = host.opened_tool("send")
        values = (0, 1, place, "/", "", "", "", 0, 0, 0)
        arguments = {name: value for (name, _), value in zip(opened.function.params, values, strict=True)}
        result = host.call(replace(opened, arguments=arguments), cancel=threading.Event())
        assert server.headers[0]["authorization"] == f"Bearer {TOKEN}"
    assert result.error is None
    assert "you said Bearer [redacted]" in result.value_text
    assert host.recorder.log.flush(10)
    log = "".join(path.read_text() for path in host.settings.audit.dir.iterdir())
    assert f'"target":"GET https://{place}"' in log
    assert TOKEN not in log + repr(result)


def test_a_value_that_can_be_no_header_fails_the_call_unsaid(host: ComponentHost, load: Load) -> None:
    host.secrets.set_value("TOKEN", "two\nlines")
    load("one", ONE_TOOL, policy=f"version: '1.0'\npermissions:\n  network: {{allow: [{{host: a.com}}]}}\n  secrets: [{INJECTED}]\n")
    result = call(host, "answer")
    assert result.kind == "broken"
    assert result.error == "the value of TOKEN cannot stand in a header: it is no printable ASCII on one line, without blanks around it"


def test_two_headers_of_one_host_are_both_put_in(host: ComponentHost) -> None:
    host.secrets.set_value("A", "value-a")
    host.secrets.set_value("B", "value-b")
    text = (
        "version: '1.0'\npermissions:\n  network: {allow: [{host: a.com}]}\n"
        "  secrets: [{name: A, inject: {host: a.com}}, {name: B, inject: {host: a.com, header: X-B, format: 'b={}'}}]\n"
    )
    granted = granted_secrets(parse_policy(text, "p", home=None), host.secrets)
    assert granted.headers == {("a.com", 443): (("Authorization", "Bearer value-a"), ("X-B", "b=value-b"))}
    assert "value-" not in repr(granted)


INJECTED = "{name: TOKEN, inject: {host: a.com}}"


def test_the_folders_of_the_audit_log_and_of_secrets_are_granted_to_nobody(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WASSETTE_AUDIT_DIR", str(tmp_path / "log" / "audit"))
    (tmp_path / "log" / "audit").mkdir(parents=True)
    host = ComponentHost(Settings.load())
    load("one", ONE_TOOL)
    host.secrets.set_value("TOKEN", TOKEN)
    for folder in (tmp_path / "log", host.settings.audit.dir, host.secrets.folder):
        with pytest.raises(InvalidPolicy, match="holds what wassette itself lives by"):
            host.policies.grant("one", parse_permission("storage", str(folder), Words(access="read")))
