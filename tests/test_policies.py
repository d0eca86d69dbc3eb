"""The ready policies parse and grant what their comments say, and the JSON Schema for editors agrees with the parser as far as one can."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft7Validator

from tests.policy.strategies import policy_texts
from tests.policy.vectors import REFUSED, Refused, document
from wassette_py.errors import InvalidPolicy
from wassette_py.policy.document import EMPTY, PolicyDocument, document_json, parse_policy
from wassette_py.policy.targets import parse_target, test
from wassette_py.strict_yaml import StrictReader, Value

FOLDER = Path(__file__).parents[1] / "policies"
READY = ["development", "minimal", "network-only", "storage-only", "web-service"]
HOME = Path("/home/me")
SCHEMA = json.loads((FOLDER / "policy.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(SCHEMA)


def ready(name: str) -> PolicyDocument:
    return parse_policy((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), name, home=HOME)


def plain(value: Value) -> object:
    """What an editor's YAML reader hands to the schema."""
    if isinstance(value.data, dict):
        return {key: plain(inner) for key, inner in value.data.items()}
    return [plain(inner) for inner in value.data] if isinstance(value.data, list) else value.data


def fits(text: str) -> bool:
    return bool(VALIDATOR.is_valid(plain(StrictReader("x", InvalidPolicy).read(text))))


def test_the_folder_holds_the_ready_policies_and_their_schema() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted([*(f"{name}.yaml" for name in READY), "policy.schema.json"])


@pytest.mark.parametrize("name", READY)
def test_a_ready_policy_parses_and_fits_the_schema(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=policy.schema.json\n")
    assert ready(name).description
    assert fits(text)
    assert VALIDATOR.is_valid({"version": "1.0", "permissions": document_json(ready(name))})


def test_the_minimal_policy_grants_nothing() -> None:
    assert document_json(ready("minimal")) == document_json(EMPTY) == {}


@pytest.mark.parametrize(
    ("name", "target", "allowed"),
    [
        ("storage-only", "read /home/me/Documents/a.txt", True),
        ("storage-only", "write /home/me/Documents/a.txt", False),
        ("storage-only", "write /home/me/wassette/out/a.txt", True),
        ("storage-only", "GET https://example.com", False),
        ("network-only", "GET https://api.example.com/x", True),
        ("network-only", "GET http://api.example.com/x", False),
        ("network-only", "GET https://a.cdn.example.com", True),
        ("network-only", "GET https://internal.cdn.example.com", False),
        ("network-only", "read /home/me", False),
        ("web-service", "GET https://api.github.com/repos/acme/x/issues", True),
        ("web-service", "POST https://api.github.com/repos/acme/x/issues", False),
        ("web-service", "GET https://api.github.com/repos/other/x", False),
        ("web-service", "env API_BASE", True),
        ("web-service", "env HOME", False),
        ("development", "GET http://localhost:8080/x", True),
        ("development", "GET http://localhost:8081/x", False),
        ("development", "GET http://127.0.0.1:9999", True),
        ("development", "GET http://[::1]:9999", True),
        ("development", "write /home/me/wassette/scratch/x", True),
    ],
)
def test_a_ready_policy_grants_what_it_says(name: str, target: str, allowed: bool) -> None:
    assert test(ready(name), parse_target(target)).allowed is allowed


def test_the_schema_is_a_schema() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("case", [case for case in REFUSED if case.schema], ids=lambda case: case.lines[:60])
def test_the_schema_refuses_what_the_parser_refuses(case: Refused) -> None:
    assert not fits(document(case.lines))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "permissions: {}", 'version: "2.0"', 'version: "1"', 'version: "1.0"\npermision: {}', 'version: "1.0"\ndescription: 7'],
)
def test_the_schema_refuses_documents_that_are_no_policies(text: str) -> None:
    assert not fits(text)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(policy_texts())
def test_the_schema_accepts_what_the_parser_accepts(text: str) -> None:
    assert fits(text)


@pytest.mark.parametrize(
    "lines",
    [
        "resources: {memory: 512, cpu: 0.5}",
        "resources: {limits: {memory: '1024', cpu: 2, output: 1000}}",
        "tools: {allow: []}",
        "ipc: null\nruntime: {}",
    ],
)
def test_the_schema_accepts_what_wassette_writes(lines: str) -> None:
    parse_policy(document(lines), "p", home=HOME)
    assert fits(document(lines))
