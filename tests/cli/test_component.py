from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.cli.guests import ONE_TOOL, write_component
from tests.layout_writer import artifact, write_layout

IMPORTS = """
(component
  (import "wasi:filesystem/preopens@0.2.0" (instance))
  (import "wasi:http/outgoing-handler@0.2.0" (instance))
  (import "wasi:cli/environment@0.2.0" (instance))
  (import "wasi:clocks/wall-clock@0.2.0" (instance))
  (core module $m (func (export "answer") (result i32) (i32.const 42)))
  (core instance $i (instantiate $m))
  (type $r (resource (rep i32)))
  (export $x "thing" (type $r))
  (func (export "answer") (result u32) (canon lift (core func $i "answer")))
  (func $make (result (own $r)) (canon lift (core func $i "answer")))
  (export "make" (func $make) (func (result (own $x)))))
"""


def test_load_prints_tools_and_what_the_component_asks_for(components: Path, wassette: Wassette) -> None:
    ran = wassette("component", "load", "text.wasm")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "loaded text"
    assert "  echo(text: string) -> string" in lines
    assert "  add(left: integer, right: integer) -> integer" in lines
    assert "  spin()" in lines
    assert lines[-3:] == ["what it asks for: no access to anything", "what it may do:", "  may  nothing"]


def test_loading_the_same_again_compiles_nothing_and_says_so(loaded: Path, wassette: Wassette) -> None:
    assert wassette("component", "load", "text.wasm").out.startswith("unchanged, nothing was compiled: text\n")
    assert wassette("component", "load", "text.wasm", "-o", "json").json["changed"] is False


def test_load_takes_a_name_a_prefix_and_a_policy(components: Path, wassette: Wassette) -> None:
    Path("p.yaml").write_text('version: "1.0"\npermissions: {environment: {allow: [{key: LANG}]}}\n')
    document = wassette("component", "load", "one.wasm", "--name", "deep", "--prefix", "q", "--policy", "p.yaml", "-o", "json").json
    assert document["id"] == "deep"
    assert [tool["name"] for tool in document["tools"]] == ["q_answer"]
    assert document["policy"] == {"environment": {"allow": [{"key": "LANG"}]}}
    assert document["changed"] is True


def test_the_document_of_an_installed_component_has_every_key(loaded: Path, wassette: Wassette) -> None:
    document = wassette("component", "inspect", "text", "-o", "json").json
    assert list(document) == ["id", "source", "digest", "size", "verified", "imports", "tools", "not_tools", "policy", "problem"]
    assert document["verified"] is None
    assert document["policy"] is None
    assert document["problem"] is None
    assert list(document["tools"][0]) == ["name", "description", "inputSchema", "outputSchema"]


def test_what_nobody_vouches_for_is_shown_as_verified_by_no_one(loaded: Path, wassette: Wassette) -> None:
    assert ["verified", "no one (a file on this machine)"] in [
        line.split(maxsplit=1) for line in wassette("component", "inspect", "text").out.splitlines()
    ]


def test_inspecting_a_reference_installs_nothing_and_says_that_nobody_verified_it(components: Path, wassette: Wassette) -> None:
    ran = wassette("component", "inspect", "one.wasm")
    assert ran.code == 0
    rows = [line.split(maxsplit=1) for line in ran.out.splitlines()[:5]]
    assert rows[0] == ["id", "one"]
    assert rows[1] == ["source", f"file://{components}/one.wasm"]
    assert rows[2][1].startswith("sha256:")
    assert rows[3] == ["size", f"{(components / 'one.wasm').stat().st_size} bytes"]
    assert rows[4] == ["verified", "not verified"]
    assert wassette("component", "list", "-o", "json").json["total"] == 0


def test_load_tells_what_the_component_may_do(components: Path, wassette: Wassette) -> None:
    Path("p.yaml").write_text('version: "1.0"\npermissions: {environment: {allow: [{key: LANG}]}, tools: {allow: ["a*"]}}\n')
    lines = wassette("component", "load", "text.wasm", "--policy", "p.yaml").out.splitlines()
    assert lines[lines.index("what it may do:") + 1 :] == ["  may    env LANG", "  tools  a*"]


