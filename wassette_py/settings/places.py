"""Where things are on this system when nobody says otherwise: the XDG folders on Linux, what platformdirs says elsewhere.

It names folders and makes none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_XDG = {
    "component_dir": ("XDG_DATA_HOME", ".local/share", "components"),
    "config_dir": ("XDG_CONFIG_HOME", ".config", ""),
    "cache_dir": ("XDG_CACHE_HOME", ".cache", ""),
    "state_dir": ("XDG_STATE_HOME", ".local/state", ""),
}


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
    home = environ.get("HOME") or os.path.expanduser("~")
    places = {}
    for name, (variable, below_home, inside) in _XDG.items():
        base = environ.get(variable, "")
        # The XDG specification: a relative path in one of these variables is to be ignored.
        root = base if os.path.isabs(base) else os.path.join(home, below_home)
        places[name] = Path(root, "wassette", inside)
    return places
