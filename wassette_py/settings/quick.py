"""Where the components are, for whoever cannot wait for all settings: known at once when nothing but a flag can have changed it.

This module imports nothing but `os` and `sys`: a client's first replies wait for it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

XDG = {
    "component_dir": ("XDG_DATA_HOME", ".local/share", "components"),
    "config_dir": ("XDG_CONFIG_HOME", ".config", ""),
    "cache_dir": ("XDG_CACHE_HOME", ".cache", ""),
    "state_dir": ("XDG_STATE_HOME", ".local/state", ""),
}


def home_folder(environ: Mapping[str, str]) -> str:
    """The home of whoever runs this. Raises LookupError where none is known: a `~` or a `./.local` would be made wherever one stands."""
    home = environ.get("HOME") or os.path.expanduser("~")
    if not os.path.isabs(home):
        raise LookupError(home)
    return home


def xdg_place(name: str, environ: Mapping[str, str]) -> str:
    """One of those folders, when nobody says otherwise. Raises LookupError where that is below a home that is not known."""
    variable, below_home, inside = XDG[name]
    base = environ.get(variable, "")
    # The XDG specification: a relative path in one of these variables is to be ignored.
    root = base if os.path.isabs(base) else os.path.join(home_folder(environ), below_home)
    return os.path.join(root, "wassette", inside)


def quick_component_dir(flag: str | None, *, platform: str = sys.platform) -> str | None:
    """The component directory; None when a file or a variable has a say in the settings, and on systems where it takes long to know."""
    if platform in ("darwin", "win32") or any(name.startswith("WASSETTE_") for name in os.environ):
        return None
    try:
        if os.path.lexists(os.path.join(xdg_place("config_dir", os.environ), "config.yaml")):
            return None
        return os.path.abspath(flag or xdg_place("component_dir", os.environ))
    except LookupError:
        return None
