"""`python -m tests.benchmarks`: one table, every program in the same run, turn by turn.

WASSETTE_PEER names a command that runs the Rust wassette 0.8.0; without it that column is empty. The numbers of a busy machine are worth
nothing; the ratios of one run are worth something.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import calls, engine, programs, starts, web
from tests.benchmarks.bench import Bench
from tests.benchmarks.table import Row, as_json, markdown

GROUPS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "start": starts.start,
    "listing": starts.listing,
    "load": starts.load,
    "commands": starts.commands,
    "latency": calls.latency,
    "sizes": calls.sizes,
    "throughput": calls.throughput,
    "spinning": calls.spinning,
    "web": web.requests,
    "memory": calls.memory,
    "engine": engine.cost,
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], help="what to measure (default: all)")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--small", action="store_true", help="without the CPython and StarlingMonkey components, which take a minute")
    parser.add_argument("--counts", default="100,1000", help="how many components are listed")
    parser.add_argument("--json", type=Path, help="keep the samples")
    given = parser.parse_args(arguments)
    counts = tuple([int(count) for count in given.counts.split(",") if count])
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        bench = Bench(_programs(home), home, given.rounds, given.calls, not given.small, counts)
        rows = []
        for group in given.groups or GROUPS:
            print(f"{group} …", file=sys.stderr, flush=True)
            rows += list(GROUPS[group](bench))
    print(markdown(rows, [*(program.name for program in bench.programs), engine.FLOOR]))
    if given.json:
        given.json.write_text(json.dumps(as_json(rows), indent=1))
    return 0


def _programs(home: Path) -> list[programs.Program]:
    found = [programs.ours(home / "ours"), programs.plain(home / "plain")]
    peer = os.environ.get("WASSETTE_PEER")
    if peer:
        found.insert(1, programs.rust(home / "rust", peer))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
