"""The house's two tables: who may import whom, and which room owns which third-party package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import wassette_py

PACKAGE = Path(wassette_py.__file__).parent

RANKS = (
    {"__main__"},
    {"cli"},
    {"server", "clients"},
    {"host"},
    {"fetch", "rooting", "sandbox"},
    {"oci", "store", "audit", "secrets"},
    {"policy", "trust", "wit"},
    {"reference", "settings", "catalog"},
    {"limits", "strict_yaml", "control", "files", "stamps", "locking", "names"},
    {"hashing", "wire"},
    {"errors"},
    {"dataclass"},
    {"__init__"},
)
OWNERS = {
    "wasmtime": set[str](),  # its library is what `sandbox.binding` loads; the package takes long to import
    "h11": {"sandbox"},
    "oras": {"oci"},
    "requests": {"oci", "fetch"},
    # Seals of requestState are the server's: bytes it gives a client and takes back once. They say nothing about who made a component.
    "cryptography": {"trust", "secrets", "server.sealing"},
    "sigstore": {"trust"},
    "keyring": {"secrets"},
    "tuf": {"rooting"},
    "mcp": {"server"},
    "mcp_types": {"server"},
    "starlette": {"server"},
    "uvicorn": {"server"},
    "yaml": {"strict_yaml", "policy", "trust", "settings"},
    "typer": {"cli"},
    "click": set[str](),
    "rich": {"cli.render"},
    "platformdirs": {"settings"},
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "wassette_py":
                yield from ((node.lineno, f"wassette_py.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def unit(module: str) -> str:
    """The room or top-level file a module belongs to (`policy.document` -> `policy`)."""
    return module.split(".", 1)[0]


def rank(name: str) -> int:
    found = [index for index, names in enumerate(RANKS) if name in names]
    assert found, f"{name} has no rank: add it to the picture in tests/test_architecture.py"
    return found[0]


def test_imports_go_strictly_downwards_between_rooms() -> None:
    broken = []
    for module, tree in modules():
        for line, target in imported(tree):
            if not target.startswith("wassette_py."):
                continue
            inner = unit(target.removeprefix("wassette_py."))
            inner = "__init__" if inner == "__version__" else inner
            if inner != unit(module) and rank(inner) <= rank(unit(module)):
                broken.append(f"{module}:{line} imports {target}")
    assert broken == []


def test_each_third_party_package_is_imported_by_its_owner_only() -> None:
    broken = []
    for module, tree in modules():
        for line, target in imported(tree):
            owners = OWNERS.get(target.split(".", 1)[0])
            if owners is not None and unit(module) not in owners and module not in owners:
                broken.append(f"{module}:{line} imports {target}")
    assert broken == []


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        unit(module)
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    assert readers <= {"settings"}
