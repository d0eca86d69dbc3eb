"""Builds the examples: `python examples/build.py [NAME...]`, all when none is named.

Those in JavaScript go into the OCI image layout beside this file; `query`, in Python and so 18 MB, becomes `query/query.wasm`. Needs the
development tools of this project (`./install.sh --test` makes `.venv` with them). Three things are done beyond calling the toolchains:

* JavaScript imports only what its world imports. The QuickJS runtime imports most of WASI, used or not; `--stub-wasi` cuts every `wasi:`
  import off. So the interfaces a world names are built under another name of the same length and named back afterwards.
* The components of the layout are signed, all anew with a new key, since the one before was thrown away.
* The comments of the WIT become a `package-docs` section, from which hosts read descriptions. These toolchains do not write it yet.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parent
sys.path.insert(0, str(EXAMPLES.parent))

from tests.layout_writer import write_layout  # noqa: E402 - the checkout is not installed
from tests.toolchain import build_python, build_qjs  # noqa: E402
from wassette_py.control import Control  # noqa: E402
from wassette_py.oci.attaching import LayoutPlace, Subject, attach_bundle  # noqa: E402
from wassette_py.oci.layout_target import LOCK, LayoutTarget  # noqa: E402
from wassette_py.reference import LayoutReference  # noqa: E402
from wassette_py.trust.private_keys import generate  # noqa: E402
from wassette_py.trust.signing import sign_bundle  # noqa: E402

LAYOUT = EXAMPLES / "oci-layout"
PUBLIC_KEY = EXAMPLES / "demo.pub"
WORLDS = {"diff": "diff-tools", "fetch": "fetch-tools", "notes": "note-tools", "time": "time-tools"}
REAL, STAND_IN = "wasi:", "w4si:"


def build(name: str) -> bytes:
    """The component of one example."""
    folder = EXAMPLES / name
    wit = {path.relative_to(folder / "wit").as_posix(): path.read_text("utf-8") for path in sorted((folder / "wit").rglob("*.wit"))}
    if name == "query":
        wasm = build_python(name, wit, "query-tools", folder / "app").read_bytes()
    else:
        source = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.js"))}
        built = build_qjs(name, _renamed(wit), WORLDS[name], _renamed(source), "--opt-size", "--sync", "--stub-wasi")
        wasm = built.read_bytes().replace(STAND_IN.encode(), REAL.encode())
    return wasm + custom_section("package-docs", b"\1" + json.dumps(wit_docs(wit[f"{name}.wit"]), sort_keys=True).encode())


def wit_docs(text: str) -> dict[str, object]:
    """The `///` comments of a WIT file's interfaces, worlds and functions, as the `package-docs` section holds them."""
    found: dict[str, dict[str, dict[str, object]]] = {"interfaces": {}, "worlds": {}}
    docs: list[str] = []
    functions: dict[str, object] = {}
    for line in text.splitlines():
        if comment := re.match(r"\s*/// ?(.*)", line):
            docs.append(comment[1])
            continue
        if scope := re.match(r"(interface|world) %?([a-z0-9-]+)", line):
            functions = {}
            key = "funcs" if scope[1] == "interface" else "func_exports"
            found[f"{scope[1]}s"][scope[2]] = {"docs": "\n".join(docs), key: functions}
        elif function := re.match(r"\s+(?:export )?%?([a-z0-9-]+): func", line):
            functions[function[1]] = {"docs": "\n".join(docs)}
        docs = []
    return dict(found)


def custom_section(name: str, data: bytes) -> bytes:
    """A WebAssembly custom section."""
    content = _leb128(len(name.encode())) + name.encode() + data
    return b"\0" + _leb128(len(content)) + content


def main() -> None:
    """Builds the named examples, or all; the others stay in the layout as they are."""
    names = sys.argv[1:] or [*WORLDS, "query"]
    if not set(names) <= {*WORLDS, "query"}:
        sys.exit(__doc__)
    if "query" in names:
        (EXAMPLES / "query" / "query.wasm").write_bytes(build("query"))
    write_layout(LAYOUT, {name: build(name) if name in names else stored(name) for name in WORLDS})
    sign_layout()
    kept = named()
    for blob in (LAYOUT / "blobs" / "sha256").iterdir():
        if f"sha256:{blob.name}" not in kept:
            blob.unlink()


def sign_layout() -> None:
    """Signs every component of the layout with a key that nobody has afterwards; its public half is `demo.pub`."""
    key, control = generate(), Control()
    for name in WORLDS:
        target = LayoutTarget(LayoutReference(LAYOUT, name))
        data, media_type, digest = target.resolve(control)
        attach_bundle(LayoutPlace(target), Subject(data, media_type), sign_bundle(key, digest), control)
    (LAYOUT / LOCK).unlink()
    PUBLIC_KEY.write_text(key.public_pem, encoding="utf-8")


def stored(name: str) -> bytes:
    """The component in the layout."""
    index = json.loads((LAYOUT / "index.json").read_text("utf-8"))
    digest = next(entry["digest"] for entry in index["manifests"] if entry["annotations"]["org.opencontainers.image.ref.name"] == name)
    return _blob(json.loads(_blob(digest))["layers"][0]["digest"])


def _blob(digest: str) -> bytes:
    return (LAYOUT / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def named(document: dict[str, Any] | None = None) -> set[str]:
    """What a document of the layout names, and what that names; of the whole layout without one."""
    document = document or json.loads((LAYOUT / "index.json").read_text("utf-8"))
    below = {entry["digest"] for entry in document.get("manifests", [])}
    parts = {part["digest"] for part in [document.get("config"), *document.get("layers", [])] if part}
    return below | parts | {name for digest in below for name in named(json.loads(_blob(digest)))}


def _renamed(files: dict[str, str]) -> dict[str, str]:
    return {name: text.replace(REAL, STAND_IN) for name, text in files.items()}


def _leb128(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _leb128(rest) if rest else bytes([low])


if __name__ == "__main__":
    main()
