"""Where things are on this system when nobody says otherwise: the XDG folders on Linux, what platformdirs says elsewhere.

It names folders and makes none.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from wassette_py.settings.quick import XDG, xdg_place


def default_places(environ: Mapping[str, str], *, platform: str = sys.platform) -> dict[str, Path]:
    """component_dir, config_dir, cache_dir and state_dir."""
    if platform in ("darwin", "win32"):
        from platformdirs import PlatformDirs

        dirs = PlatformDirs("wassette", appauthor=False)
        return {
            "component_dir": dirs.user_data_path / "components",
            "config_dir": dirs.user_config_path,
            "cache_dir": dirs.user_cache_path,
            "state_dir": dirs.user_state_path,
        }
    return {name: Path(xdg_place(name, environ)) for name in XDG}
