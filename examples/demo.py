"""The main job, shown: components out of an OCI layout become tools of an MCP client, held back by a policy until a person grants.

Runs the `wassette` beside this Python, as a person and as an MCP client would, in a home of its own that is removed at the end.
`./install.sh --demo` calls it; on an installed copy: PREFIX/lib/wassette/venv/bin/python PREFIX/lib/wassette/examples/demo.py
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from mcp import Client, StdioServerParameters

from wassette_py.clients import snippet

EXAMPLES = Path(__file__).resolve().parent
WASSETTE = Path(sys.executable).parent / "wassette"
NOTE = "Milk, bread, and the slides for Friday\n"


class Stage:
    """Prints the transcript and runs the commands in it, in a home that holds one note."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.notes = home / "notes"
        self.notes.mkdir()
        (self.notes / "today.txt").write_text(NOTE, encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WASSETTE_", "XDG_"))}
        self.environment = {**kept, "HOME": str(home), "COLUMNS": "120", "NO_COLOR": "1"}

    def title(self, text: str) -> None:
        self.say(f"\n\033[1m{text}\033[0m\n" if sys.stdout.isatty() else f"\n{text}\n{'-' * len(text)}\n")

    def tell(self, text: str) -> None:
        self.say(textwrap.fill(" ".join(text.split()), 110) + "\n")

    def say(self, text: str, indent: str = "") -> None:
        """Prints with the folders of this run written the short way."""
        for folder, short in ((quote(EXAMPLES.as_posix()), "$EXAMPLES"), (str(EXAMPLES), "$EXAMPLES"), (str(self.home), "~")):
            text = text.replace(folder, short)
        print(textwrap.indent(text, indent), flush=True)

    def run(self, *words: str, brief: bool = False, refused: bool = False) -> None:
        """A command as a person types it, with what it answers; `brief` leaves out the list of tools in the middle."""
        self.say(f"$ wassette {shlex.join(words)}")
        command = [str(WASSETTE), *words]
        done = subprocess.run(
            command, env=self.environment, cwd=self.home, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        parts = (done.stdout + done.stderr).rstrip().split("\n\n")
        shown = [parts[0].splitlines()[0], *parts[2:]] if brief and done.returncode == 0 else parts
        self.say(("\n  …\n" if shown is not parts else "\n\n").join(shown), "  ")
        print(flush=True)
        if done.returncode != (3 if refused else 0):
            raise SystemExit(f"wassette {shlex.join(words)} ended with {done.returncode}")

    async def call(self, client: Client, name: str, arguments: Mapping[str, object], *, refused: bool = False) -> None:
        """A tool call as a model makes it, with what it gets back."""
        listed = ", ".join(f"{key}={value}" for key, value in arguments.items())
        self.say(f"> {name}({listed})")
        result = await client.call_tool(name, dict(arguments))
        text = "\n".join(getattr(part, "text", "") for part in result.content)
        self.say(("isError: " if result.is_error else "") + text.rstrip().replace("\n", "\n         " if result.is_error else "\n"), "  ")
        print(flush=True)
        if result.is_error is not refused:
            raise SystemExit(f"{name} was {'not ' if refused else ''}refused, against what this demo shows")


async def show(stage: Stage) -> None:
    layout = f"oci-layout://{quote(EXAMPLES.as_posix())}/oci-layout"
    note = {"path": str(stage.notes / "today.txt")}

    stage.title("1. What is in this artifact, and what could it do?")
    stage.tell("Nothing is trusted or run yet: inspect fetches, checks the digest, and reads the types.")
    stage.run("component", "inspect", f"{layout}:notes")

    stage.title("2. Load three components")
    for name in ("time", "diff", "notes"):
        stage.run("component", "load", f"{layout}:{name}", brief=True)
    stage.run("component", "list")
    stage.tell("Their code runs in a sandbox that holds what a policy grants. Nothing was granted:")
    stage.run("policy", "show", "notes")

    stage.title("3. An MCP client connects: wassette serve --stdio")
    server = StdioServerParameters(command=str(WASSETTE), args=["serve", "--stdio"], env=stage.environment)
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        stage.tell(f"The MCP SDK's client, protocol {client.protocol_version}, sees {len(tools)} tools; those of the components:")
        for tool in tools:
            if tool.name.startswith(("time_", "diff_", "notes_")):
                stage.say(f"{tool.name:15} {(tool.description or '').splitlines()[0]}", "  ")
        print()
        stage.tell("A call that needs no grant:")
        await stage.call(client, "time_convert", {"at": "2026-03-27T15:00", "from": "Europe/Berlin", "to": "America/New_York"})
        stage.tell("A call that does. The model gets the reason, and the command that a person could run:")
        await stage.call(client, "notes_read", note, refused=True)

        stage.title("4. A person grants the folder, to read, while the server runs")
        stage.run("policy", "grant", "notes", "storage", str(stage.notes), "--access", "read")
        stage.tell("The same call again, over the same connection:")
        await stage.call(client, "notes_read", note)
        stage.tell("To read was granted; to write was not:")
        await stage.call(client, "notes_write", {**note, "text": "changed"}, refused=True)
    if (stage.notes / "today.txt").read_text(encoding="utf-8") != NOTE:
        raise SystemExit("the note was changed, against the policy")


def show_signatures(stage: Stage) -> None:
    """The examples are signed; what is not signed, or by somebody else, is refused."""
    layout, key = f"oci-layout://{quote(EXAMPLES.as_posix())}/oci-layout", str(EXAMPLES / "demo.pub")
    stage.tell("A layout on this machine is accepted as it is. From now on, this one's components must be signed by the key in demo.pub:")
    stage.run("trust", "add", layout, "--key", key)
    stage.run("component", "verify", f"{layout}:notes", "--explain")
    mirror = stage.home / "mirror"
    scope = f"oci-layout://{quote(mirror.as_posix())}"
    stage.tell("Two copies that a mirror might hand out: one without signatures, one signed with somebody else's key.")
    for name in ("unsigned", "forged"):
        copy_unsigned(mirror / name)
    stage.run("trust", "add", scope, "--key", key)
    stage.run("component", "load", f"{scope}/unsigned:notes", "--name", "copy", refused=True)
    (stage.home / "password").write_text("mallory\n", encoding="utf-8")
    stage.run("trust", "generate-key", "mallory", "--password-file", "password")
    stage.run("component", "sign", f"{scope}/forged:notes", "--key", "mallory.key", "--password-file", "password")
    stage.run("component", "load", f"{scope}/forged:notes", "--name", "copy", refused=True)


def copy_unsigned(folder: Path) -> None:
    """The example layout without its signatures."""
    shutil.copytree(EXAMPLES / "oci-layout", folder)
    index = json.loads((folder / "index.json").read_text("utf-8"))
    components = [one for one in index["manifests"] if not one["annotations"]["org.opencontainers.image.ref.name"].startswith("sha256-")]
    (folder / "index.json").write_text(json.dumps({**index, "manifests": components}), encoding="utf-8")


def show_clients() -> None:
    """What to paste, with the command that stays when this demo is gone."""
    for client in ("claude-desktop", "claude-code", "vscode"):
        made = snippet(client, [str(WASSETTE), "serve", "--stdio"])
        print(f"{made.title}: {made.place}\n{textwrap.indent(made.text, '  ')}", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="wassette-demo-") as home:
        stage = Stage(Path(home).resolve())
        print(f"$EXAMPLES is {EXAMPLES}, ~ an empty home for this demo but for one file, notes/today.txt.", flush=True)
        asyncio.run(show(stage))
        stage.title("5. Nothing runs that is not proven")
        show_signatures(stage)
        stage.title("6. In your client")
        show_clients()
        stage.tell("Nothing of this was kept. ./install.sh installs the command; wassette component load brings your first component.")


if __name__ == "__main__":
    main()
