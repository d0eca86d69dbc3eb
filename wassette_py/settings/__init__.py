"""What the operator set, read once: `Settings` is handed down, and nothing else reads the environment.

What is named here is imported when it is asked for: `quick.py` is on the way of the first replies of `serve --stdio`, the rest is not.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.settings.auditing import AuditSettings
    from wassette_py.settings.values import RegistrySettings, Settings, known_keys, settings_table, variable_of

__all__ = ["AuditSettings", "RegistrySettings", "Settings", "known_keys", "settings_table", "variable_of"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(name)
    from wassette_py.settings import auditing, values

    return getattr(auditing if name == "AuditSettings" else values, name)
