"""One target under atheris: `python -m tests.fuzz.under_atheris TARGET CORPUS OPTION...`; see `engines.py`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["wassette_py"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    name, corpus, *options = sys.argv[1:]
    for number, seed in enumerate(TARGETS[name].seeds):
        Path(corpus, f"seed{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], corpus, *options], TARGETS[name].run)
    atheris.Fuzz()
