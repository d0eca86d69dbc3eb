"""The operator's secrets: values kept encrypted, or references to where they are. Which component gets one is a policy's business."""

from __future__ import annotations

from wassette_py.secrets.redaction import Redactor
from wassette_py.secrets.store import Secret, SecretStore

__all__ = ["Redactor", "Secret", "SecretStore"]