def test_imports_are_told_in_words_and_what_cannot_be_a_tool_with_the_reason(components: Path, wassette: Wassette) -> None:
    write_component(components, "asking", IMPORTS)
    lines = wassette("component", "inspect", "asking.wasm").out.splitlines()
    assert lines[lines.index("what it asks for:") + 1 :] == [
        "  makes HTTP requests",
        "  reads files you grant, writes where you grant it",
        "  reads environment variables you grant",
        "  reads the clock",
    ]
    assert "1 export cannot be a tool:" in lines
    assert any(line.startswith("  make") for line in lines)
    document = wassette("component", "inspect", "asking.wasm", "-o", "json").json
    assert document["imports"][0] == {"interface": "wasi:http/outgoing-handler@0.2.0", "means": "makes HTTP requests"}
    assert document["not_tools"][0]["export"] == "make"
    assert document["verified"] is None


def test_policy_show_names_what_is_asked_for_and_not_granted(components: Path, wassette: Wassette) -> None:
    write_component(components, "asking", IMPORTS)
    wassette("component", "load", "asking.wasm")
    assert wassette("policy", "grant", "asking", "env", "LANG", "-o", "json").json["imports_without_grant"] == [
        "wasi:filesystem/preopens@0.2.0",
        "wasi:http/outgoing-handler@0.2.0",
    ]
    lines = wassette("policy", "show", "asking").out.splitlines()
    assert lines[-2:] == [
        "  asks for, without a grant: makes HTTP requests",
        "  asks for, without a grant: reads files you grant, writes where you grant it",
    ]


def test_an_installed_id_wins_over_a_file_of_that_name(loaded: Path, wassette: Wassette) -> None:
    shutil.copy("one.wasm", "text")
    assert len(wassette("component", "inspect", "text", "-o", "json").json["tools"]) == 5
    assert len(wassette("component", "inspect", "./text", "-o", "json").json["tools"]) == 1


def test_a_word_that_is_neither_id_nor_file_is_an_unknown_component(wassette: Wassette) -> None:
    assert wassette("component", "inspect", "nope").err == "error: no component 'nope' is installed\nhint: wassette component list\n"


def test_list_shows_ours_broken_and_foreign(loaded: Path, wassette: Wassette, home: Path) -> None:
    store = home / ".local/share/wassette/components"
    shutil.copy("one.wasm", store / "rust.wasm")
    wassette("component", "load", "one.wasm")
    (store / "one.wasm").unlink()
    document = wassette("component", "list", "-o", "json").json
    assert [(entry["id"], entry["status"]) for entry in document["components"]] == [
        ("one", "broken"),
        ("rust", "foreign"),
        ("text", "ready"),
    ]
    assert document["total"] == 3
    assert list(document["components"][0]) == ["id", "source", "digest", "tools", "status", "problem"]
    rows = [line.split(maxsplit=3) for line in wassette("component", "list").out.splitlines()]
    assert rows[0] == ["ID", "STATUS", "TOOLS", "SOURCE"]
    assert rows[3] == ["text", "ready", "5", f"file://{loaded}/text.wasm"]
    assert "missing" in rows[1][3]
    assert rows[2][:3] == ["rust", "foreign", "-"]


def test_what_is_installed_and_cannot_be_read_is_not_said_to_be_unknown(loaded: Path, wassette: Wassette, home: Path) -> None:
    record = home / ".local/share/wassette/components/text.json"
    record.write_text("{}")
    for command in ("inspect", "verify"):
        ran = wassette("component", command, "text")
        assert ran.code == 1
        assert ran.err.startswith("error: 'text' is broken: ")
        assert ran.err.endswith("\nhint: wassette component unload text\n")
    assert wassette(*ran.err.split()[-4:][1:]).code == 0
    assert wassette("component", "inspect", "text").err.startswith("error: no component 'text' is installed\n")


MISSPELT = 'version: "1.0"\npermissons: {}\n'
UNREADABLE = "permissons: this key is not known here"


def test_a_component_whose_policy_is_broken_is_shown_with_what_is_wrong_with_it(loaded: Path, wassette: Wassette, home: Path) -> None:
    policy = home / ".local/share/wassette/components/text.policy.yaml"
    policy.write_text(MISSPELT)
    problem = f"{policy}:2: {UNREADABLE}"
    ran = wassette("component", "inspect", "text")
    assert (ran.code, ran.err) == (1, f"error: {problem}\nhint: did you mean permissions\n")
    lines = ran.out.splitlines()
    assert lines[0].split() == ["id", "text"]
    assert "  echo(text: string) -> string" in lines
    assert lines[-1] == "what it may do: nothing, for its policy cannot be enforced"
    document = wassette("component", "inspect", "text", "-o", "json").json
    assert (document["id"], document["policy"], document["problem"]) == ("text", None, problem)
    assert len(document["tools"]) == 5
    listed = wassette("component", "list", "-o", "json").json["components"]
    assert [(entry["status"], entry["problem"], len(entry["tools"])) for entry in listed] == [("broken", problem, 5)]


