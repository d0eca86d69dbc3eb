"""Where things are on this system when nobody says otherwise: the XDG folders on Linux, what platformdirs says elsewhere.

It names folders and makes none.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from wassette_py.settings.quick import XDG, home_folder, xdg_place


def home() -> Path | None:
    """What `~` stands for; None where no home is known."""
    try:
        return Path(home_folder(os.environ))
    except LookupError:
        return None


def default_places(environ: Mapping[str, str], *, platform: str = sys.platform) -> dict[str, Path]:
    """component_dir, config_dir, cache_dir and state_dir, without those below a home that is not known."""
    if platform in ("darwin", "win32"):
        from platformdirs import PlatformDirs

        dirs = PlatformDirs("wassette", appauthor=False)
        return {
            "component_dir": dirs.user_data_path / "components",
            "config_dir": dirs.user_config_path,
            "cache_dir": dirs.user_cache_path,
            "state_dir": dirs.user_state_path,
        }
    found: dict[str, Path] = {}
    for name in XDG:
        with contextlib.suppress(LookupError):
            found[name] = Path(xdg_place(name, environ))
    return found
