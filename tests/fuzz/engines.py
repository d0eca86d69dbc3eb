"""How inputs are made: by mutation without looking, or by atheris, which looks at what each input reached. One process a target."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

LONGEST = 2.0
MEMORY_MIB = 1024
MAX_LENGTH = 16_384
_TOKENS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b'"',
    b"\\",
    b"\n",
    b"\0",
    b"\xff",
    b"&a",
    b"*a",
    b"!!x",
    b"- ",
    b"? ",
    b"%2e",
    b"../",
    b"//",
    b"@",
    b"#",
]
_TOKENS += [
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"NaN",
    b"9" * 400,
    b"[" * 500,
    b"{" * 100,
    b"\xe2\x80\xae",
    b"\xf0\x9f\x98\x80",
    b"\\ud800",
    b"::",
]


def mutated(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with some of it removed, repeated, replaced, or taken from another seed."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(data) + 1)
        size = chance.choice((0, 1, 1, 4, 30))
        other = chance.choice(seeds)
        start = chance.randrange(len(other) + 1)
        new = chance.choice(
            (b"", chance.randbytes(chance.choice((1, 1, 8))), chance.choice(_TOKENS), other[start : start + 40], bytes(data[at:]) * 3)
        )
        data[at : at + size] = new
    return bytes(data[:MAX_LENGTH])


@dataclass(frozen=True)
class Outcome:
    """How many inputs were run, and what was found (None: nothing)."""

    executions: int
    found: str | None


def with_atheris(name: str, seconds: int, seed: int = 0) -> Outcome:
    """Runs a target under atheris, in a process that is ended when an input takes too long or too much. Seed 0: another one each time."""
    with tempfile.TemporaryDirectory() as folder:
        bounds = [f"-timeout={LONGEST * 5:.0f}", f"-rss_limit_mb={MEMORY_MIB}", f"-max_len={MAX_LENGTH}"]
        # NOTE: a process counts what its parent held when it was started as memory of its own; a shell's is little, ours is not.
        command = [
            "sh",
            "-c",
            '"$@"; exit $?',
            "sh",
            sys.executable,
            "-m",
            "tests.fuzz.under_atheris",
            name,
            folder,
            "-print_final_stats=1",
            f"-artifact_prefix={folder}/",
            f"-max_total_time={seconds}",
            f"-seed={seed}",
            *bounds,
        ]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=Path(__file__).parents[2])
        found = [path.read_bytes() for path in Path(folder).glob("*-*") if path.name.split("-")[0] in ("crash", "timeout", "oom")]
    count = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr) or re.search(r"Done (\d+) runs", done.stderr)
    problem = None if done.returncode == 0 else f"{found!r}\n{done.stderr[-3000:]}"
    return Outcome(int(count[1]) if count else 0, problem)


def by_chance(name: str, seconds: float, seed: int) -> Outcome:
    """Runs a target on mutations of its seeds, in this process."""
    from tests.fuzz.targets import TARGETS

    target, chance, count = TARGETS[name], random.Random(seed), 0
    until = time.monotonic() + seconds
    while count == 0 or time.monotonic() < until:
        data = mutated(chance, target.seeds)
        began = time.thread_time()
        try:
            target.run(data)
        except Exception as error:
            return Outcome(count, f"{data!r}: {type(error).__name__}: {error}")
        count += 1
        if time.thread_time() - began > LONGEST:
            return Outcome(count, f"{data!r} took {time.thread_time() - began:.1f} s of processor time")
    return Outcome(count, None)


def has_atheris() -> bool:
    """Whether it is installed: it has no wheels for every platform."""
    return find_spec("atheris") is not None
