"""wassette: untrusted WebAssembly components as tools for AI agents, verified and confined by a deny-by-default policy.

Stable are the command line, the file formats and the JSON documents it prints; the modules are not an API yet.
"""

from __future__ import annotations

__version__ = "0.1.0"
