from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.cli.guests import NO_TOOL, ONE_TOOL, TEXT_TOOLS, write_component
from tests.server.corehost import handshaken
from wassette_py import catalog
from wassette_py.host import BUILTIN_NAMES, ComponentHost
from wassette_py.server.builtin import BUILTINS, Builtins
from wassette_py.server.builtin.actions import ACTIONS
from wassette_py.server.builtin.arguments import check
from wassette_py.server.tools import CALL_TOOL
from wassette_py.settings import Settings

Grants = Literal["ask", "deny", "allow"]


class Served:
    """The built-in tools on a real host, called as a client calls them."""

    def __init__(self, grants: Grants = "ask", *, only: tuple[str, ...] = (), component_dir: Path | None = None) -> None:
        self.settings = replace(Settings.load(component_dir=component_dir), grants=grants)
        self.host = ComponentHost(self.settings)
        served = set(only)
        self.wire = handshaken(self.host, builtins=Builtins(self.host, only=served), only=served)

    def result(self, name: str, **arguments: Any) -> dict[str, Any]:
        self.wire.sent.clear()
        result: dict[str, Any] = self.wire.ask("tools/call", {"name": name, "arguments": arguments})["result"]
        return result

    def ok(self, name: str, **arguments: Any) -> dict[str, Any]:
        result = self.result(name, **arguments)
        assert not result["isError"], result
        assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
        value: dict[str, Any] = result["structuredContent"]
        return value

    def error(self, name: str, **arguments: Any) -> str:
        result = self.result(name, **arguments)
        assert result["isError"], result
        assert "structuredContent" not in result
        text: str = result["content"][0]["text"]
        return text

    def trust(self, text: str) -> None:
        self.settings.config_dir.mkdir(parents=True, exist_ok=True)
        self.settings.trust_file.write_text(text)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return write_component(tmp_path, "text", TEXT_TOOLS)


@pytest.fixture
def loaded(text: Path) -> Served:
    """An operator who lets the model decide, and one component."""
    served = Served("allow")
    served.ok("load-component", path=str(text))
    return served


def test_the_table_has_the_reserved_names_each_with_a_description_and_a_schema() -> None:
    assert {tool.name for tool in BUILTINS} == BUILTIN_NAMES == {*ACTIONS, CALL_TOOL}
    for definition in (tool.definition() for tool in BUILTINS):
        assert definition["description"]
        assert definition["inputSchema"]["type"] == "object"


# Loading.


def test_what_a_trust_scope_names_is_loaded_at_once(text: Path) -> None:
    served = Served("ask")
    served.trust(f"version: 1\nscopes:\n  - match: {text.as_uri()}\n    unsigned: allow\n    reason: ours\n")
    assert served.ok("load-component", path=str(text))["status"] == "component loaded successfully"


@pytest.mark.parametrize("spelling", ["{path}", "file://{path}"])
def test_a_load_nobody_trusts_is_for_a_person(spelling: str, text: Path) -> None:
    served = Served("ask")
    error = served.error("load-component", path=spelling.format(path=text))
    assert error.splitlines()[-1] == f"hint: wassette component load file://{text}"
    assert "no trust scope names" in error
    assert served.host.entries() == ()


def test_a_component_is_loaded_reloaded_listed_called_and_unloaded(loaded: Served, text: Path) -> None:
    tools = ["add", "break", "echo", "refuse", "spin"]
    again = loaded.ok("load-component", path=str(text))
    assert (again["status"], again["id"], sorted(again["tools"])) == ("component reloaded successfully", "text", tools)
    listed = loaded.ok("list-components")
    assert listed["total"] == 1
    (component,) = listed["components"]
    assert (component["id"], component["tools_count"]) == ("text", 5)
    assert [tool["name"] for tool in component["schema"]["tools"]] == tools
    assert set(component["schema"]["tools"][0]) == {"name", "description", "inputSchema", "outputSchema"}
    assert loaded.ok("unload-component", id="text") == {"status": "component unloaded successfully", "id": "text"}
    assert loaded.wire.sent[0]["method"] == "notifications/tools/list_changed"
    assert loaded.ok("list-components") == {"components": [], "total": 0}


