"""What the operator set, read once: `Settings` is handed down, and nothing else reads the environment."""

from __future__ import annotations

from wassette_py.settings.auditing import AuditSettings
from wassette_py.settings.values import RegistrySettings, Settings, known_keys, settings_table, variable_of

__all__ = ["AuditSettings", "RegistrySettings", "Settings", "known_keys", "settings_table", "variable_of"]
