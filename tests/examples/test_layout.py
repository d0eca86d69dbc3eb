"""The committed layout is what the sources build, small, and asks for no more than its README says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from examples.build import EXAMPLES, LAYOUT, PUBLIC_KEY, WORLDS, build, named, stored, wit_docs
from tests.cli.conftest import Wassette, wassette
from wassette_py.policy.document import parse_policy
from wassette_py.reference import LayoutReference, parse_reference
from wassette_py.sandbox.component_type import read_component_type
from wassette_py.sandbox.configuration import make_engine
from wassette_py.sandbox.native import RawComponent
from wassette_py.wit.describe import Description, describe
from wassette_py.wit.docs import read_docs

__all__ = ["wassette"]

IMPORTS = {
    "diff": (),
    "fetch": (
        "wasi:io/poll@0.2.3",
        "wasi:io/error@0.2.3",
        "wasi:io/streams@0.2.3",
        "wasi:http/types@0.2.3",
        "wasi:http/outgoing-handler@0.2.3",
    ),
    "notes": ("wasi:clocks/wall-clock@0.2.3", "wasi:filesystem/types@0.2.3", "wasi:filesystem/preopens@0.2.3"),
    "time": ("wasi:clocks/wall-clock@0.2.3",),
}


@cache
def described(wasm: bytes) -> Description:
    engine = make_engine()
    return describe(read_component_type(RawComponent.compiled(engine, wasm), engine), read_docs(wasm))


@pytest.mark.toolchain
@pytest.mark.parametrize("name", sorted(WORLDS))
def test_a_rebuilt_example_has_the_tools_of_the_committed_one(name: str) -> None:
    assert described(build(name)) == described(stored(name))


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_an_example_in_the_layout_is_at_most_2_mb(name: str) -> None:
    assert len(stored(name)) <= 2_000_000


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_an_example_imports_only_what_its_world_names(name: str) -> None:
    assert described(stored(name)).imports == IMPORTS[name]


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_every_tool_of_an_example_says_what_it_does(name: str) -> None:
    description = described(stored(name))
    assert description.not_tools == ()
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    for tool in description.tools:
        assert len(tool.description) > 20
        assert f"`{tool.name}`" in readme


@pytest.mark.parametrize("name", [*sorted(WORLDS), "query"])
def test_the_policy_of_an_example_can_be_read(name: str, home: Path) -> None:
    path = EXAMPLES / name / "policy.yaml"
    assert parse_policy(path.read_text(encoding="utf-8"), str(path), home=home).description


def test_the_layout_holds_nothing_else() -> None:
    blobs = {path.name for path in (LAYOUT / "blobs" / "sha256").iterdir()}
    # A component: manifest, config, wasm; its signature: bundle, referrer, list of referrers; and one empty config for all referrers.
    assert len(blobs) == 6 * len(WORLDS) + 1
    assert {f"sha256:{name}" for name in blobs} == named()


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_every_example_is_signed_by_the_key_in_the_repository(name: str, wassette: Wassette) -> None:
    reference = f"oci-layout://{LAYOUT}:{name}"
    assert wassette("trust", "add", f"oci-layout://{LAYOUT}", "--key", PUBLIC_KEY).code == 0
    verified = wassette("component", "verify", reference, "-o", "json").json
    assert verified["verified"]["kind"] == "signed"
    assert not [path.name for path in EXAMPLES.rglob("*.key")]


def test_the_catalogue_names_the_examples_of_the_layout() -> None:
    catalog = json.loads((EXAMPLES.parent / "wassette_py" / "catalog.json").read_text(encoding="utf-8"))
    assert {entry["name"] for entry in catalog["components"]} == set(WORLDS)
    for entry in catalog["components"]:
        reference = parse_reference(entry["uri"].replace("{examples}", EXAMPLES.as_posix()))
        assert reference == LayoutReference(LAYOUT, entry["name"])
        assert reference.default_id == entry["name"]
        assert entry["description"]


def test_the_docs_of_a_wit_file_are_found_where_hosts_look_for_them() -> None:
    text = """
/// About the interface,
/// in two lines.
interface tools {
  /// About a record.
  record pair { a: u8 }
  /// About a function.
  %list: func(a: u8);
  bare: func();
}

/// About the world.
world all {
  import tools;
  /// About an export.
  export run: func();
}
"""
    assert wit_docs(text) == {
        "interfaces": {
            "tools": {"docs": "About the interface,\nin two lines.", "funcs": {"list": {"docs": "About a function."}, "bare": {"docs": ""}}}
        },
        "worlds": {"all": {"docs": "About the world.", "func_exports": {"run": {"docs": "About an export."}}}},
    }