def test_a_load_tells_of_its_progress_and_of_the_new_list(text: Path) -> None:
    served = Served("allow")
    params = {"name": "load-component", "arguments": {"path": str(text)}, "_meta": {"progressToken": 1}}
    served.wire.ask("tools/call", params)
    steps = served.wire.notes("notifications/progress")
    assert [step["progress"] for step in steps] == sorted({step["progress"] for step in steps})
    assert (steps[-1]["progress"], steps[-1]["message"]) == (100, "loaded")
    assert {step["total"] for step in steps} == {100}
    assert [message.get("method", "answer") for message in served.wire.sent][-2:] == ["notifications/tools/list_changed", "answer"]


def test_a_load_that_fails_says_why_and_what_to_do(tmp_path: Path) -> None:
    served = Served("allow")
    assert "no tool" in served.error("load-component", path=str(write_component(tmp_path, "none", NO_TOOL)))
    assert "/nope.wasm" in served.error("load-component", path="/nope.wasm")
    assert "ftp" in served.error("load-component", path="ftp://x/y")


def test_a_cancelled_load_installs_nothing(tmp_path: Path) -> None:
    from tests.cli.guests import slow_to_compile

    served = Served("allow")
    slow = write_component(tmp_path, "slow", slow_to_compile())
    wire = served.wire
    params = {"name": "load-component", "arguments": {"path": str(slow)}, "_meta": {"progressToken": "p"}}
    wire.send("tools/call", params, id="slow")
    wire.wait(lambda message: message.get("params", {}).get("message", "").startswith("compile"))
    wire.send("notifications/cancelled", {"requestId": "slow"})
    assert wire.toolbox.idle(20)
    assert served.host.entries() == ()
    assert not [message for message in wire.sent if message.get("id") == "slow"]


def test_a_server_of_named_components_also_serves_what_is_loaded_through_it(loaded: Served, tmp_path: Path) -> None:
    served = Served("allow", only=("nothing",))
    assert served.wire.ask("tools/call", {"name": "add"})["error"]["code"] == -32602
    assert served.ok("list-components")["total"] == 0
    served.ok("load-component", path=str(write_component(tmp_path, "one", ONE_TOOL)))
    assert [component["id"] for component in served.ok("list-components")["components"]] == ["one"]
    assert served.result("answer")["structuredContent"] == {"result": 42}


def test_a_component_that_cannot_be_served_is_listed_with_the_reason(loaded: Served) -> None:
    (loaded.settings.component_dir / "text.json").write_text("{")
    (component,) = loaded.ok("list-components")["components"]
    assert (component["id"], component["tools_count"], component["status"]) == ("text", 0, "broken")
    assert component["problem"]


# What a person decides.

ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "unload-component": ({"id": "text"}, "component unload text"),
    "grant-network-permission": ({"details": {"host": "api.example.com"}}, "policy grant text network api.example.com"),
    "grant-environment-variable-permission": ({"details": {"key": "LANG"}}, "policy grant text env LANG"),
    "revoke-network-permission": ({"details": {"host": "api.example.com"}}, "policy revoke text network api.example.com"),
    "revoke-environment-variable-permission": ({"details": {"key": "LANG"}}, "policy revoke text env LANG"),
    "revoke-storage-permission": ({"details": {"uri": "fs:///tmp"}}, "policy revoke text storage /tmp"),
    "grant-storage-permission": (
        {"details": {"uri": "fs:///tmp/a b", "access": ["read"]}},
        "policy grant text storage '/tmp/a b' --access read",
    ),
    "reset-permission": ({}, "policy reset text"),
}


@pytest.mark.parametrize(("name", "asked"), ASKED.items(), ids=ASKED)
def test_the_model_asks_and_a_person_decides(name: str, asked: tuple[dict[str, Any], str], loaded: Served) -> None:
    arguments, command = asked
    served = Served("ask")
    whole = arguments if "id" in arguments else {"component_id": "text", **arguments}
    error = served.error(name, **whole)
    assert error.splitlines()[-1] == f"hint: wassette {command}"
    assert "decided by a person" in error
    assert not served.host.store.policy_path("text").exists()
    refused = Served("deny").error(name, **whole)
    assert "grants: deny" in refused
    assert "hint" not in refused