def test_a_policy_file_that_is_none_is_told_as_well(loaded: Path, wassette: Wassette, home: Path) -> None:
    policy = home / ".local/share/wassette/components/text.policy.yaml"
    policy.mkdir()
    ran = wassette("component", "inspect", "text")
    assert ran.code == 1
    assert ran.out.startswith("id ")
    assert ran.err == f"error: cannot read {policy}: Is a directory\nhint: wassette policy reset text\n"


def test_loading_over_a_broken_policy_is_done_and_warns(loaded: Path, wassette: Wassette, home: Path) -> None:
    policy = home / ".local/share/wassette/components/text.policy.yaml"
    policy.write_text(MISSPELT)
    ran = wassette("component", "load", "text.wasm")
    assert (ran.code, ran.err) == (0, f"warning: {policy}:2: {UNREADABLE}\nhint: did you mean permissions\n")
    assert ran.out.startswith("unchanged, nothing was compiled: text\n")


def test_a_broken_policy_in_an_artifact_hides_nothing_of_the_component(components: Path, wassette: Wassette, tmp_path: Path) -> None:
    write_layout(tmp_path / "layout", {"one": artifact((components / "one.wasm").read_bytes(), policy=MISSPELT)})
    ran = wassette("component", "inspect", f"oci-layout://{tmp_path}/layout:one")
    assert (ran.code, ran.err) == (
        1,
        f"error: oci-layout://{tmp_path}/layout:one (policy layer):2: {UNREADABLE}\nhint: did you mean permissions\n",
    )
    assert "1 tool:" in ran.out
    assert ran.out.endswith("a policy came with it that is refused\n")


def test_unload_prints_the_policy_it_removed(loaded: Path, wassette: Wassette) -> None:
    wassette("policy", "grant", "text", "env", "LANG")
    ran = wassette("component", "unload", "text")
    assert (ran.code, ran.err) == (0, "unloaded text, its policy was:\n")
    assert "key: LANG" in ran.out
    assert wassette("component", "unload", "text").code == 1


def test_unload_can_leave_the_policy_where_it_is(loaded: Path, wassette: Wassette) -> None:
    wassette("policy", "grant", "text", "env", "LANG")
    ran = wassette("component", "unload", "text", "--keep-policy")
    assert (ran.out, ran.err) == ("", "unloaded text\n")
    wassette("component", "load", "text.wasm")
    assert "env LANG" in wassette("policy", "show", "text").out
    assert wassette("component", "unload", "text", "-o", "json").json["id"] == "text"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("module", b"\0asm\1\0\0\0"),
        ("truncated", None),
        ("text", b"hello, this is no wasm at all"),
        ("empty", b""),
        ("none", b"\0asm\r\0\1\0"),
    ],
)
def test_what_is_no_component_is_one_clear_error(components: Path, wassette: Wassette, name: str, data: bytes | None) -> None:
    path = components / f"{name}-bad.wasm"
    path.write_bytes((components / "text.wasm").read_bytes()[:-40] if data is None else data)
    ran = wassette("component", "load", path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")
    assert "fault in wassette" not in ran.err
    assert wassette("component", "list", "-o", "json").json["total"] == 0


@pytest.mark.parametrize(
    "reference", ["http://example.com/x.wasm", "ftp://x/y", "oci://ghcr.io/acme/x", "file://relative.wasm", "missing.wasm"]
)
def test_a_reference_that_leads_nowhere_is_an_error_with_what_to_do(components: Path, wassette: Wassette, reference: str) -> None:
    ran = wassette("component", "load", reference)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")


def test_an_id_from_another_source_is_refused(loaded: Path, wassette: Wassette, tmp_path: Path) -> None:
    write_component(tmp_path, "text", ONE_TOOL)
    ran = wassette("component", "load", tmp_path / "text.wasm")
    assert ran.code == 1
    assert "is already installed from" in ran.err


def test_a_wrong_policy_installs_nothing(components: Path, wassette: Wassette) -> None:
    Path("p.yaml").write_text("version: 2\n")
    assert wassette("component", "load", "text.wasm", "--policy", "p.yaml").code == 1
    assert wassette("component", "load", "text.wasm", "--policy", "missing.yaml").err == "error: missing.yaml: no such file\n"
    assert wassette("component", "list", "-o", "json").json["total"] == 0


def test_an_empty_store_is_told_and_prints_no_data(wassette: Wassette, home: Path) -> None:
    ran = wassette("component", "list")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"no component is installed in {home}/.local/share/wassette/components\n"
