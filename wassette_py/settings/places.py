"""Where things are on this system when nobody says otherwise: the XDG folders on Linux, what platformdirs says elsewhere.

It names folders and makes none.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping

from wassette_py.settings.quick import XDG, home_folder, xdg_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def home() -> Path | None:
    """What `~` stands for; None where no home is known."""
    from pathlib import Path

    try:
        return Path(home_folder(os.environ))
    except LookupError:
        return None


def default_places(environ: Mapping[str, str], *, platform: str = sys.platform) -> dict[str, str]:
    """component_dir, config_dir, cache_dir and state_dir, without those below a home that is not known."""
    if platform in ("darwin", "win32"):
        from platformdirs import PlatformDirs

        dirs = PlatformDirs("wassette", appauthor=False)
        return {
            "component_dir": os.path.join(dirs.user_data_dir, "components"),
            "config_dir": dirs.user_config_dir,
            "cache_dir": dirs.user_cache_dir,
            "state_dir": dirs.user_state_dir,
        }
    found: dict[str, str] = {}
    for name in XDG:
        with contextlib.suppress(LookupError):
            found[name] = xdg_place(name, environ)
    return found