def test_the_command_line_names_the_component_directory_a_flag_gave(tmp_path: Path, text: Path) -> None:
    folder = tmp_path / "my components"
    Served("allow", component_dir=folder).ok("load-component", path=str(text))
    error = Served("ask", component_dir=folder).error("reset-permission", component_id="text")
    assert error.endswith(f"hint: wassette policy reset text --component-dir '{folder}'")


@pytest.mark.parametrize("name", [name for name in ASKED if name != "unload-component"])
def test_an_unknown_component_is_told_before_anybody_is_asked(name: str) -> None:
    error = Served("ask").error(name, component_id="nope", **ASKED[name][0])
    assert error == "no component 'nope' is installed\nhint: wassette component list"
    assert Served("ask").error("unload-component", id="nope") == error
    assert Served("ask").error("get-policy", component_id="nope") == error


def test_what_no_policy_can_say_cannot_be_asked_for(loaded: Served) -> None:
    served = Served("ask")
    for name, details in (
        ("grant-network-permission", {"host": "*com"}),
        ("grant-storage-permission", {"uri": "fs://relative", "access": ["read"]}),
        ("grant-storage-permission", {"uri": "fs:///tmp", "access": ["write"]}),
        ("grant-environment-variable-permission", {"key": "A*"}),
        ("revoke-storage-permission", {"uri": "http://x"}),
    ):
        assert "details:" in served.error(name, component_id="text", details=details)


# What an operator lets the model do.


def test_permissions_are_granted_shown_revoked_and_reset(loaded: Served, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    assert loaded.ok("get-policy", component_id="text") == {"status": "no policy found", "component_id": "text"}
    storage = {"uri": f"fs://{folder}", "access": ["read", "write"]}
    for name, kind, details in (
        ("grant-storage-permission", "storage", storage),
        ("grant-network-permission", "network", {"host": "api.example.com"}),
        ("grant-environment-variable-permission", "environment variable", {"key": "LANG"}),
    ):
        assert loaded.ok(name, component_id="text", details=details) == {
            "status": "permission granted successfully",
            "component_id": "text",
            "permission_type": kind,
            "details": details,
        }
    shown = loaded.ok("get-policy", component_id="text")
    path = loaded.host.store.policy_path("text")
    created = shown["policy_info"].pop("created_at")
    assert created == int(path.stat().st_mtime)
    assert shown["policy_info"] == {"policy_id": "text-policy", "source_uri": path.as_uri(), "local_path": str(path)}
    assert shown["status"] == "policy found"
    assert shown["permissions"]["storage"] == {"allow": [{"uri": f"fs://{folder}", "access": ["read", "write"]}]}
    assert shown["permissions"]["environment"] == {"allow": [{"key": "LANG"}]}
    for name, kind, details in (
        ("revoke-network-permission", "network", {"host": "api.example.com"}),
        ("revoke-environment-variable-permission", "environment variable", {"key": "LANG"}),
    ):
        assert loaded.ok(name, component_id="text", details=details) == {
            "status": "permission revoked",
            "component_id": "text",
            "permission_type": kind,
            "details": details,
        }
    assert loaded.ok("revoke-storage-permission", component_id="text", details={"uri": storage["uri"]}) == {
        "status": "permission revoked successfully",
        "component_id": "text",
        "uri": storage["uri"],
        "message": "All access (read and write) to the specified URI has been revoked",
    }
    again = loaded.error("revoke-storage-permission", component_id="text", details={"uri": storage["uri"]})
    assert again == f"'text' has no storage permission for {folder}"
    assert loaded.ok("reset-permission", component_id="text") == {"status": "permissions reset successfully", "component_id": "text"}
    assert loaded.ok("get-policy", component_id="text")["status"] == "no policy found"


def test_a_grant_changes_the_hints_of_the_tools_and_clients_hear_of_it(loaded: Served) -> None:
    loaded.ok("grant-network-permission", component_id="text", details={"host": "api.example.com"})
    assert loaded.wire.sent[0]["method"] == "notifications/tools/list_changed"
    tools = {tool["name"]: tool for tool in loaded.wire.ask("tools/list", id="list")["result"]["tools"]}
    assert "annotations" not in tools["add"]


def test_an_unreadable_policy_is_told_with_its_place(loaded: Served) -> None:
    loaded.host.store.policy_path("text").write_text('version: "1.0"\npermissions: {nonsense: 1}\n')
    assert "text.policy.yaml:2" in loaded.error("get-policy", component_id="text")


# Arguments.

SCHEMA = {tool.name: tool.schema for tool in BUILTINS}


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("load-component", {}, "$: missing required argument 'path'"),
        ("load-component", {"path": 5}, "$.path: expected a string, got a number"),
        ("load-component", {"path": None}, "$.path: expected a string, got null"),
        ("load-component", {"path": ""}, "$.path: expected some text, got none"),
        ("get-policy", {"component_id": ["a"]}, "$.component_id: expected a string, got a list"),
        ("get-policy", {"component_id": True}, "$.component_id: expected a string, got a boolean"),
        ("get-policy", {"component_id": {}}, "$.component_id: expected a string, got an object"),
        ("grant-network-permission", {"component_id": "a", "details": "x"}, "$.details: expected an object, got a string"),
        ("grant-network-permission", {"component_id": "a", "details": {}}, "$.details: missing required argument 'host'"),
        (
            "grant-network-permission",
            {"component_id": "a", "details": {"host": "a", "port": 1}},
            "$.details: unknown argument 'port', expected host",
        ),
        (
            "grant-storage-permission",
            {"component_id": "a", "details": {"uri": "a", "access": []}},
            "$.details.access: expected at least one entry",
        ),
        (
            "grant-storage-permission",
            {"component_id": "a", "details": {"uri": "a", "access": ["read", "run"]}},
            "$.details.access[1]: expected one of read, write, got 'run'",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_results_with_their_place(name: str, arguments: dict[str, Any], text: str) -> None:
    assert Served().error(name, **arguments) == text


def test_unknown_arguments_of_an_open_schema_are_ignored() -> None:
    check(SCHEMA["list-components"], {"more": 1})
    check(SCHEMA["search-components"], {"query": ""})


# The catalogue.

CATALOGUE = [
    {"name": "time", "description": "Zones and dates", "uri": "oci://r.example/time:1"},
    {"name": "timer", "description": "waits", "uri": "oci://r.example/waits:1"},
    {"name": "notes", "description": "Time to write", "uri": "oci://r.example/notes:1"},
    {"name": "diff", "description": "compares", "uri": "oci://r.example/diff:1"},
]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["time", "timer", "notes", "diff"]),
        ("time", ["time", "timer", "notes"]),
        ("TIME write", ["time", "timer", "notes"]),
        ("compares", ["diff"]),
        ("iff", ["diff"]),
        ("oci", ["time", "timer", "notes", "diff"]),
        ("nothing", []),
    ],
)
def test_the_catalogue_is_searched_by_words(query: str, names: list[str]) -> None:
    assert [component["name"] for component in catalog.search(CATALOGUE, query)] == names


