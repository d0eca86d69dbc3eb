"""`python -m tests.fuzz [TARGET...] [--seconds N] [--by-chance]`: fuzzes each target for N seconds and says how many inputs it ran."""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
from collections.abc import Sequence

from tests.fuzz.engines import by_chance, has_atheris, with_atheris
from tests.fuzz.targets import TARGETS


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    parser.add_argument("--by-chance", action="store_true", help="mutate without looking at coverage, also where atheris is installed")
    given = parser.parse_args(words)
    wrong = set(given.targets) - set(TARGETS)
    if wrong:
        parser.error(f"no such target: {', '.join(sorted(wrong))}")
    total, failed = 0, False
    for name in given.targets or TARGETS:
        guided = has_atheris() and not given.by_chance
        outcome = with_atheris(name, given.seconds) if guided else by_chance(name, given.seconds, secrets.randbits(32))
        total += outcome.executions
        failed = failed or outcome.found is not None
        print(f"{name}: {outcome.executions} executions, {outcome.found or 'nothing found'}", flush=True)
    print(f"{total} executions in all")
    return int(failed)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # what is logged of garbage would be all one sees
    sys.exit(main(sys.argv[1:]))
