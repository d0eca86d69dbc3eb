"""A component becomes tools with names, schemas and documentation, and says what it cannot offer and what it asks for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.every_type import EXAMPLES, TEXT, U8, every_type_component, with_docs
from wassette_py.sandbox.component_type import read_component_type
from wassette_py.sandbox.configuration import make_engine
from wassette_py.sandbox.native import RawComponent, wat2wasm
from wassette_py.wit.describe import Description, NotTool, ToolDefinition, describe, means
from wassette_py.wit.docs import Docs, read_docs
from wassette_py.wit.types import ComponentType, FunctionType, ListType, OptionType, ResultType, UnsupportedType, WitType


@pytest.fixture(scope="module")
def description() -> Description:
    engine = make_engine()
    wasm = with_docs(wat2wasm(every_type_component()))
    return describe(read_component_type(RawComponent.compiled(engine, wasm), engine), read_docs(wasm))


def of(*functions: FunctionType, prefix: str = "") -> Description:
    return describe(ComponentType(("wasi:io/poll@0.2.0",), functions), Docs(), prefix=prefix)


def test_every_export_with_values_is_a_tool(description: Description) -> None:
    names = [tool.name for tool in description.tools]
    assert names == ["text", "numbers", *[f"types_{example.name}" for example in EXAMPLES], "nothing", "trap"]


def test_a_tool_knows_its_export(description: Description) -> None:
    tool = description.tools[2]
    assert (tool.name, tool.interface, tool.function) == ("types_bool", "acme:every/types@1.0.0", "bool")
    assert tool.input_schema["properties"]["x"]["prefixItems"][0] == {"type": "boolean"}
    assert tool.output_schema["properties"]["result"]["prefixItems"][0] == {"type": "boolean"}


def test_a_tool_is_described_by_its_documentation(description: Description) -> None:
    texts = {tool.name: tool.description for tool in description.tools}
    assert texts["text"] == "Gives a text back.\nAs it was."
    assert texts["types_bool"] == "Gives a truth back."
    assert texts["types_s8"] == "acme:every/types@1.0.0#s8 (not documented)"
    assert texts["nothing"] == "nothing (not documented)"


def test_what_cannot_be_a_tool_is_named_with_the_reason(description: Description) -> None:
    assert description.not_tools == (
        NotTool("open", "takes or returns a resource, for which JSON has no value"),
        NotTool("[method]file.size", "belongs to a resource, and no call keeps one for the next"),
        NotTool("mine#init", "is exported by 'mine', an interface without a package"),
    )


@pytest.mark.parametrize(
    "type", [UnsupportedType("stream"), ListType(OptionType(UnsupportedType("stream"))), ResultType(U8, UnsupportedType("stream"))]
)
def test_a_type_without_json_anywhere_in_a_function_makes_it_no_tool(type: WitType) -> None:
    reason = "takes or returns a stream, for which JSON has no value"
    assert of(FunctionType(None, "f", (("a", TEXT), ("b", type)), None)).not_tools == (NotTool("f", reason),)
    assert of(FunctionType("a:b/c", "f", (), type)).not_tools == (NotTool("a:b/c#f", reason),)


def test_an_async_function_is_no_tool() -> None:
    described = of(FunctionType(None, "f", (), None, is_async=True))
    assert described.not_tools == (NotTool("f", "is an async function, which cannot be called yet"),)
    assert described.tools == ()


def test_what_toolchains_export_for_themselves_is_hidden() -> None:
    quickjs = tuple([(name, TEXT) for name in ("shim", "script", "entry-path", "disable-gc")])
    described = of(
        FunctionType("exports", "init", (), None),
        FunctionType("init", "init", (), None),
        FunctionType("wasi:http/incoming-handler@0.2.0", "handle", (), None),
        FunctionType(None, "init", quickjs, None),
        FunctionType(None, "init", (("a", TEXT),), None),
    )
    assert [tool.function for tool in described.tools] == ["init"]
    assert described.tools[0].input_schema["required"] == ["a"]
    assert described.not_tools == ()


def test_a_prefix_stands_in_front_of_every_name() -> None:
    assert [tool.name for tool in of(FunctionType(None, "f", (), None), prefix="mine").tools] == ["mine_f"]


def test_a_description_survives_json(description: Description) -> None:
    assert description.tools
    assert description.not_tools
    text = json.dumps(description.to_json())
    assert Description.from_json(json.loads(text)) == description


def test_a_tool_definition_has_the_names_of_mcp() -> None:
    tool = ToolDefinition("f", None, "f", "does f", {"type": "object"}, {"type": "object"})
    assert set(tool.to_json()) == {"name", "interface", "function", "description", "inputSchema", "outputSchema"}


def test_imports_are_put_in_words_the_most_telling_first() -> None:
    imports = [
        *("wasi:io/poll@0.2.3", "wasi:cli/exit@0.2.3", "wasi:random/random@0.2.3", "wasi:clocks/wall-clock@0.2.3"),
        *("wasi:cli/stdout@0.2.3", "wasi:cli/stdin@0.2.3", "wasi:logging/logging@0.1.0-draft", "wasi:sockets/tcp@0.2.3"),
        *("wasi:config/store@0.2.0-rc.1", "wasi:cli/environment@0.2.3", "wasi:filesystem/types@0.2.3"),
        *("wasi:http/types@0.2.3", "wasi:http/outgoing-handler@0.2.3", "wasi:sockets/ip-name-lookup@0.2.3", "acme:bank/transfer@1.0.0"),
    ]
    assert means(imports) == [
        ("acme:bank/transfer@1.0.0", "uses acme:bank/transfer@1.0.0, which wassette does not provide"),
        ("wasi:http/outgoing-handler@0.2.3", "makes HTTP requests"),
        ("wasi:filesystem/types@0.2.3", "reads files you grant, writes where you grant it"),
        ("wasi:cli/environment@0.2.3", "reads environment variables you grant"),
        ("wasi:config/store@0.2.0-rc.1", "reads configuration you grant"),
        ("wasi:sockets/ip-name-lookup@0.2.3", "looks names up (always refused)"),
        ("wasi:sockets/tcp@0.2.3", "opens raw sockets (always refused)"),
        ("wasi:logging/logging@0.1.0-draft", "writes log lines, which are captured"),
        ("wasi:cli/stdin@0.2.3", "reads standard input (always empty)"),
        ("wasi:cli/stdout@0.2.3", "prints text, which is captured"),
        ("wasi:clocks/wall-clock@0.2.3", "reads the clock"),
        ("wasi:random/random@0.2.3", "draws random numbers"),
    ]


def test_a_component_that_asks_for_nothing_that_matters_has_access_to_nothing() -> None:
    assert means(["wasi:io/poll@0.2.3", "wasi:cli/exit@0.2.3", "wasi:http/types@0.2.3"]) == []


def test_the_stored_description_costs_no_import_of_what_makes_it() -> None:
    script = "import sys, wassette_py.wit.describe as d; d.means(['a:b/c']); print(*[m for m in sys.modules if m.startswith('w')])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "wasmtime" not in loaded
    assert {name for name in loaded if name.startswith("wassette_py.wit.")} == {"wassette_py.wit.describe"}