def test_the_examples_are_in_the_catalogue_with_references_that_parse() -> None:
    from wassette_py.reference import LayoutReference, parse_reference

    components = Served().ok("search-components")["components"]
    assert {"time", "notes", "diff"} <= {component["name"] for component in components}
    for component in components:
        reference = parse_reference(component["uri"])
        assert isinstance(reference, LayoutReference)
        assert (reference.path / "index.json").exists()


def test_without_the_examples_folder_only_other_components_are_listed(tmp_path: Path) -> None:
    example = {"name": "x", "description": "", "uri": "oci-layout://{examples}/oci-layout:x"}
    assert catalog.placed([example, CATALOGUE[0]], (tmp_path,)) == [CATALOGUE[0]]


def test_an_operators_catalogue_replaces_ours() -> None:
    served = Served()
    served.settings.config_dir.mkdir(parents=True)
    served.settings.catalog_file.write_text(json.dumps({"components": CATALOGUE}))
    assert served.ok("search-components", query="diff") == {"status": "Component list found", "components": [CATALOGUE[3]]}


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"components": 5}', '{"components": [{"name": "a"}]}', '{"components": [{"name": 1, "description": "", "uri": ""}]}'],
)
def test_a_catalogue_that_is_none_is_told(text: str) -> None:
    served = Served()
    served.settings.config_dir.mkdir(parents=True)
    served.settings.catalog_file.write_text(text)
    assert "catalog.json is no catalogue" in served.error("search-components")
