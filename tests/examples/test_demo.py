"""The demo is the main job told aloud: it must run, and say what happened in this order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from examples.build import EXAMPLES

MILESTONES = [
    "$ wassette component inspect oci-layout://$EXAMPLES/oci-layout:notes",
    "not verified",
    "loaded time",
    "no access to anything",
    "tools; those of the components",
    "time_convert",
    '"local":"2026-03-27T10:00:00-04:00"',
    "> notes_read(path=~/notes/today.txt)",
    "isError: cannot reach ~/notes/today.txt",
    "storage granted to notes: none",
    "hint: wassette policy grant notes storage PATH --access read",
    "$ wassette policy grant notes storage ~/notes --access read",
    "> notes_read(path=~/notes/today.txt)",
    "  Milk, bread, and the slides for Friday",
    "isError: cannot use ~/notes/today.txt",
    "storage granted to notes: ~/notes (read)",
    "is trusted now, when this key has signed",
    "--explain",
    "verified   signed by key demo (P-256",
    "  met: signed by key demo",
    "nothing against it",
    "/unsigned:notes",
    "is not trusted: trust scope",
    "it has no signatures",
    "$ wassette component sign",
    "/forged:notes",
    "no key of the trust policy made it",
    "Claude Desktop:",
    "VS Code:",
]


def test_the_demo_shows_a_call_held_back_granted_and_made_again(home: Path) -> None:
    done = subprocess.run([sys.executable, EXAMPLES / "demo.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    at = 0
    for milestone in MILESTONES:
        assert milestone in done.stdout[at:], f"{milestone!r} is missing, or earlier than it should be:\n{done.stdout}"
        at = done.stdout.index(milestone, at) + len(milestone)
    assert list(home.rglob("*.wasm")) == []
